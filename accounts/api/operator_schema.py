"""The OpenAPI description of the operators' endpoints of accounts and of the audit."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from hubsite.api.examples import answer_example, request_example
from hubsite.api.keyset import KEYSET
from hubsite.api.schema import problem_responses
from hubsite.audit.actions import ACTIONS
from hubsite.audit.entry import Via
from hubsite.refusals import Kind, Refused

from .operator_serializers import (
    AuditEntrySerializer,
    OperatorUserDetailSerializer,
    OperatorUserSerializer,
    UnitsChangedSerializer,
    UnitsChangeSerializer,
    UserChangeSerializer,
)

NEEDS = "Needs `operate:hub`."
READS = "Needs `operate:hub` or `read:hub`."


def no_user() -> Refused:
    return Refused("There is no user of this id.", kind=Kind.NOT_FOUND)


def is_operator() -> Refused:
    return Refused("Operators are switched off by a superuser, in the admin.", kind=Kind.FORBIDDEN)


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
_ENTRY = {
    "id": 4711,
    "at": "2026-11-26T12:00:00Z",
    "actor": "operator@example.org",
    "acted_for": "",
    "via": "api",
    "action": "units.granted",
    "kind": "accounts.user",
    "object_id": "17",
    "label": "ann@example.org",
    "detail": "+500, as agreed",
    "request_id": "3c6e0b8a9c15224a8228b9a98ca1531d",
    "address": "",
}


list_users = extend_schema(
    operation_id="list_all_users",
    summary="All users",
    description=f"Newest first. {READS}",
    parameters=[
        OpenApiParameter("email", str, description="A part of the e-mail."),
        OpenApiParameter("role", str, description="Only who has this role."),
        OpenApiParameter("is_active", {"type": "string", "enum": ["true", "false"]}),
        *KEYSET,
    ],
    responses=OperatorUserSerializer(many=True),
    examples=[answer_example("One user", _USER)],
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
    summary="Switch a user off or on",
    description=f"Nothing is deleted. Not for operators and support. {NEEDS}",
    parameters=[USER_ID],
    request=UserChangeSerializer,
    responses={200: OperatorUserDetailSerializer, **problem_responses(no_user(), is_operator())},
    examples=[
        request_example("Off", {"is_active": False}),
        answer_example("Switched off", {**_DETAIL, "is_active": False}),
    ],
)
change_units = extend_schema(
    operation_id="change_units_of_user",
    summary="Grant or correct a user's units",
    description=f"Makes one movement in the ledger, which the user sees. {NEEDS}",
    parameters=[USER_ID, IDEMPOTENCY_KEY],
    request=UnitsChangeSerializer,
    responses={200: UnitsChangedSerializer, **problem_responses(no_user(), key_used(), too_few())},
    examples=[
        request_example("A grant", {"kind": "grant", "units": 500, "reason": "as agreed"}),
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
list_audit = extend_schema(
    operation_id="list_audit",
    summary="Who did what",
    description=f"Entries of the audit, newest first. {READS}",
    parameters=[
        OpenApiParameter("who", str, description="A user's id, a part of an e-mail, or a name."),
        OpenApiParameter("on", str, description="An owner, or the exact name of an object."),
        OpenApiParameter("action", {"type": "string", "enum": list(ACTIONS)}),
        OpenApiParameter("via", {"type": "string", "enum": Via.values}),
        OpenApiParameter("since", str, description="A date or a time; in UTC without a zone."),
        OpenApiParameter("until", str, description="The same; a day is included."),
        *KEYSET,
    ],
    responses=AuditEntrySerializer(many=True),
    examples=[answer_example("A grant", _ENTRY)],
)
