"""Numbers in forms, as people of the page's language write them.

German pages show `1,5` and take `1,5` and `1.5`. There are no marks of thousands: `1.234` is
a little more than 1, as in a request, and no whole number.
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.formats import get_format

_MACHINE = re.compile(r"-?\d+\.\d+")


def has_comma() -> bool:
    """Whether the page's language writes a comma before the decimals."""
    return get_format("DECIMAL_SEPARATOR") == ","


def as_typed(value: Any) -> Any:
    """A number as people type it; what is no number stays as it is."""
    is_number = isinstance(value, float) or (isinstance(value, str) and _MACHINE.fullmatch(value))
    return str(value).replace(".", ",") if is_number and has_comma() else value


class NumberField(forms.FloatField):
    """A number with decimals. Shown in a field of text, because a map may write into it."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> float | None:
        if isinstance(value, str) and has_comma() and value.count(",") == 1 and "." not in value:
            value = value.replace(",", ".")
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return as_typed(value)


class WholeNumberField(forms.IntegerField):
    """A whole number without marks: `1.000` would be 1 or 1000."""

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, str) and ("." in value or "," in value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)
