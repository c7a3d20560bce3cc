"""Permission classes: the scopes that a view requires of its caller.

`permission_classes = [HasScope("manage:cubegens")]`
"""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from ..models import User
from ..roles import permissions_of
from ..scopes import SCOPES
from ..tokens.hub_tokens import Principal
from ..tokens.lookup import find_token


def scopes_of(request: Request) -> frozenset[str]:
    """The scopes of this request: those of its token, or without a token all of its user's."""
    if isinstance(request.auth, Principal):
        return request.auth.scopes
    return permissions_of(request.user)


def still_permitted(request: Request, scope: str) -> User | None:
    """The user of this request as of now, if it would still be let in; for what takes long.

    That ends when the user is switched off or deleted, loses the scope, or the hub's token is
    revoked. A token that only expired lets what it began come to its end.
    """
    user = User.objects.filter(pk=request.user.pk, is_active=True).first()
    if user is None or scope not in permissions_of(user):
        return None
    if isinstance(request.auth, Principal):
        token = find_token(request.auth.jti)
        if token is not None and (token.is_revoked or not token.user.is_active):
            return None
    return user


class ReadsOrOwnsAccount(BasePermission):
    """Everyone may read their own account, but a personal token may not change it.

    A personal token is made for one program, with few scopes. It must not revoke its owner's
    clients and tokens, or create others. A session, a client's token and a provider's token may.
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
    """A permission class that requires all of `scopes`."""
    if unknown := set(scopes) - set(SCOPES):
        raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
    return type("HasScope", (_HasScopes,), {"scopes": scopes, "__doc__": " ".join(scopes)})
