"""The colors of a variable's values: by its own attributes, as the viewer has them, or by its data.

`color_bar_name`, `color_value_min`, `color_value_max` and `color_norm` are xcube's; `valid_range`,
`flag_values`, `flag_masks` and `flag_meanings` those of the CF conventions. Anybody may have
written them, so what does not make sense is as if it was not there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DEFAULT = "viridis"
PERCENTILES = (2.0, 98.0)
MOST_CLASSES = 120
SHOWN_CLASSES = 16
STOPS = 9
"""So many colors describe a color bar to who draws a legend."""
FILLED = 0.25
"""A valid range is the range of colors if the data fill so much of it."""
Color = tuple[int, int, int]
_GREY: Color = (150, 150, 150)
_TWO: tuple[Color, Color] = ((203, 213, 217), (0, 104, 139))
_HEX = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True)
class Scale:
    """Colors of numbers from `low` to `high`."""

    low: float
    high: float
    bar: str = DEFAULT
    is_log: bool = False

    def places(self, values: np.ndarray, levels: int) -> np.ndarray:
        """The number of each value's color among `levels`; NaN is any."""
        low, high = (math.log(self.low), math.log(self.high)) if self.is_log else (
            self.low, self.high,
        )  # fmt: skip
        with np.errstate(all="ignore"):
            values = np.log(values) if self.is_log else values
            # Divided first, because a difference may be larger than the largest number.
            part = (values / levels - low / levels) / (high / levels - low / levels)
        part = np.nan_to_num(part, nan=0.0, posinf=1.0, neginf=0.0)
        return np.clip(part * levels, 0, levels - 1).astype(np.uint8)

    def palette(self, levels: int) -> list[Color]:
        return color_bar(self.bar, levels)

    @property
    def stops(self) -> list[str]:
        return [_hex(color) for color in self.palette(STOPS)]


@dataclass(frozen=True)
class Classes:
    """Colors of values that stand for something: flags, land cover, false and true."""

    values: list[float]
    labels: list[str]
    colors: list[Color]
    masks: list[int] | None = field(default=None)

    def places(self, values: np.ndarray) -> np.ndarray:
        """The number of each value's class; the last color is that of values without one."""
        places = np.full(values.shape, len(self.values), np.uint8)
        whole = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        if self.masks is not None:
            bits = np.clip(whole, -(2.0**62), 2.0**62).astype(np.int64)
        for number in reversed(range(len(self.values))):
            if self.masks is None:
                is_meant = values == self.values[number]
            else:
                is_meant = (bits & self.masks[number]) == int(self.values[number])
            places[is_meant] = number
        return places

    @property
    def palette(self) -> list[Color]:
        return [*self.colors, _GREY]

    def shown(self, places: np.ndarray) -> list[list[str]]:
        """Color and label of the classes that occur, up to a limit."""
        occurring = [int(place) for place in np.unique(places)]
        labels = [*self.labels, "other"]
        return [[_hex(self.palette[p]), labels[p]] for p in occurring[:SHOWN_CLASSES]]


def valid_limits(attributes: dict[str, Any]) -> tuple[float, float]:
    """What lies outside is no data. Infinite where nothing is said."""
    pair = _numbers(attributes.get("valid_range"))
    if len(pair) != 2:
        pair = [
            _number(attributes.get("valid_min"), -math.inf),
            _number(attributes.get("valid_max"), math.inf),
        ]
    return (pair[0], pair[1]) if pair[0] < pair[1] else (-math.inf, math.inf)


def scale_of(attributes: dict[str, Any], values: np.ndarray) -> Scale:
    """The scale of a variable by its attributes and some of its values, which are all finite."""
    is_log = attributes.get("color_norm") == "log"
    bar = attributes.get("color_bar_name")
    bar = bar if isinstance(bar, str) else DEFAULT
    low, high = _range(attributes, values)
    if is_log and low <= 0:
        positive = values[values > 0]
        low = float(np.percentile(positive, PERCENTILES[0])) if len(positive) else 0.0
    return Scale(low, high, bar, is_log and 0 < low < high)


def _range(attributes: dict[str, Any], values: np.ndarray) -> tuple[float, float]:
    low = _number(attributes.get("color_value_min"), math.nan)
    high = _number(attributes.get("color_value_max"), math.nan)
    if low < high:
        return low, high
    found = [float(limit) for limit in np.percentile(values, PERCENTILES)]
    if found[0] == found[1]:
        found = [float(values.min()), float(values.max())]  # mostly one value
    valid = valid_limits(attributes)
    width = valid[1] - valid[0]
    if math.isfinite(width) and found[1] - found[0] >= FILLED * width:
        return valid
    return rounded(*found)


