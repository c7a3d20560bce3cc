"""Reads a part of a variable: bounded by bytes and chunks, however large the cube is.

A chunk is read and decoded as a whole, so a few values may cost gigabytes. What is counted is
therefore what must be decoded. If the whole image costs too much, a part of it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

READ_BYTES = 64 << 20
CHUNK_BYTES = 32 << 20
DECODED_AT_ONCE = 64 << 20
CHUNKS = 64
"""Each chunk of an object store is a request."""
MOST_PIXELS = 1024
"""Along each side. Pictures are smaller still."""
PLACES = ((0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.25, 0.75))
"""Where to look, in relative coordinates, if not everything can be read."""


class TooLarge(Exception):
    """A single chunk costs more than may be read; the message is for the cube's owner."""


@dataclass(frozen=True)
class Window:
    """The part of a variable to be read: begin, end and step along each of its shown dimensions."""

    slices: tuple[slice, ...]
    is_whole: bool
    chunk_bytes: int

    def indices(self, axis: int, size: int) -> np.ndarray:
        return np.arange(*self.slices[axis].indices(size))


def chunks_of(variable: xr.DataArray) -> dict[Any, int]:
    """The size of a chunk along each dimension, as stored.

    Without chunks a file is read row by row.
    """
    encoded = variable.encoding.get("chunks") or variable.encoding.get("chunksizes")
    if isinstance(encoded, Sequence) and len(encoded) == variable.ndim:
        sizes = [
            max(1, min(int(chunk), size))
            for chunk, size in zip(encoded, variable.shape, strict=True)
        ]
        return dict(zip(variable.dims, sizes, strict=True))
    rows = dict.fromkeys(variable.dims, 1)
    if variable.dims:
        rows[variable.dims[-1]] = variable.shape[-1]
    return rows


def windows(variable: xr.DataArray, shown: Sequence[Any]) -> Iterator[Window]:
    """The whole image along the dimensions `shown` if it can be read, else parts of it.

    Raises TooLarge.
    """
    chunks = chunks_of(variable)
    stored = np.dtype(variable.encoding.get("dtype") or variable.dtype)
    chunk_bytes = math.prod(chunks.values()) * max(stored.itemsize, variable.dtype.itemsize)
    if chunk_bytes > CHUNK_BYTES:
        raise TooLarge(
            f"Its chunks have {chunk_bytes / 2**20:,.0f} MB each; for a picture at most "
            f"{CHUNK_BYTES >> 20} MB are read at once."
        )
    sizes = [variable.sizes[dim] for dim in shown]
    counts = [-(-size // chunks[dim]) for size, dim in zip(sizes, shown, strict=True)]
    is_chunked = bool(variable.encoding.get("chunks") or variable.encoding.get("chunksizes"))
    most = READ_BYTES // max(1, chunk_bytes)
    if is_chunked:
        most = min(most, CHUNKS)
    taken = _fewer(counts, max(1, most))
    is_whole = taken == counts
    for place in PLACES[:1] if is_whole else PLACES:
        slices = []
        for axis, dim in enumerate(shown):
            first = round((counts[axis] - taken[axis]) * place[axis % 2])
            begin = first * chunks[dim]
            end = min(sizes[axis], (first + taken[axis]) * chunks[dim])
            slices.append(slice(begin, end, max(1, -(-(end - begin) // MOST_PIXELS))))
        yield Window(tuple(slices), is_whole, chunk_bytes)


def _fewer(counts: Sequence[int], most: int) -> list[int]:
    """At most `most` chunks in all, in about the proportions of `counts`."""
    total = math.prod(counts)
    if total <= most:
        return list(counts)
    factor = (most / total) ** (1 / len(counts))
    taken = [max(1, math.floor(count * factor)) for count in counts]
    while math.prod(taken) > most:
        largest = taken.index(max(taken))
        others = math.prod(taken) // taken[largest]
        taken[largest] = max(1, most // others)
        if others > most and taken[largest] == 1:
            taken = [1] * len(taken)
    return taken


def read(
    variable: xr.DataArray, shown: Sequence[Any], window: Window, fixed: Mapping[Any, int]
) -> np.ndarray:
    """The values in the order of the dimensions `shown`; the others are at `fixed`."""
    import zarr

    at_once = max(1, min(8, DECODED_AT_ONCE // max(1, window.chunk_bytes)))
    place = dict(zip(shown, window.slices, strict=True)) | dict(fixed)
    with zarr.config.set({"async.concurrency": at_once}):
        return variable.isel(place).transpose(*shown).values
