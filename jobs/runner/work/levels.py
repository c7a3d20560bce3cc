"""The pyramid that a job writes beside its cube, for viewers: `NAME.levels` of `NAME.zarr`.

A request asks for it by `write_params.levels`, which xcube does not know. xcube's own writer
makes it. Its first level is a link to the cube (`0.link`), so that only the smaller images are
written: a third of the cube's values at most. Each level has a half of the width and height of
the one before. Its tiles are the cube's, or 512 pixels wide and high if those are larger, so a
level needs no more memory than the cube. There are levels until one fits into a tile.
"""

from __future__ import annotations

import glob
import math
from dataclasses import dataclass
from typing import Any

import xarray as xr
from xcube.core.mldataset import BaseMultiLevelDataset
from xcube.core.schema import get_dataset_chunks
from xcube.core.tilingscheme import subdivide_size

LARGEST_TILE = 512
"""What `xcube level` takes if the data has no tiles."""
SMALLEST_TILE = 2
PARAMETER = "levels"
CUBE_ENDING = ".zarr"
LINK = "0.link"
LINK_BYTES = 4096


def name_of(data_id: str) -> str:
    """The name of the pyramid beside the cube `data_id`, as the hub derives it."""
    return f"{data_id[: -len(CUBE_ENDING)]}.levels"


def taken_from(request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The request as xcube knows it, and whether it asks for a pyramid."""
    output = request.get("output_config")
    params = output.get("write_params") if isinstance(output, dict) else None
    if not isinstance(params, dict) or PARAMETER not in params:
        return request, False
    rest = {name: value for name, value in params.items() if name != PARAMETER}
    return {**request, "output_config": {**output, "write_params": rest}}, bool(params[PARAMETER])


@dataclass(frozen=True)
class Shape:
    """The images of a pyramid: those of the cube, and the tile that decides about the levels."""

    width: int
    height: int
    tile: tuple[int, int]

    @classmethod
    def of(cls, width: int, height: int, chunk: tuple[int, int]) -> Shape:
        """`chunk` is the width and height of the cube's chunks."""
        x, y = (max(SMALLEST_TILE, min(size, LARGEST_TILE)) for size in chunk)
        return cls(width, height, (x, y))

    @classmethod
    def of_cube(cls, cube: xr.Dataset, gm: Any) -> Shape:
        x, y = gm.xy_dim_names
        width, height = int(cube.sizes[x]), int(cube.sizes[y])
        chunks = get_dataset_chunks(cube)
        return cls.of(width, height, (chunks.get(x, width), chunks.get(y, height)))

    @property
    def further(self) -> list[tuple[int, int]]:
        """Width and height of the levels that are written: all but the first."""
        return subdivide_size((self.width, self.height), self.tile)[1:]

    def cells(self, images: int) -> int:
        """How many values are written with so many images."""
        return images * sum(math.prod(size) for size in self.further)


def cells_of(cube: xr.Dataset, gm: Any) -> int:
    """How many values the pyramid of the cube has, without the cube's."""
    x, y = gm.xy_dim_names
    full = [v for v in cube.data_vars.values() if {x, y} <= set(v.dims)]
    images = sum(math.prod(n for dim, n in v.sizes.items() if dim not in (x, y)) for v in full)
    return Shape.of_cube(cube, gm).cells(images)


def write(store: Any, data_id: str, shape: Shape, gm: Any, *, params: dict[str, Any]) -> None:
    """Write the pyramid of the complete cube `data_id`, which is read from its store.

    So what made the cube is not computed again. `params` are the cube's write parameters.
    """
    cube = store.open_data(data_id)
    pyramid = BaseMultiLevelDataset(
        cube,
        grid_mapping=gm.derive(tile_size=shape.tile),
        num_levels=1 + len(shape.further),
        agg_methods={glob.escape(str(n)): _aggregation(v) for n, v in cube.data_vars.items()},
    )
    kept = {name: params[name] for name in ("zarr_format", "consolidated") if name in params}
    store.write_data(pyramid, name_of(data_id), base_dataset_id=data_id, replace=True, **kept)


def _aggregation(variable: xr.DataArray) -> str:
    """As xcube chooses it; of times and texts, too, there is no mean."""
    return "mean" if variable.dtype.kind in "fc" else "first"


def links_to(fs: Any, path: str, data_id: str) -> bool:
    """Whether the pyramid at `path` has its first level in the cube `data_id` beside it."""
    fs.invalidate_cache()
    try:
        text = fs.cat_file(f"{path}/{LINK}", end=LINK_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return text.decode(errors="replace") == f"../{data_id.rpartition('/')[2]}"