def rounded(low: float, high: float) -> tuple[float, float]:
    """The limits, moved outwards to steps of a twentieth of their distance or less."""
    if low == high:
        room = 0.5 if abs(low) < 1e12 else abs(low) / 2
        low, high = low - room, high + room
    distance = high / 20 - low / 20
    step = 10.0 ** math.floor(math.log10(distance))
    for factor in (5.0, 2.0):
        if step * factor <= distance:
            step *= factor
            break
    limits = math.floor(low / step) * step, math.ceil(high / step) * step
    digits = max(0, -math.floor(math.log10(step)))
    limits = round(limits[0], digits), round(limits[1], digits)
    fits = limits[0] < limits[1] and all(map(math.isfinite, limits))
    return limits if fits else (low, high)


def classes_of(attributes: dict[str, Any], *, is_bool: bool) -> Classes | None:
    """The classes that the attributes name; None if the values are just numbers."""
    if is_bool:
        return Classes([0.0, 1.0], ["false", "true"], list(_TWO))
    values, masks = _numbers(attributes.get("flag_values")), _numbers(attributes.get("flag_masks"))
    masks = [mask for mask in masks if 0 <= mask < 2**62]
    bits: list[int] | None = None
    if masks and len(values) in (0, len(masks)):
        bits = [int(mask) for mask in masks]
        values = values or [float(mask) for mask in masks]
        if all(values):
            # No flag at all is a class, too: last of all, as any other fits first.
            values, bits = [*values, 0.0], [*bits, -1]
    if not values or len(values) > MOST_CLASSES:
        return None
    has_none = bits is not None and bits[-1] == -1
    meanings = attributes.get("flag_meanings")
    labels = meanings.split() if isinstance(meanings, str) else []
    if isinstance(meanings, (list, tuple)):
        labels = [label for label in meanings if isinstance(label, str)]
    labels = [label.replace("_", " ")[:100] for label in labels]
    if has_none:
        labels = [*labels[: len(values) - 1], *map(_plain, values[len(labels) : -1]), "no flag"]
    labels = [*labels[: len(values)], *map(_plain, values[len(labels) :])]
    told = _class_colors(attributes, len(values) - has_none)
    return Classes(values, labels, [*told, _TWO[0]] if has_none else told, bits)


def _class_colors(attributes: dict[str, Any], count: int) -> list[Color]:
    told = attributes.get("flag_colors")
    told = told.split() if isinstance(told, str) else told
    if isinstance(told, (list, tuple)) and len(told) >= count:
        colors = [_color(text) for text in told[:count]]
        if all(colors):
            return [color for color in colors if color]
    if count <= 20:
        bar = color_bar("tab10" if count <= 10 else "tab20", 10 if count <= 10 else 20)
        return bar[:count]
    return color_bar("turbo", count)


def color_bar(name: str, levels: int) -> list[Color]:
    """Colors of a color bar of matplotlib or xcube; those of the default if it is unknown."""
    import matplotlib

    bar = matplotlib.colormaps.get(name) if len(name) <= 100 else None
    if bar is None:
        bar = _of_xcube(name) or matplotlib.colormaps[DEFAULT]
    if levels > bar.N and hasattr(bar, "colors"):  # a list of a few distinct colors
        table = [bar(min(bar.N - 1, place * bar.N // levels)) for place in range(levels)]
    else:
        table = bar(np.linspace(0.0, 1.0, levels))
    return [tuple(round(255 * float(part)) for part in color[:3]) for color in table]


def _of_xcube(name: str) -> Any:
    """A color bar that xcube adds, or one whose name ends in `_alpha`; None if there is none."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name):
        return None
    from xcube.util.cmaps import ColormapRegistry

    registry = ColormapRegistry()
    return registry.get_cmap(name)[0] if registry.find_colormap(name) else None


def _numbers(value: Any) -> list[float]:
    """Finite numbers from a list, an array or a text such as `0b, 1b, 2b`; empty if it is else."""
    if isinstance(value, str):
        value = [part.rstrip("bBsSlLuU") for part in re.split(r"[,\s]+", value[:2000].strip())]
    if isinstance(value, np.ndarray):
        value = value.ravel()[: MOST_CLASSES + 1].tolist()
    if not isinstance(value, Sequence) or len(value) > MOST_CLASSES:
        value = [value] if isinstance(value, (int, float, np.number)) else []
    numbers = [_number(item, math.nan) for item in value]
    return numbers if all(map(math.isfinite, numbers)) else []


def _number(value: Any, otherwise: float) -> float:
    if isinstance(value, bool):
        return otherwise
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return number if math.isfinite(number) and abs(number) < 1e300 else otherwise


def _plain(value: float) -> str:
    return f"{value:g}"


def _color(text: Any) -> Color | None:
    if not isinstance(text, str) or not _HEX.match(text):
        return None
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
