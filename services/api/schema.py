"""The OpenAPI description of services: one decorator for each operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
)

from accounts.api.share_schema import subject_share_schemas
from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.schema import PAGE, problem_responses, query_number
from jobs.api.error_shapes import CUBEGEN_ERRORS

from ..models import State
from . import examples
from .serializers import (
    KeepRequestSerializer,
    MainServerRequestSerializer,
    OpenedCubeSerializer,
    ServiceEventSerializer,
    ServiceInstanceSerializer,
    ServiceInstanceSummarySerializer,
    ServiceLogSerializer,
    ServiceProfileSerializer,
    StartRequestSerializer,
)

JSON = "application/json"
NEEDS = "Needs `manage:cubegens`."
TAG = ["Services"]

INSTANCE_ID = OpenApiParameter(
    "instance_id",
    {"type": "string", "maxLength": 63},
    OpenApiParameter.PATH,
    description="The `id` that the start answered.",
)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Any text that names this start. Sent again with the same request within a day it "
    "returns the service that the first made; with another request 422.",
)
LOCATION = OpenApiParameter(
    "Location", str, OpenApiParameter.HEADER, response=[201], description="Path of the service."
)


def answer(schema: Any, description: str, *, status: int = 200, **values: Any) -> dict:
    """The successful answer; `values` are its examples by name."""
    return {
        (status, JSON): OpenApiResponse(schema, description=description, examples=_named(values))
    }


def body(schema: Any, **values: Any) -> dict:
    return {JSON: OpenApiRequest(schema, examples=_named(values))}


def _named(values: dict[str, Any]) -> list[OpenApiExample]:
    return [
        OpenApiExample(name.replace("_", " ").capitalize(), value=value)
        for name, value in values.items()
    ]


_START_ERRORS = (
    examples.NOT_YOUR_PROFILE,
    examples.TOO_MANY,
    examples.NO_UNITS,
    examples.SUSPENDED,
)

put_main = extend_schema(
    operation_id="put_main_server",
    summary="Start your main xcube server, or change it",
    description="For clients of the old service. Each user has one main server: the first call "
    "starts it, each later one replaces its configuration, at the same URL. It answers at once, "
    "and the server is ready within seconds; a page that is opened meanwhile waits. "
    f"`user_id` must be your own. {NEEDS}",
    tags=TAG,
    request=body(MainServerRequestSerializer, one_cube=examples.MAIN_REQUEST),
    responses={
        **answer(
            ServiceInstanceSerializer, "The server.", status=201, started=examples.MAIN_STARTED
        ),
        **problem_responses(examples.INVALID_CFG, examples.NOT_YOURS, *_START_ERRORS),
    },
)

start = extend_schema(
    operation_id="start_server",
    summary="Start an xcube server",
    description="With its viewer. It answers at once with both URLs, and the server is ready "
    "within seconds; a page that is opened meanwhile waits. Services that run cost processing "
    f"units by the minute, if their profile says so. {NEEDS}",
    tags=TAG,
    parameters=[IDEMPOTENCY_KEY, LOCATION],
    request=body(StartRequestSerializer, one_cube=examples.START_REQUEST),
    responses={
        **answer(ServiceInstanceSerializer, "The server.", status=201, started=examples.STARTED),
        **problem_responses(examples.INVALID, *_START_ERRORS, examples.KEY_USED),
    },
)

list_instances = extend_schema(
    operation_id="list_servers",
    summary="Your xcube servers, newest first",
    description=f"Also those that have ended, without those that were deleted. {NEEDS}",
    tags=TAG,
    parameters=[
        OpenApiParameter(
            "state",
            {"type": "string", "enum": list(State.values)},
            description="Only servers in this state.",
        ),
        *PAGE,
    ],
    responses={
        **answer(
            ServiceInstanceSummarySerializer(many=True, max_length=MAX_LIMIT),
            "The servers.",
            ready=examples.READY_SUMMARY,
            asleep=examples.ASLEEP_SUMMARY,
            failed=examples.FAILED_SUMMARY,
        ),
        **problem_responses(examples.BAD_STATE),
    },
)

get_instance = extend_schema(
    operation_id="get_server",
    summary="How a server is doing",
    description=f"Its state, use and cost, and its datasets. {NEEDS}",
    tags=TAG,
    parameters=[INSTANCE_ID],
    responses={
        **answer(
            ServiceInstanceSerializer,
            "The server, also when it has ended.",
            ready=examples.READY,
            failed=examples.FAILED,
        ),
        **problem_responses(examples.NOT_FOUND),
    },
)

delete_instance = extend_schema(
    operation_id="delete_server",
    summary="Stop and delete a server",
    description="Also while it starts or sleeps; it is gone from your list at once. Cubes stay. "
    f"Repeated, it changes nothing. {NEEDS}",
    tags=TAG,
    parameters=[INSTANCE_ID],
    responses={
        **answer(
            {"type": "string", "const": "Success"}, "It is gone from the list.", done="Success"
        ),
        **problem_responses(examples.NOT_FOUND),
    },
)

get_events = extend_schema(
    operation_id="get_server_events",
    summary="What happened to a server, oldest first",
    description=f"Its steps, why, and by whom; warnings before its end. {NEEDS}",
    tags=TAG,
    parameters=[INSTANCE_ID, *PAGE],
    responses={
        **answer(
            ServiceEventSerializer(many=True, max_length=MAX_LIMIT),
            "The events.",
            one=examples.EVENTS[0],
            another=examples.EVENTS[1],
        ),
        **problem_responses(examples.NOT_FOUND),
    },
)

get_log = extend_schema(
    operation_id="get_server_log",
    summary="The last log of a server",
    description="The last lines that it printed, kept when it ended, fell asleep or was removed. "
    f"{NEEDS}",
    tags=TAG,
    parameters=[
        INSTANCE_ID,
        query_number("offset", 0, 2**31 - 1, "Number of the first line wanted."),
        query_number("limit", MAX_LIMIT, MAX_LIMIT, "At most so many lines."),
    ],
    responses={
        **answer(ServiceLogSerializer, "The lines.", lines=examples.LOG),
        **problem_responses(examples.NOT_FOUND),
    },
)

keep = extend_schema(
    operation_id="keep_server",
    summary="Keep a server awake until a time",
    description="Until then it neither falls asleep nor is too old; at most the largest age of "
    f"its profile from now. It costs what it costs awake. {NEEDS}",
    tags=TAG,
    parameters=[INSTANCE_ID],
    request=body(
        KeepRequestSerializer, until_tomorrow=examples.KEEP_REQUEST, no_longer={"until": None}
    ),
    responses={
        **answer(ServiceInstanceSummarySerializer, "The server.", kept=examples.KEPT_SUMMARY),
        **problem_responses(examples.TOO_LONG, examples.NOT_FOUND, examples.IS_OVER),
    },
)

sleep = extend_schema(
    operation_id="put_server_to_sleep",
    summary="Put a server to sleep",
    description="It costs nothing asleep; the next request to its URL wakes it. Repeated, it "
    f"changes nothing. {NEEDS}",
    tags=TAG,
    parameters=[INSTANCE_ID],
    request=None,
    responses={
        **answer(ServiceInstanceSummarySerializer, "The server.", asleep=examples.ASLEEP_SUMMARY),
        **problem_responses(examples.NOT_FOUND, examples.IS_OVER),
    },
)

wake = extend_schema(
    operation_id="wake_server",
    summary="Wake a server",
    description=f"As a request to its URL does. Repeated, it changes nothing. {NEEDS}",
    tags=TAG,
    parameters=[INSTANCE_ID],
    request=None,
    responses={
        **answer(ServiceInstanceSummarySerializer, "The server.", ready=examples.READY_SUMMARY),
        **problem_responses(examples.NOT_FOUND, examples.IS_OVER, examples.NO_UNITS),
    },
)

shares = subject_share_schemas(
    "server",
    parameter=INSTANCE_ID,
    tags=TAG,
    not_found=examples.NOT_FOUND,
    is_over=examples.IS_OVER,
)

list_profiles = extend_schema(
    operation_id="list_profiles",
    summary="What you may start",
    description=f"Sizes, limits and prices; the default of each kind comes first. {NEEDS}",
    tags=TAG,
    responses=answer(ServiceProfileSerializer(many=True), "The profiles.", small=examples.PROFILE),
)

open_cube = extend_schema(
    operation_id="open_cubegen_in_viewer",
    summary="Open a finished cube in the viewer",
    description="Starts an xcube server for your cubes, or adds the cube to the one that runs. "
    f"`open_url` shows the cube. Repeated, it answers the same. {NEEDS}",
    tags=TAG,
    parameters=[
        OpenApiParameter(
            "job_id",
            {"type": "string", "maxLength": 63},
            OpenApiParameter.PATH,
            description="A job that has succeeded.",
        )
    ],
    request=None,
    responses={
        **answer(
            OpenedCubeSerializer, "The server with the cube.", status=201,
            opened=examples.OPENED_CUBE,
        ),
        **problem_responses(
            examples.NO_JOB, examples.NO_CUBE, *_START_ERRORS, shape=CUBEGEN_ERRORS,
            job_id=examples.JOB_ID,
        ),
    },
)  # fmt: skip
