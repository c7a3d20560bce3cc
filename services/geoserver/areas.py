"""The area that a map of a layer shows."""

from __future__ import annotations

from collections.abc import Sequence

_WORLD = ("EPSG:4326", [-180.0, -90.0, 180.0, 90.0])


def map_area(srs: str, bbox: Sequence[float] | None) -> tuple[str, list[float]]:
    """SRS and x1, y1, x2, y2: of the data, at least a little; the world if there is none."""
    if not srs or bbox is None:
        return _WORLD
    x1, y1, x2, y2 = bbox
    margin_x = 0.0 if x1 < x2 else max(abs(x1) * 1e-6, 1e-3)
    margin_y = 0.0 if y1 < y2 else max(abs(y1) * 1e-6, 1e-3)
    return srs, [x1 - margin_x, y1 - margin_y, x2 + margin_x, y2 + margin_y]
