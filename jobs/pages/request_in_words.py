"""A cube generation request in words: what a person would say of it, beside its JSON.

A request that the hub has stored has passed its checks, but earlier versions checked less. So
each value is shown only if it has the type that is expected, and what is left over is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hubsite.console.quantities import day_words, decimal

MOST_NAMES = 30
MOST_INPUTS = 20
MOST_CHARACTERS = 300
_SAID = frozenset(
    {"variable_names", "bbox", "crs", "spatial_res", "time_range", "time_period", "tile_size"}
)


@dataclass(frozen=True)
class Said:
    title: str
    text: str


def in_words(request: Any) -> list[Said]:
    """What the request says, in the order in which one would ask."""
    if not isinstance(request, dict):
        return []
    return [Said(title, text[:MOST_CHARACTERS]) for title, text in _lines(request) if text]


def _lines(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    inputs = _inputs(request)
    for number, one in enumerate(inputs[:MOST_INPUTS], 1):
        title = _("Data") if len(inputs) == 1 else _("Data %(number)d") % {"number": number}
        yield title, _place(one)
    cube = _dict(request.get("cube_config"))
    yield _("Variables"), _names(cube.get("variable_names")) or _("all of the dataset")
    yield _("Area"), _area(cube) or _("all of the dataset")
    yield _("Resolution"), _resolution(cube) or _("that of the dataset")
    yield _("Times"), _times(cube) or _("all of the dataset")
    yield _("Time step"), _period(cube.get("time_period")) or _("that of the dataset")
    yield _("Tile size"), _numbers(cube.get("tile_size"), " × ")
    yield _("Code"), _code(request.get("code_config"))
    output = _dict(request.get("output_config"))
    yield _("Written to"), _place(output)
    if output.get("replace") is True:
        yield _("If it is there"), _("it is replaced")
    yield _("Also asked for"), _others(cube)


def _inputs(request: dict[str, Any]) -> list[dict[str, Any]]:
    many = request.get("input_configs")
    found = many if isinstance(many, list) else [request.get("input_config")]
    return [one for one in found if isinstance(one, dict)]


def _place(config: dict[str, Any]) -> str:
    name, store = _text(config.get("data_id")), _text(config.get("store_id"))
    if name and store:
        return _("%(name)s in %(store)s") % {"name": name, "store": store}
    return name or store


def _names(names: Any) -> str:
    if not isinstance(names, list):
        return ""
    told = [_text(name) for name in names[:MOST_NAMES]]
    more = len(names) - MOST_NAMES
    if more > 0:
        told.append(ngettext("and %(n)d more", "and %(n)d more", more) % {"n": more})
    return ", ".join(filter(None, told))


def _area(cube: dict[str, Any]) -> str:
    box, crs = _floats(cube.get("bbox")), _text(cube.get("crs"))
    if len(box) != 4:
        return crs
    return area_in_words(box, crs)


def area_in_words(box: Sequence[float], crs: str) -> str:
    """A box (west, south, east, north, in units of `crs`; no crs: degrees) as people say it."""
    west, south, east, north = map(decimal, box)
    if not crs or is_in_degrees(crs):
        words = _("%(west)s° to %(east)s° east, %(south)s° to %(north)s° north")
    else:
        words = _("x from %(west)s to %(east)s, y from %(south)s to %(north)s in %(crs)s")
    return words % {"west": west, "south": south, "east": east, "north": north, "crs": crs}


def is_in_degrees(crs: str) -> bool:
    """Whether the coordinate system of this name is that of longitudes and latitudes."""
    return crs.upper().replace(" ", "") in ("EPSG:4326", "CRS84", "OGC:CRS84", "WGS84")


def _resolution(cube: dict[str, Any]) -> str:
    value = cube.get("spatial_res")
    unit = "°" if is_in_degrees(_text(cube.get("crs"))) else ""
    numbers = _floats(value if isinstance(value, list) else [value])
    return " × ".join(f"{decimal(number, digits=6)}{unit}" for number in numbers)


def _times(cube: dict[str, Any]) -> str:
    told = cube.get("time_range")
    if not isinstance(told, list) or len(told) != 2:
        return ""
    start, end = (day_words(_text(day)) for day in told)
    if start and end:
        return _("%(start)s to %(end)s") % {"start": start, "end": end}
    if start:
        return _("from %(start)s on") % {"start": start}
    return _("until %(end)s") % {"end": end} if end else ""


def _period(period: Any) -> str:
    text = _text(period)
    number, unit = text[:-1] or "1", text[-1:]
    if unit not in ("D", "W", "M", "Y") or not (
        number.isascii() and number.isdecimal() and len(number) < 6
    ):
        return text
    n = int(number)
    words = {
        "D": ngettext("%(n)d day", "%(n)d days", n),
        "W": ngettext("%(n)d week", "%(n)d weeks", n),
        "M": ngettext("%(n)d month", "%(n)d months", n),
        "Y": ngettext("%(n)d year", "%(n)d years", n),
    }
    return words[unit] % {"n": n}


def _code(config: Any) -> str:
    config = _dict(config)
    if not config:
        return ""
    name = _text(_dict(config.get("callable_params")).get("name")) or _text(
        config.get("callable_ref")
    )
    return _("your own: %(name)s") % {"name": name} if name else _("your own")


def _others(cube: dict[str, Any]) -> str:
    return ", ".join(_text(name) for name in list(cube)[:MOST_NAMES] if name not in _SAID)


def _numbers(values: Any, between: str) -> str:
    numbers = _floats(values if isinstance(values, list) else [])
    return between.join(decimal(number, digits=6) for number in numbers)


def _floats(values: Any) -> list[float]:
    if not isinstance(values, list) or len(values) > 10:
        return []
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return [float(v) for v in numbers if abs(v) < 1e300]


def _text(value: Any) -> str:
    return value[:MOST_CHARACTERS] if isinstance(value, str) else ""


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
