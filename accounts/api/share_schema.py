"""The OpenAPI description of sharing: one decorator for each operation."""

from __future__ import annotations

from typing import Any, NamedTuple

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
)

from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.schema import PAGE, problem_responses
from hubsite.refusals import Kind, Refused

from .share_serializers import (
    GivenShareSerializer,
    HeldShareSerializer,
    NewShareSerializer,
    OpeningSerializer,
    ShareRequestSerializer,
    ShareSerializer,
)

JSON = "application/json"
TAG = ["Sharing"]
NEEDS = "Needs `manage:cubegens`."
SHARE_ID = OpenApiParameter("share_id", int, OpenApiParameter.PATH, description="Its `id`.")
KIND = OpenApiParameter(
    "kind",
    {"type": "string", "enum": ["service", "result"]},
    description="Only those of this kind.",
)

SHARE = {
    "id": 17,
    "kind": "service",
    "subject": "xk3j5n7q2v4w6y8a9b3c5d7e9f2",
    "action": "view",
    "user": "bob@example.org",
    "role": None,
    "link": False,
    "public": False,
    "created_at": "2026-11-26T13:10:00.000000Z",
    "expires_at": "2026-12-24T18:00:00.000000Z",
}
LINK = {**SHARE, "id": 18, "user": None, "link": True}
NEW_LINK = {**LINK, "url": "https://hub.example.org/shared/Zk3J9wq…/"}
ROLE = {**SHARE, "id": 19, "user": None, "role": "ocean-team", "action": "stop"}
REQUESTS = {
    "a_person": {"user": "bob@example.org", "expires_at": "2026-12-24T18:00:00Z"},
    "a_role": {"role": "ocean-team"},
    "a_link": {"link": True},
}
HELD = {
    "id": 17,
    "kind": "service",
    "subject": SHARE["subject"],
    "title": "Ocean colour",
    "state": "Ready",
    "owner": "ann@example.org",
    "action": "view",
    "role": None,
    "expires_at": SHARE["expires_at"],
    "url": "https://hub.example.org/shared/17/",
}
OPENING = {
    "at": "2026-11-26T14:00:00.000000Z",
    "until": "2026-11-26T14:40:00.000000Z",
    "times": 12,
    "by": "bob@example.org",
}
NOBODY = Refused("an e-mail or a user id is expected", field="user")
MADE_OFTEN = Refused(
    "At most 60 shares with people can be made in an hour; try again later.",
    kind=Kind.BUSY,
    retry_after_s=1800,
)
NOT_PUBLIC = Refused(
    "Sharing without a sign-in needs the permission share:publicly, which operators give.",
    kind=Kind.FORBIDDEN,
)
NO_SHARE = Refused("Share 17 not found.", kind=Kind.NOT_FOUND)
DONE = {"type": "string", "const": "Success"}


class SubjectShares(NamedTuple):
    """The decorators of the shares of one kind of subject."""

    listed: Any
    made: Any
    withdrawn: Any


