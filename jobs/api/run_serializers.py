"""What a run reports to the hub, and the answer."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hubsite.api.serializers import ClosedSerializer

from ..output import quicklooks
from .fields import (
    MAX_WORK,
    RESULT_STATUSES,
    SENDERS,
    WorkField,
    count_field,
)
from .serializers import CubegenProgressSerializer, CubeReferenceSerializer


@extend_schema_field({})
class _AnythingField(serializers.Field):
    """Any JSON value that xcube sends."""


class RunReportStateSerializer(serializers.Serializer):
    label = serializers.CharField(required=False, allow_null=True)
    total_work = WorkField(required=False)
    progress = serializers.FloatField(min_value=0, max_value=MAX_WORK, required=False)
    worked = serializers.FloatField(min_value=0, max_value=MAX_WORK, required=False)
    elapsed = serializers.FloatField(min_value=0, max_value=MAX_WORK, required=False)
    error = _AnythingField(
        required=False,
        help_text="`false`, a text, or xcube's list of exception type, message and traceback "
        "lines.",
    )


class RunOutputSerializer(serializers.Serializer):
    first_line = count_field(
        "Number of the first of `lines`, from 0: a line that came before is not kept twice."
    )
    lines = serializers.ListField(child=serializers.CharField(), max_length=1000)


class RunResultSerializer(ClosedSerializer):
    """xcube's result without traceback and output, at most 64,000 bytes."""

    status = serializers.ChoiceField(choices=RESULT_STATUSES)
    status_code = serializers.IntegerField(
        min_value=100, max_value=999, required=False, allow_null=True
    )
    message = serializers.CharField(required=False, allow_null=True)
    result = CubeReferenceSerializer(required=False, allow_null=True)
    versions = serializers.DictField(child=serializers.CharField(), required=False, allow_null=True)
    made = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="What the run found out about its cube: `description`, `footprint`, `files`. A "
        "part that is not as expected is left out.",
    )


class RunQuickLookSerializer(serializers.Serializer):
    """A picture of one variable (quicklooks.py). Where it is not valid, all else is kept."""

    position = serializers.IntegerField(min_value=0, max_value=quicklooks.MOST - 1)
    variable = serializers.CharField(max_length=200)
    png = serializers.CharField(
        required=False,
        allow_null=True,
        help_text=f"Base64 of a PNG with a palette, at most {quicklooks.PNG_BYTES} bytes and "
        f"{quicklooks.LONGEST_SIDE} pixels wide and high.",
    )
    note = serializers.CharField(required=False, help_text="Why there is no picture, if so.")


class RunReportSerializer(serializers.Serializer):
    """What a run reports: its progress and, from the hub's own runner, lines of its log."""

    sender = serializers.ChoiceField(choices=SENDERS)
    state = RunReportStateSerializer()
    output = RunOutputSerializer(required=False, allow_null=True)
    result = RunResultSerializer(
        required=False,
        allow_null=True,
        help_text="With the last report. It ends no job. Where it is not valid, all else of the "
        "report is kept.",
    )
    quicklook = RunQuickLookSerializer(required=False, allow_null=True)


class RunReportAnswerSerializer(serializers.Serializer):
    progress = CubegenProgressSerializer(many=True)
