"""The OpenAPI description: each operation with its possible errors, in our one shape.

Each app has one module of drf-spectacular's `extend_schema` decorators; bodies are serializers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated

from hubsite.refusals import Refused

from ..bounded_count import MOST
from .errors import PROBLEM, PROBLEMS, ApiError, ErrorShape, shape_of
from .handlers import as_api_error
from .pagination import MAX_LIMIT

TAGS = {
    "Cube generation": "Estimate, submit, watch and cancel cube generations.",
    "Data stores": "What the data stores of this hub hold, and how it is opened.",
    "Services": "Start xcube servers with their viewer, share, keep and stop them.",
    "Cate": "Start and stop the web API behind the Cate app.",
    "Sharing": "What others may use of yours, and you of theirs.",
    "GeoServer layers": "Publish collections of geoDB as maps (WMS) and features (WFS).",
    "Accounts": "How a program signs in, who it is, and what it may spend.",
    "Notices": "What the hub tells a user, in the portal, by e-mail and by webhooks.",
    "Subscriptions": "How the marketplace makes, changes and ends subscriptions of users.",
    "Operating": "Jobs, users, units and engines of the whole hub, and who did what.",
    "Service": "What this hub is, and whether its services are open.",
    "Runs": "Where a run reports to the hub. Not for users.",
}
_TAGS_BY_PATH = {
    "cubegens": "Cube generation",
    "notices": "Notices",
    "oauth": "Accounts",
    "operator": "Operating",
    "stores": "Data stores",
    "users": "Accounts",
    "webhooks": "Notices",
}

ERRORS = {
    400: "The request is not valid; `errors` names the fields.",
    401: "No token was sent, or it is expired, revoked or malformed.",
    403: "The token, or the account, lacks the scope that this needs.",
    404: "There is nothing of that name, or it belongs to somebody else.",
    409: "Something else stands in the way.",
    410: "It is over, and will not come back.",
    411: "The body came in chunks, without a Content-Length.",
    413: "The body is larger than this endpoint takes.",
    415: "The body has a media type that this endpoint does not read.",
    416: "It is not so long: there is nothing at the place that `Range` names.",
    422: "The request was understood, but this hub does not do what it asks for.",
    429: "Too much at once; try again after the seconds in `Retry-After`.",
    500: "A fault of the hub. Its operators find the reason in the log.",
    503: "The hub cannot do this just now; try again after the seconds in `Retry-After`.",
}
"""The description of each status, unless an operation has a more precise one."""


def query_number(name: str, default: int, most: int, description: str) -> OpenApiParameter:
    """A query parameter that `pagination.query_integer` reads."""
    return OpenApiParameter(
        name,
        {"type": "integer", "minimum": 0, "maximum": most, "default": default},
        description=description,
    )


PAGE = [
    query_number("limit", MAX_LIMIT, MAX_LIMIT, "At most so many."),
    query_number("offset", 0, 10**9, "Leave out so many, the newest."),
    OpenApiParameter(
        "X-Total-Count",
        int,
        OpenApiParameter.HEADER,
        response=[200],
        description=f"How many there are in all, counted up to {MOST:,}.",
    ),
    OpenApiParameter(
        "Link",
        str,
        OpenApiParameter.HEADER,
        response=[200],
        description='Where more is: `<url>; rel="next"`, `<url>; rel="prev"` (RFC 8288).',
    ),
]
"""The parameters and headers of a list that `pagination.page` makes."""


def problem_responses(
    *errors: ApiError | Refused, shape: ErrorShape = PROBLEMS, **kwargs: str
) -> dict[tuple[int, str], OpenApiResponse]:
    """For `extend_schema(responses=…)`: each of `errors` in the `shape` of the view.

    Several with the same status become examples of one response. `kwargs` are the parts of
    the path that the shape may name.
    """
    by_status: dict[int, list[ApiError]] = {}
    for error in map(as_api_error, errors):
        by_status.setdefault(error.status, []).append(error)
    return {
        (status, PROBLEM): OpenApiResponse(
            shape.serializer,
            description=ERRORS[status],
            examples=[
                OpenApiExample(
                    _title(error.detail), value=shape.body(error, kwargs), media_type=PROBLEM
                )
                for error in alike
            ],
        )
        for status, alike in by_status.items()
    }


def _title(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:69]}…"


class HubSchema(AutoSchema):
    """Adds the answers of the hub's middleware and base classes to every operation."""

    def get_tags(self) -> list[str]:
        first = self.path.removeprefix(f"/{settings.API_PATH}").split("/")[0]
        if "/subscriptions" in self.path and first == "services":
            return ["Subscriptions"]
        return [_TAGS_BY_PATH.get(first, "Service")]

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation["security"] = [either for either in operation.get("security", []) if either]
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
        responses = operation["responses"]
        for status in self._common_errors(operation):
            responses.setdefault(str(status), self._common_error(status))
        self._add_headers(responses)
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def _common_errors(self, operation: Mapping[str, Any]) -> Iterator[int]:
        schemes = {name for either in operation["security"] for name in either}
        places = {p["in"] for p in operation.get("parameters", ())}
        if "requestBody" in operation:
            yield from (400, 411, 413, 415)
        elif places & {"query", "header"}:
            yield 400
        if schemes:
            yield 401
        if "bearer" in schemes and self._may_be_forbidden():
            yield 403
        if "path" in places:
            yield 404
        yield 500

    def _may_be_forbidden(self) -> bool:
        """Whether it can answer 403: for a missing scope, or a missing CSRF token."""
        is_safe = self.method in SAFE_METHODS
        return not is_safe or any(
            type(permission) is not IsAuthenticated for permission in self.view.get_permissions()
        )

    def _common_error(self, status: int) -> dict[str, Any]:
        error = ApiError(ERRORS[status].replace("`", ""), status=status)
        shape = shape_of(self.view)
        described = self.resolve_serializer(shape.serializer(), "response")
        return {
            "description": ERRORS[status],
            "content": {
                PROBLEM: {"schema": described.ref, "example": shape.body(error, {})},
            },
        }

    @staticmethod
    def _add_headers(responses: dict[str, Any]) -> None:
        if "401" in responses:
            responses["401"].setdefault("headers", {})["WWW-Authenticate"] = {
                "description": "What kind of token is expected.",
                "schema": {"type": "string"},
            }
        for status in ("429", "503"):
            if status in responses:
                responses[status].setdefault("headers", {})["Retry-After"] = {
                    "description": "Seconds to wait before trying again.",
                    "schema": {"type": "integer"},
                }


class SessionScheme(OpenApiAuthenticationExtension):
    """Session authentication in the OpenAPI document; importing the module registers it."""

    target_class = "hubsite.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "A browser signed in at this hub. Requests that change something "
            "also need the CSRF token. Not asked where an `Authorization` header is sent.",
        }
