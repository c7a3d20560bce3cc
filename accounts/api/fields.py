"""Strict serializer fields: they accept only their own type, and convert nothing."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from hubsite.api.serializers import ClosedSerializer
from hubsite.visible_text import hidden_fault

MAX_LENGTH = 1024


class TextField(serializers.CharField):
    """A string as it was sent: numbers are refused, and spaces are kept."""

    def __init__(self, **options) -> None:
        super().__init__(**{"max_length": MAX_LENGTH, "trim_whitespace": False, **options})

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class PrintableField(TextField):
    """One line of text that shows."""

    default_error_messages = {"unprintable": "Printable characters are expected."}

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if hidden_fault(text):
            self.fail("unprintable")
        return text


class NumberField(serializers.FloatField):
    """A finite number; texts and booleans are refused."""

    def to_internal_value(self, data: object) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        try:
            value = float(data)
        except OverflowError:
            self.fail("overflow")
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class WholeNumberField(serializers.IntegerField):
    def to_internal_value(self, data: object) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class DayField(serializers.DateField):
    """A day, `YYYY-MM-DD`. From a date with a time, the day is taken."""

    def to_internal_value(self, value: object) -> date:
        if not isinstance(value, str) or len(value) > 40:
            self.fail("invalid", format="YYYY-MM-DD")
        try:
            return datetime.fromisoformat(value).date()
        except ValueError:
            self.fail("invalid", format="YYYY-MM-DD")


class MomentField(serializers.DateTimeField):
    """A time in ISO 8601 with its zone; a number or a time without a zone is refused."""

    default_error_messages = {
        "zone": "a time with its zone is expected, such as 2027-01-31T14:00:00Z"
    }

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or len(value) > 40:
            self.fail("zone")
        try:
            moment = super().to_internal_value(value)
        except (serializers.ValidationError, OverflowError):
            self.fail("zone")
        return moment

    def enforce_timezone(self, value: Any) -> Any:
        if not timezone.is_aware(value):
            self.fail("zone")
        return value.astimezone(UTC)


class FlagField(serializers.BooleanField):
    """True or false; texts and numbers are refused."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:50])
        return data


class RequestSerializer(ClosedSerializer):
    """A request. A member that it does not know is refused, because it would have no effect."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (
            unknown := [name for name in data if name not in self.fields]
        ):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {str(name)[:100]: f"this is unknown; expected: {known}" for name in unknown[:20]}
            )
        return super().to_internal_value(data)
