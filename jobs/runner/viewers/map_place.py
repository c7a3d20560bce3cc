"""Where the map of xcube's viewer shows a data set, in a window of any size."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass

TILE = 256
MOST_TILES = 4
MOST_ZOOM = 18
_POLE = 89.999_999


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set lies on the map: in pixels of a zoom level, from the world's upper left."""

    zoom: int
    x1: float
    y1: float
    x2: float
    y2: float
    """Beyond the world if the data reach farther towards a pole than the map does."""

    @classmethod
    def of(cls, bounds: Sequence[float]) -> Place | None:
        """The place of bounds in degrees, at the last level of a few tiles; None across ±180°."""
        west, south, east, north = (float(it) for it in bounds)
        x1, x2 = (max(west, -180) + 180) / 360, (min(east, 180) + 180) / 360
        y1, y2 = _down(north), _down(south)
        if not (x1 < x2 and y1 < y2 and y1 < 1 and y2 > 0):
            return None
        found = None
        for zoom in range(MOST_ZOOM + 1):
            size = TILE * 2**zoom
            place = cls(zoom, size * x1, size * y1, size * x2, size * y2)
            if found and len(place.columns) * len(place.rows) > MOST_TILES:
                break
            found = place
        return found

    @property
    def columns(self) -> range:
        return self._tiles(self.x1, self.x2)

    @property
    def rows(self) -> range:
        return self._tiles(self.y1, self.y2)

    def _tiles(self, first: float, last: float) -> range:
        return range(max(0, math.floor(first / TILE)), min(2**self.zoom, math.ceil(last / TILE)))

    def svg(self, png: bytes) -> bytes:
        """The image of the tiles where a map of any size shows them.

        The map shows the whole data set, but never more than one world. So a window that is higher
        or wider than the data set shows a whole world in this direction.
        """
        world = TILE * 2**self.zoom
        left, top = TILE * self.columns[0], TILE * self.rows[0]
        x, y = self.x1 - left, self.y1 - top
        width, height = self.x2 - self.x1, max(self.y2 - self.y1, 1)
        middle, align = y + height / 2 - 0.5, "Mid"
        if height > world and abs(middle + top - world / 2) > world / 10:
            middle, align = (-top, "Min") if middle + top < world / 2 else (world - top - 1, "Max")
        boxes = {
            "whole": ((x, y, width, height), "Mid"),
            "high": ((x + width / 2 - 0.5, -top, 1, world), "Mid"),
            "wide": ((-left, middle, world, 1), align),
        }
        views = "".join(
            f'<svg class="{name}" viewBox="{" ".join(f"{number:.3f}" for number in box)}" '
            f'preserveAspectRatio="xMidY{align}"><use href="#data"/></svg>'
            for name, (box, align) in boxes.items()
        )
        high = f"(max-aspect-ratio: {width:.0f}/{world})"
        if height > world:
            high = "(max-aspect-ratio: 999/1000)"
        wide = f"(min-aspect-ratio: {world}/{min(height, world):.0f})"
        return (
            '<svg xmlns="http://www.w3.org/2000/svg"><style>'
            "image { image-rendering: pixelated; } .high, .wide { display: none; } "
            f"@media {high} {{ .whole {{ display: none; }} .high {{ display: inline; }} }} "
            f"@media {wide} {{ .whole {{ display: none; }} .wide {{ display: inline; }} }}"
            f'</style><defs><image id="data" width="{TILE * len(self.columns)}" '
            f'height="{TILE * len(self.rows)}" '
            f'href="data:image/png;base64,{base64.b64encode(png).decode()}"/></defs>{views}</svg>'
        ).encode()


def _down(latitude: float) -> float:
    """How far down the map a latitude is, from 0 to 1; the poles are far beyond."""
    angle = math.radians(max(-_POLE, min(_POLE, latitude)))
    return 0.5 - math.log(math.tan(math.pi / 4 + angle / 2)) / (2 * math.pi)
