"""Limits and repairs of writing: no cube larger than admitted, encodings that fit the format.

xcube passes the encodings of the inputs to the writer, which refuses those of the other Zarr
format, and filters of texts. A pyramid with more levels than pixels never ends. NetCDF has no
attributes of lists and objects, but xcube's own `history` is one.
"""

from __future__ import annotations

import json
from typing import Any

import xarray as xr
from xcube.core.gen2.local import generator as local_generator

from . import levels
from .pieces import format_of, most_levels

TOLERANCE = 2.0
"""How many times the admitted size a cube may have: an input may change before the run."""

_ZARR_3 = "serializer"
_ANY_LENGTH = "OT"
"""Kinds of data types whose values are texts of any length."""
_CODECS = ("compressor", "compressors", "filters", "serializer", "shards")


class TooLarge(ValueError):
    """The cube is far larger than what was admitted; nothing of it has been written."""

    status_code = 413


def write_at_most(admitted_cells: int | None = None, *, with_levels: bool = False) -> None:
    """Install this for all cubes that the process writes; none may be much larger than admitted.

    `with_levels`: a pyramid is written too, and was admitted with the cube.
    """

    class Writer(local_generator.CubeWriter):
        def write_cube(self, cube: Any, gm: Any) -> Any:
            if admitted_cells is not None:
                hold_to(admitted_cells, cube, gm, with_levels=with_levels)
            output = self._output_config
            params = dict(output.write_params or {})
            self._output_config.write_params = params
            written_as = format_of(output.data_id, output.writer_id)
            if written_as in ("zarr", "levels"):
                params.setdefault("zarr_format", zarr_format_of(cube))
                cube = with_encodings_for(cube, params["zarr_format"])
            if params.get("num_levels") is not None:
                x, y = gm.xy_dim_names
                most = most_levels(cube.sizes[x], cube.sizes[y])
                params["num_levels"] = min(params["num_levels"], most)
            if written_as == "netcdf":
                cube = with_plain_attributes(cube)
            return super().write_cube(cube, gm)

    local_generator.CubeWriter = Writer


def hold_to(admitted_cells: int, cube: xr.Dataset, gm: Any, *, with_levels: bool = False) -> None:
    """Raises TooLarge if the cube has many more values than were admitted."""
    cells = cells_of(cube, gm, with_levels=with_levels)
    if cells > admitted_cells * TOLERANCE:
        raise TooLarge(
            f"The cube has {cells:,} values, its estimate said {admitted_cells:,}. "
            "Nothing was written."
        )


def cells_of(cube: xr.Dataset, gm: Any, *, with_levels: bool = False) -> int:
    """How many values the variables have that lie on the grid `gm`; with those of a pyramid."""
    axes = set(gm.xy_dim_names)
    cells = int(sum(v.size for v in cube.data_vars.values() if axes.intersection(v.dims)))
    return cells + levels.cells_of(cube, gm) if with_levels else cells


def zarr_format_of(cube: xr.Dataset) -> int:
    """The Zarr format of what the cube was read from; 2 if from none."""
    return 3 if any(_ZARR_3 in v.encoding for v in cube.variables.values()) else 2


def with_encodings_for(cube: xr.Dataset, zarr_format: int) -> xr.Dataset:
    """The cube without codecs of the other Zarr format, and with times that can be encoded."""
    cube = cube.copy()
    for variable in cube.variables.values():
        encoding = variable.encoding
        if (_ZARR_3 in encoding) != (zarr_format == 3):
            for name in _CODECS:
                encoding.pop(name, None)
        if variable.dtype.kind in _ANY_LENGTH:
            # zarr adds the filter for texts itself, and refuses the one that they were read with.
            encoding.pop("filters", None)
        if variable.dtype.kind == "M" and ("units" in encoding) != ("dtype" in encoding):
            # xarray encodes times in chunks only if it is told both or neither.
            encoding.pop("units", None)
            encoding.pop("dtype", None)
    return cube


def with_plain_attributes(cube: xr.Dataset) -> xr.Dataset:
    """The cube with attributes of text and numbers; others become JSON text."""
    cube = cube.copy()
    for attributes in (cube.attrs, *(variable.attrs for variable in cube.variables.values())):
        attributes.update({name: _plain(value) for name, value in attributes.items()})
    return cube


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (dict, list, tuple, bool)):
        return json.dumps(value, default=str)
    return value
