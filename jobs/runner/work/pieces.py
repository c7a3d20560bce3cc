"""The format of an output, and limits for the number of its chunks.

Pure: knows names and numbers only.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from . import refusals

_ENDINGS = {".zarr": "zarr", ".levels": "levels", ".nc": "netcdf"}
BLOCK = 512 * 512
"""Pixels of a block, in which images are priced (the default of the stores' prices)."""
CHUNKS_PER_BLOCK = 64
"""The chunks, which are files, that are paid for with a block: of 64 x 64 pixels in full ones."""


def format_of(data_id: str | None, writer_id: str | None = None) -> str:
    """`zarr`, `levels` or `netcdf`, as xcube chooses by the writer or the name's extension."""
    if writer_id:
        return writer_id.split(":")[1] if ":" in writer_id else writer_id
    name = (data_id or "").lower()
    return next((f for ending, f in _ENDINGS.items() if name.endswith(ending)), "zarr")


def most_levels(width: int, height: int) -> int:
    """The most levels that a pyramid can have: its smallest image has 2 pixels a side."""
    return max(1, (min(width, height) // 2).bit_length())


def check_chunks(config: Any, spatial: Collection[str]) -> None:
    """Chunk sizes of the request that xcube cannot take, of `spatial` dimensions above all.

    Raises RequestError.
    """
    for name, size in zip(("width", "height"), config.tile_size or (), strict=False):
        if size < 2:
            raise refusals.refuse(
                "cube_config.tile_size", f"a {name} of {size} is too small; expected at least 2"
            )
    for dim, size in (config.chunks or {}).items():
        # `tile_size` goes before the chunks of spatial dimensions.
        if dim in spatial and (size == 1 or (size is None and not config.tile_size)):
            raise refusals.refuse(
                f"cube_config.chunks.{dim}",
                f"{'null' if size is None else size} cannot be used for a spatial dimension; "
                "expected an integer of at least 2",
            )


def check_pieces(chunks: int, images: int, width: int, height: int, field: str) -> None:
    """A cube has no more chunks than its price pays for. Raises RequestError."""
    most = CHUNKS_PER_BLOCK * images * -(-width * height // BLOCK)
    if chunks > most:
        raise refusals.refuse(
            field,
            f"the cube would be cut into {chunks:,} chunks, each a file; expected at most "
            f"{most:,}: make the chunks larger",
        )


def check_opened(field: str, dataset: Any) -> None:
    """An input is opened in no more chunks than it may be written in: each is a step of work.

    Raises RequestError.
    """
    variables = [v for v in dataset.data_vars.values() if v.ndim >= 2 and v.chunks]
    chunks = sum(math.prod(map(len, v.chunks)) for v in variables)
    most = sum(
        CHUNKS_PER_BLOCK * math.prod(v.shape[:-2]) * -(-v.shape[-2] * v.shape[-1] // BLOCK)
        for v in variables
    )
    if chunks > most:
        raise refusals.refuse(
            field,
            f"the data would be opened in {chunks:,} chunks; expected at most {most:,}: make "
            "the chunks larger",
        )


def check_names(write_params: dict[str, Any], names: Collection[str], dims: set[str]) -> None:
    """Write parameters name only variables and dimensions of the cube. Raises RequestError."""
    for parameter, known in (("encoding", names), ("unlimited_dims", dims)):
        for name in write_params.get(parameter) or ():
            if name not in known:
                raise refusals.refuse(
                    f"output_config.write_params.{parameter}", refusals.unknown(name, known)
                )


def check_types(written_as: str, dtypes: dict[str, Any]) -> None:
    """Raise RequestError if the format lacks a type: NetCDF has no complex numbers."""
    for name, dtype in dtypes.items():
        if written_as == "netcdf" and dtype.kind == "c":
            raise refusals.refuse(
                "output_config.data_id",
                f"{name!r} has complex numbers, which NetCDF cannot hold; expected a name that "
                "ends with .zarr",
            )
