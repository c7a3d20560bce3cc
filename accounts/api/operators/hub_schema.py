"""The OpenAPI description of the audit and of the switches of services."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from hubsite.api.examples import answer_example
from hubsite.api.schema import problem_responses
from hubsite.audit.actions import ACTIONS
from hubsite.audit.entry import Via
from hubsite.refusals import Kind, Refused
from hubsite.switches import MOST_CHARACTERS

from ..fields import FlagField, TextField
from .acts import NEEDS, act, asked, listing, path_id
from .serializers import AuditEntrySerializer

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
_SWITCH = {
    "service": "xcube_gen",
    "status": "Suspended",
    "is_suspended": True,
    "message": "Maintenance until 14:00 UTC.",
    "since": "2026-11-26T12:00:00Z",
}


class OperatorSwitchSerializer(serializers.Serializer):
    """A service of the hub, and whether it takes new work."""

    service = serializers.CharField()
    status = serializers.CharField()
    is_suspended = serializers.BooleanField()
    message = serializers.CharField(help_text="What users are told.")
    since = serializers.DateTimeField(allow_null=True)


class SuspensionSerializer(serializers.Serializer):
    message = TextField(max_length=MOST_CHARACTERS, help_text="For users: why, and until when.")
    end_work = FlagField(
        default=False, help_text="`true`: end what runs, too; it is free of charge."
    )


class SuspendedSerializer(serializers.Serializer):
    ended = serializers.IntegerField(help_text="How much work in progress was ended.")


def no_service() -> Refused:
    return Refused("one of xcube_gen, xcube_geodb is expected", field="service", kind=Kind.INVALID)


SERVICE = path_id("service")
list_audit = listing(
    "list_audit",
    "Who did what",
    AuditEntrySerializer,
    _ENTRY,
    OpenApiParameter("who", str, description="A user's id, a part of an e-mail, or a name."),
    OpenApiParameter("on", str, description="An owner, or the exact name of an object."),
    OpenApiParameter("action", {"type": "string", "enum": list(ACTIONS)}),
    OpenApiParameter("via", {"type": "string", "enum": Via.values}),
    OpenApiParameter("since", str, description="A date or a time; in UTC without a zone."),
    OpenApiParameter("until", str, description="The same; a day is included."),
)
list_switches = listing(
    "list_switches",
    "The switches of the hub's services",
    OperatorSwitchSerializer,
    _SWITCH,
    has_parts=False,
)
suspend_service = extend_schema(
    operation_id="suspend_service",
    summary="Suspend a service of the hub",
    description=f"It takes no new work, and what waits does not start. Again: another message. "
    f"{NEEDS}",
    parameters=[SERVICE],
    request=SuspensionSerializer,
    responses={200: SuspendedSerializer, **problem_responses(no_service())},
    examples=[
        asked("Maintenance", {"message": "Maintenance until 14:00 UTC."}),
        answer_example("Suspended", {"ended": 0}),
    ],
)
resume_service = act(
    "resume_service", "Open a suspended service again", of=SERVICE, refusals=[no_service()]
)
