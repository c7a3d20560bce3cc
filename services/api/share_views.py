"""The endpoints of shares: who else may use a service."""

from __future__ import annotations

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.api.pagination import page
from hubsite.refusals import Kind, Refused

from ..access import sharing
from ..access.people import find_person
from . import schema
from .own import checked, own_instance, who
from .presentation import share
from .serializers import ShareRequestSerializer


class ShareViewSet(ViewSet):
    """Shares of the caller's instances."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.list_shares
    def list(self, request: Request, instance_id: str) -> Response:
        instance = own_instance(request, instance_id)
        part, headers = page(request, sharing.shares_of(instance))
        return Response([share(row) for row in part], headers=headers)

    @schema.make_share
    def make(self, request: Request, instance_id: str) -> Response:
        given = checked(ShareRequestSerializer, request)
        instance = own_instance(request, instance_id)
        by, expires_at = who(request), given.get("expires_at")
        if given.get("link"):
            made, url = sharing.make_link(instance, by=by, expires_at=expires_at)
            answer = {**share(made), "url": url}
        else:
            person = find_person(given["user"], by=by)
            made = sharing.share_with(instance, person, by=by, expires_at=expires_at)
            answer = share(made)
        return Response(answer, status=status.HTTP_201_CREATED)

    @schema.withdraw_share
    def withdraw(self, request: Request, instance_id: str, share_id: int) -> Response:
        instance = own_instance(request, instance_id)
        row = instance.shares.select_related("instance", "user").filter(pk=share_id).first()
        if row is None:
            raise Refused(f"Share {share_id} not found.", kind=Kind.NOT_FOUND)
        sharing.withdraw(row, by=who(request))
        return Response("Success")
