"""Fields that several answers of cube generation have."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_WORK = 1e12
RESULT_STATUSES = ("ok", "warning", "error")
SENDERS = ("on_begin", "on_update", "on_end")


@extend_schema_field({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_WORK})
class WorkField(serializers.FloatField):
    """The total amount of work: above 0."""


def job_id_field(**options) -> serializers.CharField:
    return serializers.CharField(
        help_text="`<user id>-<18 hexadecimal characters and hyphens>`.", **options
    )


def time_field(text: str, **options) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=f"{text} ISO 8601, UTC, with `Z`.", **options)


def count_field(text: str) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, help_text=text)
