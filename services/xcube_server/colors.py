"""Checks styles and color maps: known color bars, ranges and colors that xcube can draw.

xcube makes all color maps when a server starts, so one that it cannot make would end the server.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from hubsite.refusals import FieldError
from jobs.request.json_rules import member

from .color_bars import COLOR_BARS, ENDINGS, base_name

_HEX = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
# fmt: off
NAMED_COLORS = frozenset({
    "aqua", "black", "blue", "fuchsia", "gray", "green", "grey", "lime", "maroon", "navy", "olive",
    "orange", "purple", "red", "silver", "teal", "white", "yellow", "brown", "cyan", "magenta",
    "pink", "violet", "gold", "indigo", "turquoise", "beige", "khaki", "salmon", "tan",
})
# fmt: on
_ENTRY = {"Value", "Color", "Label"}
_EXPECTED_COLOR = (
    "expected '#rrggbb', '#rrggbbaa', a color's name, or [red, green, blue] of 0 to 255"
)


def style_faults(
    field: str, style: dict[str, Any], custom: Collection[str]
) -> Iterator[FieldError]:
    """Faults of a style; `custom` are the Identifiers of CustomColorMaps."""
    for name, mapping in style["ColorMappings"].items():
        place = member(f"{field}.ColorMappings", name)
        if name == "rgb":
            for channel in ("Red", "Green", "Blue"):
                yield from range_faults(f"{place}.{channel}.ValueRange", mapping[channel])
            continue
        yield from range_faults(f"{place}.ValueRange", mapping)
        bar = mapping.get("ColorBar")
        if bar is not None and base_name(bar) not in COLOR_BARS and base_name(bar) not in custom:
            yield FieldError(
                f"{place}.ColorBar",
                "expected a color bar of matplotlib or cmocean such as 'viridis', 'thermal' or "
                "'viridis_r', or the Identifier of one of CustomColorMaps",
            )


def range_faults(field: str, holder: dict[str, Any]) -> Iterator[FieldError]:
    if "ValueRange" in holder:
        lowest, highest = holder["ValueRange"]
        if not lowest < highest:
            yield FieldError(field, "expected [lowest, highest] with lowest < highest")


def color_map_faults(field: str, color_map: dict[str, Any]) -> Iterator[FieldError]:
    name = color_map["Identifier"]
    if name in COLOR_BARS or name.endswith(ENDINGS):
        yield FieldError(
            f"{field}.Identifier",
            "expected a name that no color bar has, without '_r' or '_alpha' at its end",
        )
    last = None
    for index, entry in enumerate(color_map["Colors"]):
        place = f"{field}.Colors[{index}]"
        if isinstance(entry, dict):
            if set(entry) - _ENTRY or not {"Value", "Color"} <= set(entry):
                yield FieldError(place, "expected Value, Color and perhaps Label")
                continue
            value, color, label = entry["Value"], entry["Color"], entry.get("Label", "-")
        else:
            value, color, label = (*entry, "-")[:3]
        if not is_color(color):
            yield FieldError(place, _EXPECTED_COLOR)
        if not (isinstance(label, str) and 0 < len(label) <= 200):
            yield FieldError(place, "expected a label of 1 to 200 characters")
        whole = color_map["Type"] == "categorical"
        if not _is_number(value) or (whole and value != int(value)):
            yield FieldError(place, f"expected {'a whole' if whole else 'a'} number as value")
            continue
        if last is not None and not last < value:
            yield FieldError(place, "expected a value greater than that before")
        last = value


def is_color(color: object) -> bool:
    """Whether it is a color in a spelling that xcube and matplotlib take."""
    if isinstance(color, str):
        return bool(_HEX.fullmatch(color)) or color in NAMED_COLORS
    if not isinstance(color, list) or len(color) not in (3, 4) or not all(map(_is_number, color)):
        return False
    *rgb, alpha = color if len(color) == 4 else (*color, 1)
    return all(0 <= value <= 255 for value in rgb) and 0 <= alpha <= 1


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
