"""Errors for requests that are refused at their estimate: the field, and what exists.

Each function gives the error to raise.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

from .requestcheck import RequestError

SHOWN_NAMES = 10
_SHOWN_CHARS = 60


def refuse(field: str, why: str) -> RequestError:
    """The error that names `field` and gives the reason in a sentence."""
    return RequestError(f"{field}: {why}", field=field)


def unknown_variables(asked: Sequence[str], known: Iterable[str]) -> RequestError:
    """`asked` are the names that no input has."""
    names = ", ".join(_shown(name) for name in asked[:SHOWN_NAMES])
    more = f" and {len(asked) - SHOWN_NAMES} more" if len(asked) > SHOWN_NAMES else ""
    exist = _exist(asked[0], known)
    if len(asked) == 1:
        return refuse("cube_config.variable_names", f"unknown variable {names}; {exist}")
    return refuse("cube_config.variable_names", f"unknown variables {names}{more}; {exist}")


def unknown(name: str, known: Iterable[str]) -> str:
    """The sentence for one unknown name."""
    return f"unknown name {_shown(name)}; {_exist(name, known)}"


def unusable_variables(asked: Sequence[str], usable: Iterable[str]) -> RequestError:
    """None of the variables has the dimensions of a cube."""
    names = ", ".join(_shown(name) for name in asked[:SHOWN_NAMES])
    return refuse(
        "cube_config.variable_names",
        f"nothing would be written, because no variable{' of ' * bool(names)}{names} has the "
        f"dimensions time, y and x with at least 2 x 2 pixels; "
        f"{_exist((list(asked) or [''])[0], usable)}",
    )


def _exist(name: str, known: Iterable[str]) -> str:
    names = closest(name, known)
    return f"there are {', '.join(map(_shown, names))}" if names else "there are none"


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Up to ten of the `known` names, those most like `name` first."""

    def likeness(other: str) -> float:
        return difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio()

    return sorted(sorted(map(str, known)), key=likeness, reverse=True)[:SHOWN_NAMES]


def no_times(asked: Sequence[str | None], first: Any, last: Any, steps: int) -> RequestError:
    """No time step is within `asked`; the data has `steps` from `first` to `last`."""
    start, end = (day or "…" for day in asked)
    exists = f"has {steps:,} from {day_of(first)} to {day_of(last)}" if steps else "has none"
    return refuse(
        "cube_config.time_range",
        f"no time step is within {start} to {end}; the data {exists}",
    )


def day_of(moment: Any) -> str:
    """The date of a numpy or cftime moment; its year may have more than four digits."""
    return str(moment).replace("T", " ").partition(" ")[0]


def beside(bbox: Sequence[float], data: Sequence[float], crs: str) -> RequestError:
    """`bbox` does not meet the data's; both in `crs`."""
    return refuse(
        "cube_config.bbox",
        f"{_box(bbox)} lies beside the data, which covers {_box(data)} in {crs}",
    )


def too_few_pixels(field: str, width: float, height: float, why: str) -> RequestError:
    return refuse(
        field,
        f"{why}: the image would have {width:,.0f} x {height:,.0f} pixels, "
        "at least 2 x 2 are needed",
    )


def crosses_antimeridian(bbox: Sequence[float]) -> RequestError:
    x1, y1, x2, y2 = bbox
    end = x2 if x2 <= 180 else x2 - 360
    start = x1 if x1 >= -180 else x1 + 360
    return refuse(
        "cube_config.bbox",
        f"a cube cannot cross the antimeridian; ask for two cubes, with "
        f"{_box((start, y1, 180, y2))} and {_box((-180, y1, end, y2))}",
    )


def _box(values: Sequence[float]) -> str:
    return "[" + ", ".join(_number(value) for value in values) + "]"


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) and abs(value) < 1e5 else f"{value:.0f}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_CHARS else name[: _SHOWN_CHARS - 1] + "…")
