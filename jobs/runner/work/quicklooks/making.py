"""Makes the quick-looks of a dataset: which variables, which time step, which part of it.

Each variable is a case of its own: one that cannot be drawn has a note that says why. Nothing
raises but what ends the process.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from . import colors, picture, reading
from .grid import Grid, find

MOST = 12
TIMES = (0.5, 1.0, 0.0, 0.25)
"""Time steps to look at, in relative positions, until one has enough data."""
ENOUGH = 0.6
"""Part of the pixels that have data; the oceans are two thirds of the Earth."""
TEXT_CHARS = 200
NO_TIME = "There was no time to draw it."

Say = Callable[[str], None]


@dataclass
class _Found:
    """The fullest image so far of one variable."""

    values: np.ndarray
    is_valid: np.ndarray
    window: reading.Window
    fixed: dict[Hashable, int]

    @property
    def part(self) -> float:
        return float(self.is_valid.mean()) if self.is_valid.size else 0.0


@dataclass
class Maker:
    """Makes the pictures of one dataset until `limit_s` are over."""

    dataset: xr.Dataset
    limit_s: float
    say: Say
    clock: Callable[[], float] = time.monotonic
    _good: dict[Hashable, int] = field(default_factory=dict)
    """The time step that the variables before had data at, so that pictures go together."""

    def __post_init__(self) -> None:
        self._end = self.clock() + self.limit_s
        self._grid = find(self.dataset)

    @property
    def _is_late(self) -> bool:
        return self.clock() >= self._end

    def looks(self) -> Iterator[dict[str, Any]]:
        """One after the other, so that those that are made arrive whatever comes later."""
        variables = self._variables()
        for position, variable in enumerate(variables[:MOST]):
            look: dict[str, Any] = {"position": position, **_described(variable)}
            try:
                look |= {"note": NO_TIME} if self._is_late else self._drawn(variable)
            except reading.TooLarge as large:
                look["note"] = str(large)
            except Exception as error:  # noqa: BLE001 - the data may be anything
                self.say(f"{look['variable']}: {type(error).__name__}: {error}")
                look["note"] = f"It could not be drawn ({type(error).__name__})."
            yield look
        if len(variables) > MOST:
            self.say(f"{MOST} of {len(variables)} variables were drawn")

    def _variables(self) -> list[xr.DataArray]:
        """Those to draw: with both spatial dimensions first, in their order."""
        bounds = {v.attrs.get("bounds") for v in self.dataset.variables.values() if v.attrs}
        found = [
            variable
            for name, variable in self.dataset.data_vars.items()
            if variable.ndim
            and name not in bounds
            and not {"bnds", "nv", "bounds"} & set(variable.dims)
            and "grid_mapping_name" not in variable.attrs
        ]
        return sorted(found, key=lambda variable: not self._is_map(variable))

    def _is_map(self, variable: xr.DataArray) -> bool:
        return self._grid is not None and {self._grid.x.dim, self._grid.y.dim} <= set(variable.dims)

    def _drawn(self, variable: xr.DataArray) -> dict[str, Any]:
        if variable.dtype.kind not in "biuf":
            kind = {"M": "Times", "m": "Durations", "c": "Complex numbers"}.get(
                variable.dtype.kind, "Texts"
            )
            return {"note": f"{kind} are not drawn."}
        if not variable.size:
            return {"note": "It has no values."}
        shown = self._shown(variable)
        found, looked_at = self._fullest(variable, shown)
        if found is None or not found.is_valid.any():
            if looked_at > 1:
                return {
                    "note": f"No data was found in the {looked_at} time steps that were looked at."
                }
            return {"note": "No data was found in what was looked at."}
        look = self._places(variable, found.fixed)
        if not found.window.is_whole:
            look["note"] = "Only a part of it is shown: all of it is too large for a picture."
        if self._is_map(variable):
            return look | self._map(variable, found)
        return look | self._plot(variable, found, shown)

    def _shown(self, variable: xr.DataArray) -> list[Hashable]:
        if self._is_map(variable):
            assert self._grid is not None
            return [self._grid.y.dim, self._grid.x.dim]
        long = [dim for dim in variable.dims if variable.sizes[dim] > 1]
        return long[-2:] or [variable.dims[-1]]

    def _fullest(self, variable: xr.DataArray, shown: list[Hashable]) -> tuple[_Found | None, int]:
        """The first image with enough data, or the best of a few; and how many were looked at."""
        others = [dim for dim in variable.dims if dim not in shown]
        when = next((dim for dim in others if _is_time(self.dataset, dim)), None)
        best: _Found | None = None
        seen: set[Any] = set()
        windows = list(reading.windows(variable, shown))
        for number, step in enumerate(self._steps(variable, when)):
            part = number % len(windows)
            window = windows[part]
            fixed = dict.fromkeys(others, 0) | ({when: step} if when is not None else {})
            if (step, part) in seen or (seen and self._is_late):
                continue
            seen.add((step, part))
            values = reading.read(variable, shown, window, fixed)
            found = _Found(values, _valid(variable, values), window, fixed)
            if best is None or found.part > best.part:
                best = found
            if best.part >= ENOUGH:
                break
        if best is not None and when is not None and best.part > 0:
            self._good.setdefault(when, best.fixed[when])
        return best, len({step for step, _ in seen}) if when is not None else 1

    def _steps(self, variable: xr.DataArray, when: Hashable | None) -> list[int]:
        if when is None:
            return [0] * len(reading.PLACES)
        last = variable.sizes[when] - 1
        steps = [round(part * last) for part in TIMES]
        good = self._good.get(when)
        return steps if good is None else [good, *steps]

    def _places(self, variable: xr.DataArray, fixed: dict[Hashable, int]) -> dict[str, Any]:
        """The time step shown, and where the other dimensions are cut."""
        look: dict[str, Any] = {"at": {}}
        for dim, index in fixed.items():
            coord = self.dataset[dim].isel({dim: index}) if dim in self.dataset.coords else None
            text = _text_of(coord.values) if coord is not None else str(index)
            if coord is not None and _is_time(self.dataset, dim) and text.endswith("Z"):
                look["time"] = text
            elif variable.sizes[dim] > 1 or coord is not None:
                look["at"][str(dim)[:100]] = text[:40]
        look["at"] = dict(list(look["at"].items())[:8])
        return look

    def _map(self, variable: xr.DataArray, found: _Found) -> dict[str, Any]:
        grid: Grid = self._grid  # type: ignore[assignment]
        rows, columns = found.window.slices
        values, is_valid = found.values, found.is_valid
        shift = grid.shift(found.window.indices(1, grid.x.size)) if found.window.is_whole else 0
        if grid.is_mirrored:
            values, is_valid = values[:, ::-1], is_valid[:, ::-1]
        if shift:
            values, is_valid = np.roll(values, shift, 1), np.roll(is_valid, shift, 1)
        if grid.is_upside_down:
            values, is_valid = values[::-1], is_valid[::-1]
        look: dict[str, Any] = {}
        bbox = grid.bbox(rows, columns, is_shifted=bool(shift))
        if bbox is not None and all(map(math.isfinite, bbox)):
            look["bbox"] = bbox
        return look | self._colored(variable, values, is_valid, grid.proportion(rows, columns))

    def _plot(self, variable: xr.DataArray, found: _Found, shown: list[Hashable]) -> dict[str, Any]:
        """A line, or an image of any two dimensions, for what is no map."""
        if len(shown) == 2:
            look = self._colored(variable, found.values, found.is_valid, 2.0)
            note = f"Across: {shown[1]}; down: {shown[0]}."
            return {**look, "note": note[:TEXT_CHARS]}
        values = found.values.astype("float64")
        scale = colors.scale_of({}, values[found.is_valid])
        low, high = (float(f(values[found.is_valid])) for f in (np.min, np.max))
        scale = colors.Scale(*colors.rounded(min(low, scale.low), max(high, scale.high)))
        png = picture.of_line(values, found.is_valid, scale)
        note = f"A line along {shown[0]}."[:TEXT_CHARS]
        return {"png": _base64(png), "vmin": scale.low, "vmax": scale.high, "note": note}

    def _colored(
        self, variable: xr.DataArray, values: np.ndarray, is_valid: np.ndarray, proportion: float
    ) -> dict[str, Any]:
        attributes = variable.attrs
        classes = colors.classes_of(attributes, is_bool=variable.dtype.kind == "b")
        values = values.astype("float64")
        if classes is not None:
            places = classes.places(values)
            png = picture.of_classes(places, is_valid, classes, proportion)
            return {"png": _base64(png), "classes": classes.shown(places[is_valid])}
        scale = colors.scale_of(attributes, values[is_valid])
        png = picture.of_numbers(values, is_valid, scale, proportion)
        look: dict[str, Any] = {"vmin": scale.low, "vmax": scale.high, "colors": scale.stops}
        if scale.is_log:
            look["note"] = "The colors are logarithmic."
        return {**look, "png": _base64(png)}


def _described(variable: xr.DataArray) -> dict[str, str]:
    title = variable.attrs.get("long_name") or variable.attrs.get("standard_name")
    units = variable.attrs.get("units")
    return {
        "variable": str(variable.name)[:TEXT_CHARS],
        "title": title[:TEXT_CHARS] if isinstance(title, str) else "",
        "units": units[:100] if isinstance(units, str) else "",
    }


def _valid(variable: xr.DataArray, values: np.ndarray) -> np.ndarray:
    """Where there is data: finite numbers within the limits that the variable states."""
    if values.dtype.kind == "b":
        return np.ones(values.shape, bool)
    low, high = colors.valid_limits(variable.attrs)
    if variable.encoding.get("scale_factor") is not None or "add_offset" in variable.encoding:
        low, high = -math.inf, math.inf  # the limits are of packed values, or of unpacked ones
    is_valid = (values >= low) & (values <= high)
    return is_valid & np.isfinite(values) if values.dtype.kind == "f" else is_valid


def _is_time(dataset: xr.Dataset, dim: Hashable) -> bool:
    if dim not in dataset.coords:
        return str(dim).lower() == "time"
    coord = dataset[dim]
    return coord.dtype.kind == "M" or str(dim).lower() == "time"


def _text_of(value: np.ndarray) -> str:
    """A coordinate's value: times as ISO 8601 in UTC."""
    if value.dtype.kind == "M":
        return f"{np.datetime_as_string(value.astype('datetime64[s]'))}Z"
    item = value.item()
    if hasattr(item, "isoformat"):  # a calendar of models
        return f"{item.isoformat()}Z"
    return f"{item:g}" if isinstance(item, float) else str(item)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
