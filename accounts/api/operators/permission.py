"""Who may call the operators' endpoints: operators, and support for reading."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from ...scopes import OPERATE_HUB, READ_HUB
from ...tokens.hub_tokens import Principal
from ..permissions import scopes_of


class OperatesHub(BasePermission):
    """`operate:hub`; for requests that change nothing `read:hub` is enough."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        held = scopes_of(request)
        bearer = "Provided token" if isinstance(request.auth, Principal) else "Your account"
        self.message = f"{bearer} doesn't have the required scope: {OPERATE_HUB}"
        return OPERATE_HUB in held or (request.method in SAFE_METHODS and READ_HUB in held)
