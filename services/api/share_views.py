"""The endpoints of shares: who else may use a service."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.share_views import SubjectShareViewSet
from accounts.models import Share

from ..access import sharing
from ..access.rights import SERVICE
from ..models import ServiceInstance
from . import schema


class ShareViewSet(SubjectShareViewSet):
    """Shares of the caller's instances."""

    kind_name = SERVICE

    @schema.shares.listed
    def list(self, request: Request, instance_id: str) -> Response:
        return self.listed(request, instance_id)

    @schema.shares.made
    def make(self, request: Request, instance_id: str) -> Response:
        return self.made(request, instance_id)

    @schema.shares.withdrawn
    def withdraw(self, request: Request, instance_id: str, share_id: int) -> Response:
        return self.withdrawn(request, instance_id, share_id)

    def more_of_link(self, share: Share, secret: str) -> dict[str, Any]:
        if not share.is_public:
            return {}
        instance = ServiceInstance.objects.get(instance_id=share.subject)
        return {"direct_url": sharing.direct_url(instance, secret)}
