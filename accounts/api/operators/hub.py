"""What operators script about the hub itself: its audit, and the switches of its services."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import offered, switches
from hubsite.api.keyset import part_of
from hubsite.audit import searching
from hubsite.health import parts
from hubsite.switches import Switch

from . import hub_schema as schema
from .acts import given
from .hub_schema import OperatorSwitchSerializer, SuspensionSerializer
from .permission import OperatesHub
from .serializers import AuditEntrySerializer


class OperatorAuditViewSet(ViewSet):
    """The audit, for operators."""

    permission_classes = [OperatesHub]

    @schema.list_audit
    def list(self, request: Request) -> Response:
        rows = searching.found(searching.read(request.query_params))
        part, headers = part_of(request, rows)
        return Response(AuditEntrySerializer(part, many=True).data, headers=headers)


class OperatorSwitchViewSet(ViewSet):
    """Suspends services of the hub and opens them again."""

    permission_classes = [OperatesHub]

    @schema.list_switches
    def list(self, request: Request) -> Response:
        rows = {row.service: row for row in Switch.objects.filter(service__in=offered.by_name())}
        shown = [_shown(status, rows.get(status.name)) for status in parts.look().services]
        return Response(OperatorSwitchSerializer(shown, many=True).data)

    @schema.suspend_service
    def suspend(self, request: Request, service: str) -> Response:
        asked = given(SuspensionSerializer, request)
        ended = switches.suspend(service, actor=request.user.username, **asked)
        return Response({"ended": ended})

    @schema.resume_service
    def resume(self, request: Request, service: str) -> Response:
        return Response({"changed": switches.resume(service, actor=request.user.username)})


def _shown(status: parts.ServiceStatus, row: Switch | None) -> dict:
    is_suspended = row is not None and row.is_suspended
    return {
        "service": status.name,
        "status": "Suspended" if is_suspended else status.status,
        "is_suspended": is_suspended,
        "message": row.message if is_suspended else "",
        "since": row.since if is_suspended else None,
    }