def subject_share_schemas(
    noun: str,
    *,
    parameter: OpenApiParameter,
    tags: list[str],
    not_found: Refused,
    is_over: Refused,
) -> SubjectShares:
    """The decorators for the shares of one kind; `noun` also names the operations."""
    listed = extend_schema(
        operation_id=f"list_{noun}_shares",
        summary=f"Who else may use a {noun}",
        description=f"Shares that are neither withdrawn nor expired, newest first. {NEEDS}",
        tags=tags,
        parameters=[parameter, *PAGE],
        responses={
            **_answer(ShareSerializer(many=True, max_length=MAX_LIMIT), "The shares.", some=SHARE),
            **problem_responses(not_found),
        },
    )
    made = extend_schema(
        operation_id=f"make_{noun}_share",
        summary=f"Share a {noun}",
        description="With a person, with a role, or by a link, until a time. Repeated for the same "
        "person or role it changes the share; each link is another one. What others use costs you "
        f"as if you did. {NEEDS}",
        tags=tags,
        parameters=[parameter],
        request={JSON: OpenApiRequest(ShareRequestSerializer, examples=_named(REQUESTS))},
        responses={
            **_answer(NewShareSerializer, "The share.", status=201, one=SHARE, a_link=NEW_LINK),
            **problem_responses(NOBODY, not_found, is_over, MADE_OFTEN, NOT_PUBLIC),
        },
    )
    withdrawn = extend_schema(
        operation_id=f"revoke_{noun}_share",
        summary="Withdraw a share",
        description="What is open by it, also a connection, is closed within seconds. Repeated, it "
        f"changes nothing. {NEEDS}",
        tags=tags,
        parameters=[parameter, SHARE_ID],
        responses={
            **_answer(DONE, "It is withdrawn.", done="Success"),
            **problem_responses(NO_SHARE),
        },
    )
    return SubjectShares(listed, made, withdrawn)


def _answer(schema: Any, description: str, *, status: int = 200, **values: Any) -> dict:
    """The good answer; `values` are its examples by name."""
    return {
        (status, JSON): OpenApiResponse(schema, description=description, examples=_named(values))
    }


def _named(values: dict[str, Any]) -> list[OpenApiExample]:
    return [
        OpenApiExample(name.replace("_", " ").capitalize(), value=value)
        for name, value in values.items()
    ]


list_given = extend_schema(
    operation_id="list_given_shares",
    summary="What you share",
    description="Valid shares of your services and results that can still be used, newest first. "
    f"{NEEDS}",
    tags=TAG,
    parameters=[KIND, *PAGE],
    responses={
        **_answer(
            GivenShareSerializer(many=True, max_length=MAX_LIMIT),
            "The shares.",
            some={**SHARE, "title": "Ocean colour"},
        ),
    },
)
withdraw_given = extend_schema(
    operation_id="revoke_given_share",
    summary="Withdraw a share",
    description=f"Of anything that is yours. Repeated, it changes nothing. {NEEDS}",
    tags=TAG,
    parameters=[SHARE_ID],
    responses={
        **_answer(DONE, "It is withdrawn.", done="Success"),
        **problem_responses(NO_SHARE),
    },
)
list_openings = extend_schema(
    operation_id="list_share_openings",
    summary="Who used a share",
    description=f"The newest 100, one for each person and hour. {NEEDS}",
    tags=TAG,
    parameters=[SHARE_ID, *PAGE],
    responses={
        **_answer(
            OpeningSerializer(many=True, max_length=MAX_LIMIT), "The openings.", some=OPENING
        ),
        **problem_responses(NO_SHARE),
    },
)
list_roles = extend_schema(
    operation_id="list_share_roles",
    summary="Roles that you may share with",
    description=f"Operators permit them. {NEEDS}",
    tags=TAG,
    responses={
        **_answer(
            {"type": "array", "items": {"type": "string"}, "maxItems": MAX_LIMIT},
            "Their names.",
            some=["ocean-team"],
        ),
    },
)
list_held = extend_schema(
    operation_id="list_held_shares",
    summary="What is shared with you",
    description="What others share with you or with a role of yours and can still be used, newest "
    f"first. {NEEDS}",
    tags=TAG,
    parameters=[KIND, *PAGE],
    responses={
        **_answer(
            HeldShareSerializer(many=True, max_length=MAX_LIMIT), "What is shared.", some=HELD
        ),
    },
)
leave = extend_schema(
    operation_id="revoke_held_share",
    summary="Give back a share",
    description="What is shared with you alone. What a role of yours has stays as long as you "
    f"have the role. {NEEDS}",
    tags=TAG,
    parameters=[SHARE_ID],
    responses={
        **_answer(DONE, "It is given back.", done="Success"),
        **problem_responses(NO_SHARE),
    },
)
