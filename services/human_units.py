"""Memory and durations as people write them: `1 GiB`, `30 min`."""

from __future__ import annotations

import re

SIZES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
DURATIONS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}

_QUANTITY = re.compile(r"\s*(\d{1,15})(?:[.,](\d{1,6}))?\s*([A-Za-z]*)\s*")
_SIZE_FACTORS = {"": 1, **{name.lower(): factor for name, factor in SIZES.items()}}
_DURATION_FACTORS = {
    "": 1,
    **DURATIONS,
    **dict.fromkeys(("sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("hour", "hours"), 3600),
    **dict.fromkeys(("day", "days"), 86400),
}


def parse_size(text: str) -> int:
    """Bytes of `1 GiB`, `512 MB` or a plain number of bytes. Raises ValueError."""
    return _parse(text, _SIZE_FACTORS, SIZES)


def parse_duration(text: str) -> int:
    """Seconds of `30 min`, `12 h`, `30 d` or a plain number of seconds. Raises ValueError."""
    return _parse(text, _DURATION_FACTORS, DURATIONS)


def show_size(size_bytes: int) -> str:
    """In the largest unit that is exact: `1 GiB`, `500 MB`, else bytes."""
    return _show(size_bytes, SIZES)


def show_duration(duration_s: int) -> str:
    """In the largest unit that is exact: `30 min`, `90 min`, `30 d`."""
    return _show(duration_s, DURATIONS)


def _parse(text: str, factors: dict[str, int], units: dict[str, int]) -> int:
    """`factors` of all accepted names in lower case, also of none; `units` are named in errors."""
    match = _QUANTITY.fullmatch(text) if text.isascii() else None
    factor = factors.get(match[3].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f"Expected a number and one of {', '.join(units)}")
    part = match[2] or ""
    value, rest = divmod(int(match[1] + part) * factor, 10 ** len(part))
    if rest:
        raise ValueError(f"Expected a whole number of {next(iter(units))}")
    return value


def _show(value: int, units: dict[str, int]) -> str:
    exact = [(value // factor, name) for name, factor in units.items() if value % factor == 0]
    return "{} {}".format(*min(exact, key=lambda form: form[0]))
