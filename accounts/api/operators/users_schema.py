"""The OpenAPI description of users and their units, for operators."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from hubsite.api.examples import answer_example, request_example
from hubsite.api.schema import problem_responses
from hubsite.refusals import Kind, Refused

from .acts import NEEDS, READS, listing
from .serializers import (
    DeletionSerializer,
    NewUserSerializer,
    OperatorUserDetailSerializer,
    OperatorUserSerializer,
    TypedSerializer,
    UnitsChangedSerializer,
    UnitsChangeSerializer,
    UserChangeSerializer,
)


def no_user() -> Refused:
    return Refused("There is no user of this id.", kind=Kind.NOT_FOUND)


def is_operator() -> Refused:
    return Refused("Operators are switched off by a superuser, in the admin.", kind=Kind.FORBIDDEN)


def has_powers() -> Refused:
    return Refused(
        "This person operates the hub: take roles and staff status away first.", kind=Kind.CONFLICT
    )


def exists_already() -> Refused:
    return Refused("there is a user with this e-mail", field="email", kind=Kind.CONFLICT)


def not_asked() -> Refused:
    return Refused("Nobody asked for the deletion of this person.", kind=Kind.NOT_FOUND)


def key_used() -> Refused:
    return Refused(
        "This Idempotency-Key was used for something else, which counts.", kind=Kind.CONFLICT
    )


def too_few() -> Refused:
    return Refused("the user has 12 units in all", field="units", kind=Kind.CONFLICT)


USER_ID = OpenApiParameter("user_id", str, OpenApiParameter.PATH, description="The user's id.")
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 150},
    OpenApiParameter.HEADER,
    required=True,
    description="Any text that names this change. Sent again, it has no further effect, and "
    "the first movement is answered.",
)
_USER = {
    "user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6",
    "email": "ann@example.org",
    "first_name": "Ann",
    "last_name": "Example",
    "is_active": True,
    "is_service_account": False,
    "roles": ["cube-generation"],
    "created_at": "2026-11-24T12:00:00Z",
    "last_login": "2026-11-26T08:00:00Z",
    "forgotten_at": None,
}
_BALANCE = {"total": 100, "reserved": 12, "available": 88}
_DETAIL = {**_USER, "permissions": ["manage:cubegens"], "units": _BALANCE}
_DELETION = {
    "asked_at": "2026-11-26T12:00:00Z",
    "waits_for": "",
    "done_at": None,
    "elsewhere": [],
}


list_users = listing(
    "list_all_users",
    "All users",
    OperatorUserSerializer,
    _USER,
    OpenApiParameter("email", str, description="A part of the e-mail."),
    OpenApiParameter("role", str, description="Only who has this role."),
    OpenApiParameter("is_active", {"type": "string", "enum": ["true", "false"]}),
)
create_user = extend_schema(
    operation_id="make_any_user",
    summary="Make a user",
    description="Who signs in at a provider with this e-mail, if the hub trusts its e-mails, gets "
    f"this account. {NEEDS}",
    request=NewUserSerializer,
    responses={201: OperatorUserDetailSerializer, **problem_responses(exists_already())},
    examples=[
        request_example("Ann", {"email": "ann@example.org", "roles": ["cube-generation"]}),
        answer_example("Made", _DETAIL, status=201),
    ],
)
get_user = extend_schema(
    operation_id="get_any_user",
    summary="One user",
    description=READS,
    parameters=[USER_ID],
    responses={200: OperatorUserDetailSerializer, **problem_responses(no_user())},
    examples=[answer_example("A user with 100 units", _DETAIL)],
)
change_user = extend_schema(
    operation_id="change_any_user",
    summary="Switch a user off or on, or change their roles",
    description="Nothing is deleted. Operators and support are not switched off by this. Only a "
    f"superuser changes a superuser. {NEEDS}",
    parameters=[USER_ID],
    request=UserChangeSerializer,
    responses={200: OperatorUserDetailSerializer, **problem_responses(no_user(), is_operator())},
    examples=[
        request_example("Off", {"is_active": False, "reason": "left", "end_work": True}),
        request_example("Roles", {"roles": ["cube-generation", "support"]}),
        answer_example("Switched off", {**_DETAIL, "is_active": False}),
    ],
)
change_units = extend_schema(
    operation_id="change_units_of_user",
    summary="Grant or correct a user's units, or set the total",
    description=f"Makes one movement in the ledger, which the user sees. {NEEDS}",
    parameters=[USER_ID, IDEMPOTENCY_KEY],
    request=UnitsChangeSerializer,
    responses={200: UnitsChangedSerializer, **problem_responses(no_user(), key_used(), too_few())},
    examples=[
        request_example("A grant", {"kind": "grant", "units": 500, "reason": "as agreed"}),
        request_example(
            "That ends", {"kind": "grant", "units": 50, "reason": "course", "expires": "2027-01-31"}
        ),
        answer_example(
            "Granted",
            {
                "kind": "grant",
                "units": 500,
                "reason": "as agreed",
                "created_at": "2026-11-26T12:00:00Z",
                "balance": _BALANCE,
            },
        ),
    ],
)
delete_person = extend_schema(
    operation_id="delete_person",
    summary="Delete a person",
    description="Switches the account off; the worker deletes the person as soon as their work "
    "has ended. Jobs become anonymous, the ledger stays. It cannot be undone, so the e-mail or "
    f"the user id must be typed. {NEEDS}",
    parameters=[USER_ID],
    request=TypedSerializer,
    responses={202: DeletionSerializer, **problem_responses(no_user(), has_powers())},
    examples=[
        request_example("Typed", {"typed": "ann@example.org"}),
        answer_example("Begun", _DELETION, status=202),
    ],
)
get_deletion = extend_schema(
    operation_id="get_deletion_of_person",
    summary="How far the deletion of a person is",
    description=READS,
    parameters=[USER_ID],
    responses={200: DeletionSerializer, **problem_responses(no_user(), not_asked())},
    examples=[answer_example("Begun", _DELETION)],
)
