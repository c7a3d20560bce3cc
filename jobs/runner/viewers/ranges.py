"""The range of values in which a variable is drawn, where neither its owner nor its data say it.

xcube draws from 0 to 1 then, and sea temperatures in kelvin are one colour. Here a few chunks are
looked at, in the background: nobody waits long, and what cannot be read is drawn as before.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import numpy as np
import xarray as xr

from ..system.process import say

WAIT_S = 0.5
"""So long a request waits for the ranges of its dataset; after that they come too late for it."""
MOST_VARIABLES = 24
WINDOW = 512
"""Most pixels of a chunk that are looked at, along each side."""
PLACES = ((0.5, 0.5), (0.3, 0.3), (0.7, 0.7), (0.3, 0.7), (0.7, 0.3))
"""Relative positions in the image, looked at one after the other until there are enough values."""
ENOUGH = 2_000
PERCENTILES = (2.0, 98.0)

Range = tuple[float, float]


class ValueRanges:
    """The ranges of the variables of datasets, each looked for once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[int, dict[str, Range]] = {}
        self._done: dict[int, threading.Event] = {}
        self._kept: list[xr.Dataset] = []

    def of(self, dataset: xr.Dataset, variable: str) -> Range | None:
        """The range of a variable, None if there is none or it is not known yet."""
        key = id(dataset)
        with self._lock:
            done = self._done.get(key)
            if done is None:
                done = self._done[key] = threading.Event()
                self._found[key] = {}
                self._kept.append(dataset)  # so that its id stays its own
                threading.Thread(target=self._look, args=(dataset, key, done), daemon=True).start()
        if variable not in self._found[key]:
            done.wait(WAIT_S)
        return self._found[key].get(variable)

    def _look(self, dataset: xr.Dataset, key: int, done: threading.Event) -> None:
        try:
            for name in list(dataset.data_vars)[:MOST_VARIABLES]:
                try:
                    found = range_of(dataset[name])
                except Exception as error:  # noqa: BLE001 - a range is never a reason to fail
                    say(f"{name}: no range of values is known: {type(error).__name__}: {error}")
                    continue
                if found is not None:
                    self._found[key][str(name)] = found
        finally:
            done.set()


def range_of(variable: xr.DataArray) -> Range | None:
    """Rounded limits of most values in some chunks of an image; None if there are no numbers."""
    if variable.ndim < 2 or not np.issubdtype(variable.dtype, np.number):
        return None
    if np.issubdtype(variable.dtype, np.complexfloating):
        return None
    values = np.concatenate([_values_of(image) for image in _images(variable)])
    if not len(values):
        return None
    low, high = (float(limit) for limit in np.percentile(values, PERCENTILES))
    return rounded(low, high)


def rounded(low: float, high: float) -> Range | None:
    """The limits, moved outwards to steps of a twentieth of their distance or less."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    if low == high:
        low, high = low - 0.5, high + 0.5
    step = 10.0 ** math.floor(math.log10((high - low) / 20))
    for factor in (5.0, 2.0):
        if step * factor <= (high - low) / 20:
            step *= factor
            break
    limits = math.floor(low / step) * step, math.ceil(high / step) * step
    digits = max(0, -math.floor(math.log10(step)))
    return round(limits[0], digits), round(limits[1], digits)


def _images(variable: xr.DataArray) -> Iterator[xr.DataArray]:
    """The images at the last (the viewer begins with it), middle and first place of the first
    dimension, which is the time, in the middle of other dimensions."""
    leading = variable.dims[:-2]
    middle = {name: variable.sizes[name] // 2 for name in leading}
    steps = variable.sizes[leading[0]] if leading else 1
    for step in dict.fromkeys((steps - 1, steps // 2, 0)):
        yield variable.isel({**middle, leading[0]: step} if leading else {})


def _values_of(image: xr.DataArray) -> np.ndarray:
    """Enough finite values of an image, if it has as many there."""
    found: list[np.ndarray] = []
    for values in _windows(image):
        found.append(values[np.isfinite(values)])
        if sum(map(len, found)) >= ENOUGH:
            break
    return np.concatenate(found) if found else np.empty(0)


def _windows(image: xr.DataArray) -> Iterator[np.ndarray]:
    """Parts of one chunk each, as flat float64 arrays."""
    seen = set()
    for place in PLACES:
        window = tuple(
            _window(size, chunks, at)
            for size, chunks, at in zip(
                image.shape, image.chunks or ((n,) for n in image.shape), place, strict=True
            )
        )
        if window not in seen:
            seen.add(window)
            part = image[slice(*window[0]), slice(*window[1])]
            yield np.asarray(part.values, dtype="float64").ravel()


def _window(size: int, chunks: tuple[int, ...], at: float) -> tuple[int, int]:
    """Begin and end of the part around the relative position `at` that lies in one chunk."""
    position, begin = min(int(size * at), size - 1), 0
    for length in chunks:
        if position < begin + length:
            break
        begin += length
    end = min(begin + length, size)
    first = max(begin, min(position - WINDOW // 2, end - WINDOW))
    return first, min(end, first + WINDOW)
