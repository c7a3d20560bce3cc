"""An operator acts for a user: the header `X-Act-For` with the user's id beside a token.

The request then counts as the user's, with the user's permissions and no others, and an entry
names the operator. No one can act for another operator, because that would lend powers.
"""

from __future__ import annotations

from dataclasses import replace

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from hubsite import audit
from hubsite.api.authentication import ACT_FOR
from hubsite.refusals import Refused

from ..models import ActingEntry, User
from ..roles import permissions_of
from ..scopes import OPERATE_HUB, READ_HUB
from ..tokens.hub_tokens import Principal


def in_whose_name(request: Request, principal: Principal) -> Principal:
    """The principal as which the request acts: its own, or the user in the header."""
    user_id = request.headers.get(ACT_FOR)
    if user_id is None:
        return principal
    if OPERATE_HUB not in principal.scopes:
        raise PermissionDenied(f"Only operators may send {ACT_FOR}.")
    user = User.objects.filter(username=user_id[:150], is_active=True).first()
    if user is None:
        raise Refused("the user id of an active user is expected", field=ACT_FOR)
    held = permissions_of(user)
    if {OPERATE_HUB, READ_HUB} & held or user.is_staff:
        raise PermissionDenied("Nobody acts for another operator.")
    ActingEntry.objects.create(
        operator=principal.user,
        user=user,
        method=request.method[:10],
        path=request.get_full_path()[:500],
        address=request.META.get("REMOTE_ADDR", "")[:64],
        jti=principal.jti[:32],
    )
    audit.record(
        "user.acted_for",
        actor=principal.user,
        on=user,
        detail=f"{request.method[:10]} {request.get_full_path()}",
    )
    audit.acting_for(principal.user, user)
    return replace(principal, user=user, scopes=held, actor=principal.user)
