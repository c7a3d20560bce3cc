"""The endpoints of sharing. Each kind of subject has its own view, derived from the first here."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.api.pagination import page
from hubsite.refusals import Kind, Refused

from ..models import Action, Share
from ..scopes import MANAGE_CUBEGENS, SHARE_PUBLICLY
from ..sharing import giving, kinds
from ..sharing.giving import Wish
from ..tokens.hub_tokens import Principal
from . import share_schema as schema
from . import share_serializers as present
from .permissions import HasScope, scopes_of


class SubjectShareViewSet(ViewSet):
    """Shares of one subject of the caller's. Derive from it for each kind:

    class ResultShareViewSet(SubjectShareViewSet):
        kind_name = "result"

        @schema.list_shares
        def list(self, request: Request, job_id: str) -> Response:
            return self.listed(request, job_id)
    """

    permission_classes = [HasScope(MANAGE_CUBEGENS)]
    kind_name = ""

    def listed(self, request: Request, subject: str) -> Response:
        kind = self._kind(request, subject)
        part, headers = page(request, giving.shares_of(kind, subject))
        return Response([present.share(row) for row in part], headers=headers)

    def made(self, request: Request, subject: str) -> Response:
        serializer = present.ShareRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        kind = self._kind(request, subject)
        action = given.get("action", Action.VIEW)
        wish = Wish(kind, subject, who(request), action, given.get("expires_at"))
        more: dict[str, Any] = {}
        if "user" in given:
            share = giving.share_with_person(wish, given["user"])
        elif "role" in given:
            share = giving.share_with_role(wish, given["role"])
        else:
            is_public = given.get("public", False)
            _require_public(request, is_public)
            share, secret = giving.make_link(wish, is_public=is_public)
            more = {"url": giving.link_url(secret), **self.more_of_link(share, secret)}
        return Response(
            {**present.share(share), **more},
            status=status.HTTP_201_CREATED,
            headers={"Cache-Control": "no-store"},
        )

    def withdrawn(self, request: Request, subject: str, share_id: int) -> Response:
        kind = self._kind(request, subject)
        share = giving.find_share(share_id, kind=kind.name, subject=subject)
        giving.withdraw(share, by=who(request))
        return Response("Success")

    def more_of_link(self, share: Share, secret: str) -> dict[str, Any]:
        """More about a new link than its page: nothing, unless a kind says otherwise."""
        return {}

    def _kind(self, request: Request, subject: str) -> kinds.Kind:
        """The kind, if the subject is the caller's. Raises Refused."""
        kind = kinds.kind_of(self.kind_name)
        kind.own(request.user, subject)
        return kind


class GivenShareViewSet(ViewSet):
    """Everything that the caller shares."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.list_given
    def list(self, request: Request) -> Response:
        rows = _of_kind(request, giving.given_by(request.user))
        part, headers = page(request, rows)
        said = kinds.described(list(part))
        answer = [{**present.share(row), "title": subject.title} for row, subject in said]
        return Response(answer, headers=headers)

    @schema.withdraw_given
    def withdraw(self, request: Request, share_id: int) -> Response:
        giving.withdraw(giving.find_share(share_id, owner=request.user), by=who(request))
        return Response("Success")

    @schema.list_openings
    def openings(self, request: Request, share_id: int) -> Response:
        share = giving.find_share(share_id, owner=request.user)
        part, headers = page(request, share.openings.select_related("user"))
        return Response([present.opening(row, share) for row in part], headers=headers)

    @schema.list_roles
    def roles(self, request: Request) -> Response:
        return Response(giving.permitted_roles())


class HeldShareViewSet(ViewSet):
    """Everything that others share with the caller."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.list_held
    def list(self, request: Request) -> Response:
        part, headers = page(request, _of_kind(request, giving.shared_with(request.user)))
        said = kinds.described(list(part))
        return Response([present.held_share(*pair) for pair in said], headers=headers)

    @schema.leave
    def leave(self, request: Request, share_id: int) -> Response:
        if not giving.leave(request.user, share_id):
            raise Refused(f"Share {share_id} not found.", kind=Kind.NOT_FOUND)
        return Response("Success")


def who(request: Request) -> Any:
    """The user who asks: the caller, or the operator who acts for them."""
    acting = request.auth.actor if isinstance(request.auth, Principal) else None
    return acting or request.user


def _require_public(request: Request, is_public: bool) -> None:
    """A token must have the scope, too. Raises Refused (403)."""
    if is_public and who(request) == request.user and SHARE_PUBLICLY not in scopes_of(request):
        raise Refused(
            "A token with the scope share:publicly is needed to share without a sign-in.",
            kind=Kind.FORBIDDEN,
        )


def _of_kind(request: Request, rows: Any) -> Any:
    """The rows of the kind that is asked for, if one is."""
    wanted = request.query_params.get("kind")
    if wanted is None:
        return rows
    if wanted not in kinds.names():
        raise Refused(f"one of {', '.join(kinds.names())} is expected", field="kind")
    return rows.filter(kind=wanted)
