"""The OpenAPI description of Cate web APIs: one decorator for each operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from hubsite.api.schema import problem_responses

from . import cate_examples as examples
from . import cate_serializers as shapes
from .examples import NO_UNITS
from .schema import JSON, NEEDS

TAG = ["Cate"]
USER_ID = OpenApiParameter(
    "user_id",
    {"type": "string", "minLength": 1},
    OpenApiParameter.PATH,
    description="You: your user id, your e-mail, or the user name in your token. `.`, `@` and `_` "
    "may be written as `-`.",
)
FIRST = " For Cate's first web UI; also without `/api/v2`."


def _described(
    operation_id: str,
    summary: str,
    description: str,
    shape: Any,
    value: Any,
    *errors: Any,
    has_user: bool = True,
) -> Callable[..., Any]:
    """The decorator of one operation, with the answer `value` as its example."""
    answer = OpenApiResponse(
        shape, description=f"{summary}.", examples=[OpenApiExample("Answer", value=value)]
    )
    refused = (examples.OFF, examples.BAD_NAME, examples.NOT_YOURS, *errors) if has_user else ()
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=f"{description} {NEEDS}" if has_user else description,
        tags=TAG,
        parameters=[USER_ID] if has_user else [],
        request=None,
        responses={(200, JSON): answer, **problem_responses(*refused)},
    )


def _ok(result: Any) -> dict[str, Any]:
    return {"status": "ok", "result": result}


_COUNT = "Cate web APIs that run"
_COUNTED = "Of all users, awake or starting. Public."
_START = "Start your Cate web API"
_STARTED = (
    "It answers at once; ask for its status until the phase is `Running`. One that runs already is "
    "ended and begins anew, at another URL; your files stay."
)
_STATUS = "How your Cate web API is doing"
_TOLD = (
    "As the status of a pod: `Pending` while it starts, `Running`, `Succeeded` while it sleeps, "
    "`Failed`, or `Unknown` if there is none."
)
_STOP = "Stop your Cate web API"
_STOPPED = "`true`, whether or not there was one. Your files stay."

count = _described(
    "get_cate_webapi_count", _COUNT, _COUNTED, shapes.CateCountSerializer, examples.COUNT,
    has_user=False,
)  # fmt: skip
start = _described(
    "start_cate_webapi", _START, _STARTED, shapes.CateStartedSerializer, examples.STARTED,
    examples.TOO_MANY, NO_UNITS,
)  # fmt: skip
status = _described(
    "get_cate_webapi", _STATUS, _TOLD, shapes.CateStatusSerializer, examples.RUNNING
)
stop = _described("delete_cate_webapi", _STOP, _STOPPED, {"type": "boolean"}, True)

first_count = _described(
    "get_first_cate_webapi_count", _COUNT, _COUNTED + FIRST, shapes.FirstCateCountSerializer,
    _ok(examples.COUNT), has_user=False,
)  # fmt: skip
first_start = _described(
    "start_first_cate_webapi", _START, _STARTED + FIRST, shapes.FirstCateStartedSerializer,
    _ok(examples.STARTED), examples.TOO_MANY, NO_UNITS,
)  # fmt: skip
first_status = _described(
    "get_first_cate_webapi", _STATUS, _TOLD + FIRST, shapes.FirstCateStatusSerializer,
    _ok(examples.RUNNING),
)  # fmt: skip
first_stop = _described(
    "delete_first_cate_webapi",
    _STOP,
    _STOPPED + FIRST,
    shapes.FirstCateStoppedSerializer,
    _ok(True),
)
