"""Answers of cube generation, as the OpenAPI document describes them.

The shapes are those that the xcube 1.14.1 client parses (core/gen2/remote/response.py). An
object that is closed there is closed here. `presentation.py` makes the answers. Tests compare
them, and recorded calls of real clients, with these shapes.
"""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.serializers import ClosedSerializer, ProblemSerializer

from ..models import Reason, State
from ..output import quicklooks
from ..queue.waiting import Cause

RESULT_STATUSES = ("ok", "warning", "error")
SENDERS = ("on_begin", "on_update", "on_end")
MAX_OUTPUT = 500
MAX_WORK = 1e12


@extend_schema_field({"type": "number", "exclusiveMinimum": 0, "maximum": MAX_WORK})
class _WorkField(serializers.FloatField):
    """The total amount of work: above 0."""


@extend_schema_field({"type": ["boolean", "string"]})
class _ErrorField(serializers.Field):
    """False, or a text that says what went wrong."""


@extend_schema_field({})
class _AnythingField(serializers.Field):
    """Any JSON value that xcube sends."""


def job_id_field(**options) -> serializers.CharField:
    return serializers.CharField(
        help_text="`<user id>-<18 hexadecimal characters and hyphens>`.", **options
    )


def time_field(text: str, **options) -> serializers.DateTimeField:
    return serializers.DateTimeField(help_text=f"{text} ISO 8601, UTC, with `Z`.", **options)


def count_field(text: str) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, help_text=text)


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
    total_work = _WorkField(help_text="Units of work in all.")
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


class VariableDescriptorSerializer(ClosedSerializer):
    """xcube's description of a variable."""

    name = serializers.CharField(min_length=1)
    dtype = serializers.CharField(help_text="NumPy's name of its type.")
    dims = serializers.ListField(child=serializers.CharField(min_length=1))
    chunks = serializers.ListField(child=serializers.IntegerField(min_value=0), required=False)
    attrs = serializers.DictField(required=False)


class DatasetDescriptorSerializer(serializers.Serializer):
    """xcube's description of the cube."""

    data_id = serializers.CharField(min_length=1)
    data_type = serializers.CharField()
    crs = serializers.CharField(min_length=1, required=False)
    bbox = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        required=False,
        help_text="`[x1, y1, x2, y2]` in units of `crs`.",
    )
    time_range = serializers.ListField(
        child=serializers.CharField(allow_null=True),
        min_length=2,
        max_length=2,
        required=False,
        help_text="First and last day or time.",
    )
    time_period = serializers.CharField(required=False, help_text="Length of a time step.")
    dims = serializers.DictField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        help_text="Length of each dimension.",
    )
    spatial_res = serializers.FloatField(
        required=False, help_text="Size of a pixel, in units of `crs`."
    )
    data_vars = serializers.DictField(
        child=VariableDescriptorSerializer(), required=False, help_text="Variables by name."
    )


class SizeEstimationSerializer(serializers.Serializer):
    """xcube's estimate of the cube's size."""

    image_size = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="`[width, height]` in pixels."
    )
    tile_size = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="`[width, height]` of a chunk."
    )
    num_variables = serializers.IntegerField(required=False)
    num_tiles = serializers.ListField(child=serializers.IntegerField(), required=False)
    num_requests = serializers.IntegerField(required=False)
    num_bytes = serializers.IntegerField(required=False)


class CostEstimationSerializer(ClosedSerializer):
    """In processing units (punits). One unit pays for a block of pixels in one time step of one
    variable. The prices of the stores give the size of the block, mostly 512 x 512."""

    required = count_field("What the request would cost.")
    available = count_field("What you have left.")
    limit = count_field("The most that one job may cost.")


class LevelsSerializer(ClosedSerializer):
    """The pyramid that would be written beside the cube. Its cost is part of the cost."""

    data_id = serializers.CharField(
        required=False, help_text="Its name in the output's store, if the output has one."
    )
    image_sizes = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(min_value=1), min_length=2, max_length=2
        ),
        min_length=1,
        help_text="`[width, height]` of each level. The first is the cube itself, which is not "
        "written twice.",
    )
    tile_size = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        min_length=2,
        max_length=2,
        help_text="`[width, height]` of a chunk of the further levels.",
    )


class CubeInfoResultSerializer(serializers.Serializer):
    dataset_descriptor = DatasetDescriptorSerializer()
    size_estimation = SizeEstimationSerializer()
    cost_estimation = CostEstimationSerializer()
    zarr_format = serializers.ChoiceField(
        choices=[2, 3],
        required=False,
        help_text="The Zarr format the cube would be written in, if it is written as Zarr.",
    )
    levels = LevelsSerializer(
        required=False, help_text="Only if a pyramid is asked for (`levels=true`)."
    )


class CubeInfoSerializer(ClosedSerializer):
    """The cube that a request would generate, and its cost."""

    status = serializers.ChoiceField(choices=["ok"])
    status_code = serializers.IntegerField(help_text="Always 200.")
    result = CubeInfoResultSerializer()
    message = serializers.CharField(required=False)
    output = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Lines of a log; mostly none."
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


class RunReportStateSerializer(serializers.Serializer):
    label = serializers.CharField(required=False, allow_null=True)
    total_work = _WorkField(required=False)
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


class UsageSerializer(serializers.Serializer):
    email = serializers.CharField()
    month = serializers.RegexField("^[0-9]{4}-[0-9]{2}$")
    store = serializers.CharField(help_text="Where the cubes were written.")
    jobs = count_field("Jobs that ended in the month.")
    succeeded = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)
    cancelled = serializers.IntegerField(min_value=0)
    units = count_field("Processing units that were charged.")


class FailedStatusSerializer(serializers.Serializer):
    active = serializers.IntegerField()
    failed = serializers.IntegerField()
    succeeded = serializers.IntegerField()


class FailedResultSerializer(ClosedSerializer):
    status = serializers.ChoiceField(choices=["error"])
    status_code = serializers.IntegerField()
    message = serializers.CharField()


class CubegenProblemSerializer(ProblemSerializer):
    """An error in the form of RFC 9457. The xcube client prints the reason because of the
    members `job_id`, `job_status` and `job_result`."""

    required = serializers.IntegerField(
        required=False, help_text="Processing units that the request costs (413)."
    )
    available = serializers.IntegerField(
        required=False, help_text="Processing units you have (413)."
    )
    limit = serializers.IntegerField(
        required=False, help_text="Processing units that one job may cost (413)."
    )
    job_id = serializers.CharField(help_text="The job asked for, or `unknown`.")
    job_status = FailedStatusSerializer()
    job_result = FailedResultSerializer()


class CubeInfoProblemSerializer(ClosedSerializer):
    """An error of `/cubegens/info`. The xcube client knows no other members."""

    status = serializers.ChoiceField(choices=["error"])
    status_code = serializers.IntegerField(help_text="The HTTP status.")
    message = serializers.CharField(help_text="What is wrong, and what is expected.")
