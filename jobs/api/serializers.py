"""Answers of cube generation, as the OpenAPI document describes them.

The shapes are those that the xcube 1.14.1 client parses (core/gen2/remote/response.py). An
object that is closed there is closed here. `presentation.py` makes the answers. Tests compare
them, and recorded calls of real clients, with these shapes.
"""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.serializers import ClosedSerializer

from ..models import Reason, State
from ..queue.waiting import Cause
from .fields import RESULT_STATUSES, SENDERS, WorkField, count_field, job_id_field, time_field

MAX_OUTPUT = 500


@extend_schema_field({"type": ["boolean", "string"]})
class _ErrorField(serializers.Field):
    """False, or a text that says what went wrong."""


class CubegenStatusSerializer(serializers.Serializer):
    """The status in the form of a Kubernetes Job: at most one of the first three members is 1,
    the others are `null`. All are `null` while the job is queued. `succeeded` and `failed` are
    final."""

    active = serializers.IntegerField(allow_null=True, help_text="1 while a run exists.")
    succeeded = serializers.IntegerField(allow_null=True, help_text="1 when the cube is made.")
    failed = serializers.IntegerField(
        allow_null=True, help_text="1 when there will be no cube: failed, or cancelled."
    )
    start_time = time_field("When the run began.", allow_null=True)
    completion_time = time_field("When the job ended.", allow_null=True)
    conditions = serializers.ListField(child=serializers.DictField(), allow_null=True)
    ready = serializers.IntegerField(allow_null=True)
    completed_indexes = serializers.CharField(allow_null=True)
    uncounted_terminated_pods = serializers.DictField(allow_null=True)


class CubeReferenceSerializer(ClosedSerializer):
    data_id = serializers.CharField(min_length=1, help_text="Name of the cube in the output store.")


class CubegenResultSerializer(ClosedSerializer):
    """The outcome of the job. There is none before its end."""

    status = serializers.ChoiceField(
        choices=RESULT_STATUSES,
        help_text="`warning`: the run ended well, but made an empty cube.",
    )
    status_code = serializers.IntegerField(
        required=False,
        help_text="As xcube said; 400 if it named none, 409 if the job was cancelled.",
    )
    message = serializers.CharField(
        required=False, help_text="What happened. The job's `reason` says of what kind it is."
    )
    result = CubeReferenceSerializer(required=False)
    output = serializers.ListField(child=serializers.CharField(), required=False)
    traceback = serializers.ListField(child=serializers.CharField(), required=False)
    versions = serializers.DictField(
        child=serializers.CharField(),
        required=False,
        help_text="Versions of xcube and what it uses, where that may help.",
    )


class CubegenProgressStateSerializer(serializers.Serializer):
    label = serializers.CharField(required=False)
    total_work = WorkField(help_text="Units of work in all.")
    progress = serializers.FloatField(
        min_value=0, help_text="Part of the work that is done, 0 to 1."
    )
    worked = serializers.FloatField(
        min_value=0, required=False, help_text="Units of work that are done."
    )
    elapsed = serializers.FloatField(min_value=0, required=False, help_text="Seconds.")
    error = _ErrorField(required=False)


class CubegenProgressSerializer(ClosedSerializer):
    """What a run reports about its progress. It never means that the run has ended."""

    sender = serializers.ChoiceField(
        choices=SENDERS,
        help_text="The latest event of any nested step: `on_end` occurs mid-run.",
    )
    state = CubegenProgressStateSerializer()


class CubegenSummarySerializer(serializers.Serializer):
    """A job in a list: without its progress and output."""

    job_id = job_id_field(max_length=63)
    job_status = CubegenStatusSerializer()
    state = serializers.ChoiceField(choices=State.values, help_text="Where the job is in its life.")
    reason = serializers.ChoiceField(
        choices=Reason.values,
        allow_null=True,
        help_text="Why it failed: "
        + "; ".join(f"`{reason.value}` {reason.label.lower()}" for reason in Reason)
        + ".",
    )
    message = serializers.CharField(help_text="What there is to tell about the state.")
    created_at = time_field("When it was submitted.")
    units = count_field("Processing units reserved for it at submission.")
    store_id = serializers.CharField(help_text="The store that the cube is written to.")
    data_id = serializers.CharField(help_text="The cube's name in that store.")
    levels_data_id = serializers.CharField(
        required=False,
        help_text="The name of the pyramid beside the cube, if one was asked for.",
    )
    job_result = CubegenResultSerializer(required=False)


class ExpectedStartSerializer(serializers.Serializer):
    """The job starts between these times with this probability."""

    earliest = time_field("Not before.")
    latest = time_field("Not after. Null if it may be any time later.", allow_null=True)
    confidence = serializers.FloatField(
        min_value=0, max_value=1, help_text="The part of jobs for which such intervals hold."
    )


class WaitingSerializer(serializers.Serializer):
    """Why a job has not begun. Present while it is queued or being started."""

    cause = serializers.ChoiceField(
        choices=[cause.value for cause in Cause],
        help_text="What it waits for; exactly one. More causes may be added.",
    )
    text = serializers.CharField(help_text="The cause in words.")
    remedy = serializers.CharField(help_text="What helps, if anything does.")
    own_before = count_field("Waiting jobs of your own that come first.")
    place = serializers.IntegerField(
        min_value=1,
        allow_null=True,
        help_text="Its number among all jobs that wait, in the order in which they are started. "
        "Users take turns. Null if it is not known.",
    )
    is_place_exact = serializers.BooleanField(help_text="False: about this place.")
    queue_length = serializers.IntegerField(
        min_value=0, allow_null=True, help_text="How many jobs wait."
    )
    start = ExpectedStartSerializer(
        allow_null=True, help_text="When it is expected to start; null if that cannot be said."
    )
    start_is_unknown_because = serializers.CharField(
        allow_null=True, help_text="Why not, as the end of a sentence."
    )
    as_of = time_field("When the queue was looked at.", allow_null=True)


class CubegenSerializer(CubegenSummarySerializer):
    """A job."""

    waiting = WaitingSerializer(required=False)

    output = serializers.ListField(
        child=serializers.CharField(),
        max_length=MAX_OUTPUT,
        help_text="Empty until the job has ended, then the last 500 lines of its log. "
        "`GET /cubegens/{job_id}/logs` has the log at any time.",
    )
    progress = CubegenProgressSerializer(
        many=True, help_text="Newest first; empty before the first report."
    )
    retry_of = serializers.CharField(
        required=False, help_text="The id of the job that this one repeats, if it repeats one."
    )


class CubegenVersionsSerializer(serializers.Serializer):
    result = serializers.ListField(
        child=serializers.RegexField(r"^[^:]+: .+$"),
        help_text="`name: version` of xcube and each of its plugins.",
    )


class LogLineSerializer(ClosedSerializer):
    line = serializers.IntegerField(help_text="Its number, from 0.")
    text = serializers.CharField()


class CubegenLogSerializer(ClosedSerializer):
    lines = serializers.ListField(child=LogLineSerializer(), max_length=MAX_LIMIT)
    next_offset = serializers.IntegerField(help_text="What to ask for next to follow the log.")


class UsageSerializer(serializers.Serializer):
    email = serializers.CharField()
    month = serializers.RegexField("^[0-9]{4}-[0-9]{2}$")
    store = serializers.CharField(help_text="Where the cubes were written.")
    jobs = count_field("Jobs that ended in the month.")
    succeeded = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)
    cancelled = serializers.IntegerField(min_value=0)
    units = count_field("Processing units that were charged.")
