"""The endpoints of Cate web APIs: those of the old service, and the paths of Cate's first web UI.

The first web UI reads `{"status": "ok", "result": …}`; otherwise both are the same.
"""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope
from accounts.scopes import MANAGE_CUBEGENS

from ..cate import names, offered, webapis
from ..cate.pod_status import pod_status
from . import cate_schema as schema
from .own import actor, client_id, why


class CateCountViewSet(ViewSet):
    """How many web APIs run. Public, and told also if they are switched off."""

    authentication_classes: list = []
    permission_classes = [AllowAny]

    @schema.count
    def retrieve(self, request: Request) -> Response:
        return Response(_count())


class CateViewSet(ViewSet):
    """The caller's web API."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        offered.require()

    @schema.start
    def start(self, request: Request, user_id: str) -> Response:
        return Response(_started(request, user_id))

    @schema.status
    def retrieve(self, request: Request, user_id: str) -> Response:
        return Response(_status(request, user_id))

    @schema.stop
    def destroy(self, request: Request, user_id: str) -> Response:
        return Response(_stopped(request, user_id))


class FirstCountViewSet(CateCountViewSet):
    @schema.first_count
    def retrieve(self, request: Request) -> Response:
        return _first(_count())


class FirstViewSet(CateViewSet):
    @schema.first_start
    def start(self, request: Request, user_id: str) -> Response:
        return _first(_started(request, user_id))

    @schema.first_status
    def retrieve(self, request: Request, user_id: str) -> Response:
        return _first(_status(request, user_id))

    @schema.first_stop
    def destroy(self, request: Request, user_id: str) -> Response:
        return _first(_stopped(request, user_id))


def _first(result: Any) -> Response:
    """In the envelope of the first web UI."""
    return Response({"status": "ok", "result": result})


def _count() -> dict[str, int]:
    return {"running_pods": webapis.running()}


def _started(request: Request, user_id: str) -> dict[str, str]:
    names.require_own(request, user_id)
    started = webapis.start(request.user, actor=actor(request), client_id=client_id(request))
    return {"serverUrl": started.server_url}


def _status(request: Request, user_id: str) -> dict[str, Any]:
    names.require_own(request, user_id)
    return pod_status(webapis.present(request.user))


def _stopped(request: Request, user_id: str) -> bool:
    names.require_own(request, user_id)
    webapis.stop(request.user, actor=actor(request), reason=why(request))
    return True
