"""Draws the first picture of a viewer's page: tiles of what its program will choose.

`page.py` says where it stands. xcube's viewer 1.7 shows the data set and the variable that its
address names, else the first ones, at the last time; its map shows the whole data set.
"""

from __future__ import annotations

import io
import math
from urllib.parse import parse_qs, urlsplit

import numpy as np
import PIL.Image
from xcube.core.tile import compute_rgba_tile
from xcube.core.tilingscheme import TilingScheme
from xcube.webapi.datasets.context import DatasetsContext
from xcube.webapi.datasets.controllers import get_dataset

from ..system.process import say
from .map_place import TILE, Place

PATH = "/viewer/first-picture.svg"
CRS = "EPSG:3857"
MOST_VALUES = 4_000_000
MOST_CHUNKS = 16
"""What is larger takes long to draw, and the program will soon ask for the same."""

EMPTY = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def draw(datasets: DatasetsContext, address: str) -> bytes:
    """What a viewer at this address shows first, as SVG; an empty one if there is nothing."""
    try:
        asked = parse_qs(urlsplit(address).query, max_num_fields=20)
        found = _draw(datasets, *(asked.get(name, [""])[0] for name in ("dataset", "variable")))
    except Exception as error:  # noqa: BLE001 - the program says what is wrong with the data
        say(f"no first picture: {type(error).__name__}: {error}")
        return EMPTY
    return found or EMPTY


def _draw(datasets: DatasetsContext, name: str, variable: str) -> bytes | None:
    shown_ones = (it for it in datasets.get_dataset_configs() if not it.get("Hidden"))
    if name not in {config["Identifier"] for config in shown_ones}:
        return None
    told = get_dataset(datasets, name)
    shown = next((it for it in told["variables"] if it["name"] == variable), told["variables"][0])
    place = Place.of(told["bbox"])
    if place is None or _is_large(datasets, name, shown["name"], place):
        return None
    times = [it["coordinates"] for it in told["dimensions"] if it["name"] == "time"]
    cube, columns, rows = datasets.get_ml_dataset(name), place.columns, place.rows
    image = np.zeros((TILE * len(rows), TILE * len(columns), 4), np.uint8)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            image[TILE * i : TILE * (i + 1), TILE * j : TILE * (j + 1)] = compute_rgba_tile(
                cube,
                (shown["name"],),
                column,
                row,
                place.zoom,
                datasets.colormap_registry,
                crs_name=CRS,
                cmap_name=shown["colorBarName"],
                cmap_norm=shown["colorBarNorm"],
                value_ranges=((shown["colorBarMin"], shown["colorBarMax"]),),
                non_spatial_labels={"time": times[0][-1]} if times and times[0] else {},
                format="numpy",
            )
    return place.svg(_png(image))


def _is_large(datasets: DatasetsContext, name: str, variable: str, place: Place) -> bool:
    """Whether many chunks would be read."""
    cube = datasets.get_ml_dataset(name)
    level = TilingScheme.for_crs(CRS).get_resolutions_level(
        place.zoom, cube.avg_resolutions, cube.grid_mapping.spatial_unit_name
    )
    array = cube.get_dataset(level)[variable]
    chunks = math.prod(len(sizes) for sizes in (array.chunks or ())[-2:])
    return math.prod(array.shape[-2:]) > MOST_VALUES or chunks > MOST_CHUNKS


def _png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "png", compress_level=1)
    return stream.getvalue()
