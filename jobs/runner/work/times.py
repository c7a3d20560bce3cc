"""When a data set is: the first and the last of its times, and how many there are."""

from __future__ import annotations

import calendar
from typing import Any

import numpy as np

MOST_TIMES = 4_000_000
NONE: dict[str, Any] = {"time_range": None, "time_steps": None}


def of(dataset: Any) -> dict[str, Any]:
    """{"time_range": [first, last] as ISO 8601 in UTC, "time_steps"}, null if unknown."""
    time = dataset.variables.get("time")
    if time is None or time.ndim > 1:
        return dict(NONE)
    steps = int(time.size)
    if not 0 < steps <= MOST_TIMES:
        return {"time_range": None, "time_steps": steps}
    if time.dtype.kind not in "MO":  # numbers that are no dates
        return {"time_range": None, "time_steps": steps}
    values = np.atleast_1d(time.values)
    if values.dtype.kind == "M":
        values = values[~np.isnat(values)]
    try:
        ends = [moment(values.min()), moment(values.max())] if len(values) else [None]
    except TypeError:  # objects that cannot be compared
        ends = [None]
    return {"time_range": ends if all(ends) else None, "time_steps": steps}


def moment(value: Any) -> str | None:
    """A date and time as `2020-01-31T12:00:00Z`; None if it is none, or not of our years.

    Dates of other calendars that ours does not have (30 February) become the month's last day.
    """
    if isinstance(value, np.datetime64):
        if np.isnat(value) or not 1 <= value.astype("datetime64[Y]").astype(int) + 1970 <= 9999:
            return None
        text = np.datetime_as_string(value.astype("datetime64[us]"), unit="us")
        return _shortened(str(text))
    parts = [getattr(value, name, None) for name in ("year", "month", "day")]
    clock = [getattr(value, name, None) for name in ("hour", "minute", "second", "microsecond")]
    if not all(isinstance(part, int) for part in (*parts, *clock)):
        return None
    year, month, day = parts
    if not 1 <= year <= 9999:
        return None
    day = min(day, calendar.monthrange(year, month)[1])
    hour, minute, second, fraction = clock
    return _shortened(
        f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}"
    )


def _shortened(text: str) -> str:
    return f"{text.rstrip('0').rstrip('.')}Z" if "." in text else f"{text}Z"
