"""The OpenAPI description of `/cubegens`: one decorator for each operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
)

from hubsite.api.errors import ErrorShape
from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.schema import PAGE, problem_responses, query_number
from hubsite.refusals import Kind, Refused

from ..models import State
from . import examples
from .error_shapes import CUBE_INFO_ERRORS, CUBEGEN_ERRORS
from .estimate_serializers import CubeInfoSerializer
from .request_serializers import CubegenCodeFormSerializer, CubegenRequestSerializer
from .run_serializers import RunReportAnswerSerializer, RunReportSerializer
from .serializers import (
    CubegenLogSerializer,
    CubegenSerializer,
    CubegenSummarySerializer,
    CubegenVersionsSerializer,
    UsageSerializer,
)

JSON = "application/json"
ZIP = "application/zip"


def _errors(*errors: Any, shape: ErrorShape = CUBEGEN_ERRORS, job_id: str = "unknown") -> dict:
    return problem_responses(examples.SWITCHED_OFF, *errors, shape=shape, job_id=job_id)


def _ok(schema: Any, description: str, **values: Any) -> dict:
    """The 200 answer; `values` are its examples by name."""
    shown = [
        OpenApiExample(name.replace("_", " ").capitalize(), value=value)
        for name, value in values.items()
    ]
    return {(200, JSON): OpenApiResponse(schema, description=description, examples=shown)}


def _body(schema: Any, **values: Any) -> dict:
    shown = [
        OpenApiExample(name.replace("_", " ").capitalize(), value=value)
        for name, value in values.items()
    ]
    return {JSON: OpenApiRequest(schema, examples=shown)}


_SUCCESS = {"type": "string", "const": "Success"}

JOB_ID = OpenApiParameter(
    "job_id",
    {"type": "string", "maxLength": 63},
    OpenApiParameter.PATH,
    description="The id that submission answered.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Any text that names this submission. Sent again with the same request within a "
    "day it returns the job that the first made, and charges nothing; with another request 422.",
)
LEVELS = OpenApiParameter(
    "levels",
    {"type": "boolean", "default": False},
    description="Write a pyramid (`NAME.levels`) beside the cube `NAME.zarr`, so that viewers open "
    "large cubes fast. `output_config.write_params.levels` does the same. It costs as all that is "
    "written: a third of the cube at most, and for each image a unit at least. If the cube or the "
    "pyramid cannot be made, neither stays.",
)
RETRY_OF = OpenApiParameter(
    "retry_of",
    str,
    description="The id of your job that this one repeats, if it failed or was cancelled. The two "
    "are then shown as linked; nothing else changes.",
)
_SUBMISSION_ERRORS = (
    examples.INVALID,
    examples.NO_USER_CODE,
    examples.OUTPUT_IS_TAKEN,
    examples.OUTPUT_EXISTS,
    examples.TOO_EXPENSIVE,
    examples.ABOVE_THE_LIMIT,
    examples.TOO_LARGE,
    examples.KEY_USED,
    examples.TOO_MANY_JOBS,
    examples.UNAVAILABLE,
)

version = extend_schema(
    operation_id="get_cubegen_versions",
    summary="Versions of xcube and its plugins",
    description="What generates the cubes. Public.",
    auth=[],
    responses={
        **_ok(CubegenVersionsSerializer, "Names and versions.", versions=examples.VERSIONS),
        **_errors(examples.UNAVAILABLE),
    },
)

info = extend_schema(
    operation_id="get_cube_info",
    summary="What a request would make and cost",
    description="Takes the same request as a submission. Nothing is stored and nothing is "
    "charged. Needs `manage:cubegens`.",
    parameters=[LEVELS],
    request=_body(
        CubegenRequestSerializer,
        a_cube=examples.REQUEST,
        with_own_code=examples.INLINE_CODE_REQUEST,
    ),
    responses={
        **_ok(CubeInfoSerializer, "The cube, its size and its cost.", estimate=examples.CUBE_INFO),
        **_errors(examples.INVALID, examples.UNAVAILABLE, shape=CUBE_INFO_ERRORS),
    },
)

submit = extend_schema(
    operation_id="submit_cubegen",
    summary="Generate a cube",
    description="Estimates the request, reserves its processing units and queues the job; then "
    "watch it at `GET /cubegens/{job_id}`. The units are spent when the cube is made, and given "
    "back when the job fails or is cancelled before that, because what it wrote into a store of "
    "the hub is removed. They are also spent when it ends after it began to write where the hub "
    "cannot take it back (a store of your own, own code, an existing dataset), unless the fault "
    "is the hub's. Needs "
    "`manage:cubegens`, and `process:cubegens` for own code.",
    parameters=[IDEMPOTENCY_KEY, LEVELS, RETRY_OF],
    request=_body(
        CubegenRequestSerializer,
        a_cube=examples.REQUEST,
        with_own_code=examples.INLINE_CODE_REQUEST,
    ),
    responses={
        **_ok(CubegenSerializer, "The job that was made.", queued=examples.QUEUED),
        **_errors(*_SUBMISSION_ERRORS),
    },
)

submit_code = extend_schema(
    operation_id="submit_cubegen_code",
    summary="Generate a cube with own code from a zip",
    description="As `PUT /cubegens`, for code that is more than one file. Needs "
    "`process:cubegens`.",
    parameters=[IDEMPOTENCY_KEY, LEVELS, RETRY_OF],
    request={
        "multipart/form-data": OpenApiRequest(
            CubegenCodeFormSerializer,
            encoding={
                "body": {"contentType": JSON},
                "user_code": {"contentType": "application/zip, application/octet-stream"},
            },
            examples=[
                OpenApiExample(
                    "A package",
                    value={"body": examples.CODE_REQUEST, "user_code": "(the zip)"},
                    media_type="multipart/form-data",
                )
            ],
        )
    },
    responses={
        **_ok(CubegenSerializer, "The job that was made.", queued=examples.QUEUED),
        **_errors(*_SUBMISSION_ERRORS),
    },
)

list_jobs = extend_schema(
    operation_id="list_cubegens",
    summary="Your jobs, newest first",
    description="Without those that were deleted. Needs `manage:cubegens`.",
    parameters=[
        OpenApiParameter(
            "status",
            {"type": "string", "enum": list(State.values)},
            description="Only jobs in this state.",
        ),
        *PAGE,
    ],
    responses={
        **_ok(
            CubegenSummarySerializer(many=True, max_length=MAX_LIMIT),
            "The jobs, without progress and output.",
            one_that_succeeded=examples.SUCCEEDED_SUMMARY,
            one_that_failed=examples.FAILED_SUMMARY,
        ),
        **_errors(),
    },
)

delete_all = extend_schema(
    operation_id="delete_cubegens",
    summary="Cancel and delete all your jobs",
    description="Each as `DELETE /cubegens/{job_id}` does. The cubes stay. Needs "
    "`manage:cubegens`.",
    responses={
        **_ok(_SUCCESS, "They are gone from the list.", done="Success"),
        **_errors(),
    },
)

get_job = extend_schema(
    operation_id="get_cubegen",
    summary="How a job is doing",
    description="Ask every few seconds until `job_result` is there: its `status` tells whether "
    "the cube was made. Needs `manage:cubegens`.",
    parameters=[JOB_ID],
    responses={
        **_ok(
            CubegenSerializer,
            "The job, also when it failed.",
            queued=examples.QUEUED,
            running=examples.RUNNING,
            succeeded=examples.SUCCEEDED,
            failed=examples.FAILED,
            cancelled=examples.CANCELLED,
        ),
        **_errors(examples.NOT_FOUND, job_id=examples.JOB_ID),
    },
)

delete_job = extend_schema(
    operation_id="delete_cubegen",
    summary="Cancel and delete a job",
    description="Ends it if it is queued or running, and takes it from your list. What it cost "
    "stays in your account's history; a cube that was made stays in its store. Needs "
    "`manage:cubegens`.",
    parameters=[JOB_ID],
    responses={
        **_ok(_SUCCESS, "It is gone from the list.", done="Success"),
        **_errors(examples.NOT_FOUND, job_id=examples.JOB_ID),
    },
)

get_logs = extend_schema(
    operation_id="get_cubegen_logs",
    summary="The log of a job, also while it runs",
    description="Of a long log the first 2,000 and the last 5,000 lines are kept; lines keep "
    "their numbers. To follow it, ask again with `offset` set to `next_offset`. Needs "
    "`manage:cubegens`.",
    parameters=[
        JOB_ID,
        query_number("offset", 0, 2**31 - 1, "Number of the first line wanted."),
        query_number("limit", MAX_LIMIT, MAX_LIMIT, "At most so many lines."),
    ],
    responses={
        **_ok(CubegenLogSerializer, "The lines.", lines=examples.LOG),
        **_errors(examples.NOT_FOUND, job_id=examples.JOB_ID),
    },
)

callback = extend_schema(
    operation_id="report_cubegen_progress",
    summary="A run reports its progress",
    description="Called by the run itself, with a token that is good for nothing else. A report "
    "is data: only the engine ends a job. Reports after the end are answered and change nothing.",
    tags=["Runs"],
    parameters=[JOB_ID],
    request=_body(
        RunReportSerializer,
        progress=examples.REPORT,
        failure=examples.FAILED_REPORT,
        end=examples.LAST_REPORT,
    ),
    responses={
        **_ok(RunReportAnswerSerializer, "What is known now.", progress=examples.REPORT_ANSWER),
        **problem_responses(
            Refused("a number above 0 is expected", field="state.total_work"),
            examples.NOT_THE_RUN,
            Refused("This job was deleted.", kind=Kind.GONE),
            shape=CUBEGEN_ERRORS,
            job_id=examples.JOB_ID,
        ),
    },
)


run_code = extend_schema(
    operation_id="get_run_code",
    summary="A run fetches its own code",
    description="The zip that was uploaded with the submission, for the run itself, with the "
    "token it reports with, until it is over.",
    tags=["Runs"],
    parameters=[JOB_ID],
    responses={
        (200, ZIP): OpenApiResponse(
            {"type": "string", "format": "binary", "contentMediaType": ZIP},
            description="The code.",
            examples=[OpenApiExample("A zip", value="UEsFBg…", media_type=ZIP)],
        ),
        **problem_responses(
            examples.NOT_THE_RUN,
            examples.NO_UPLOADED_CODE,
            examples.RUN_IS_OVER,
            shape=CUBEGEN_ERRORS,
            job_id=examples.JOB_ID,
        ),
    },
)


_USAGE = {
    "email": "ann@example.org",
    "month": "2026-11",
    "store": "@cubes",
    "jobs": 3,
    "succeeded": 2,
    "failed": 1,
    "cancelled": 0,
    "units": 384,
}


def _month(name: str, which: str) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
        description=f"The {which} month.",
    )


usage = extend_schema(
    operation_id="list_my_usage",
    summary="What I spent",
    description="Your jobs and processing units by month and store, as JSON or, with "
    "`?format=csv`, as CSV for spreadsheets.",
    parameters=[
        _month("from", "first"),
        _month("to", "last"),
        OpenApiParameter("format", {"type": "string", "enum": ["json", "csv"]}),
    ],
    responses={
        (200, "application/json"): OpenApiResponse(
            UsageSerializer(many=True),
            description="By month, then store.",
            examples=[OpenApiExample("One month", value=_USAGE)],
        ),
        (200, "text/csv"): OpenApiResponse(
            {"type": "string"},
            description="The same, one line a row, with a line of names.",
            examples=[
                OpenApiExample(
                    "One month",
                    value=",".join(_USAGE)
                    + "\r\n"
                    + ",".join(str(v) for v in _USAGE.values()).replace(",@", ",'@")
                    + "\r\n",
                    media_type="text/csv",
                )
            ],
        ),
    },
)


class RunTokenScheme(OpenApiAuthenticationExtension):
    """Describes a run's own token in the OpenAPI document; importing the module registers it."""

    target_class = "jobs.api.authentication.RunTokenAuthentication"
    name = "runToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that the hub gives to a run. Of no use elsewhere.",
        }
