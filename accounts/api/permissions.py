"""What a view demands of its caller.

`permission_classes = [HasScope("manage:cubegens")]`
"""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from ..roles import permissions_of
from ..scopes import SCOPES
from ..tokens.hub_tokens import Principal


def scopes_of(request: Request) -> frozenset[str]:
    """What this request may do: by its token, or else all that its user may."""
    if isinstance(request.auth, Principal):
        return request.auth.scopes
    return permissions_of(request.user)


class ReadsOrOwnsAccount(BasePermission):
    """Everyone reads their own account; a personal token changes nothing of it.

    A personal token was made for some program, with few scopes. It must not revoke its owner's
    clients and tokens, or make others. A session, a client's token and a provider's may.
    """

    message = (
        "A personal token makes no others, and changes nothing of its owner's account: sign in, or "
        "use a client id and secret."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        may_change = not isinstance(request.auth, Principal) or request.auth.may_change_account
        return request.method in SAFE_METHODS or may_change


class _HasScopes(BasePermission):
    scopes: tuple[str, ...] = ()

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        held = scopes_of(request)
        missing = [scope for scope in self.scopes if scope not in held]
        bearer = "Provided token" if isinstance(request.auth, Principal) else "Your account"
        self.message = f"{bearer} doesn't have the required scope: {' '.join(missing)}"
        return not missing


def HasScope(*scopes: str) -> type[BasePermission]:  # noqa: N802 - it makes a class
    """A permission class that demands every one of `scopes`."""
    if unknown := set(scopes) - set(SCOPES):
        raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
    return type("HasScope", (_HasScopes,), {"scopes": scopes, "__doc__": " ".join(scopes)})
