"""The user id in the paths of Cate web APIs: Cate sends the name that its sign-on knows.

The old service made names of objects of it, so `a.b` and `a_b` shared one web API, and `an` could
see that of `anna`. Here the web API belongs to the account that the token names. The name in the
path must be one of this account's, in the old spelling.
"""

from __future__ import annotations

import re
from typing import Any

import jwt
from rest_framework.authentication import get_authorization_header
from rest_framework.request import Request

from accounts.tokens.hub_tokens import Principal
from hubsite.refusals import Kind, Refused

LONGEST = 63
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SPELLING = str.maketrans("._@", "---")
CLAIM = "preferred_username"


def spelled(text: str) -> str:
    """The old spelling of a user's name. Raises Refused (400) if it has none."""
    name = text.translate(_SPELLING)
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise Refused("Invalid user name.", field="user_id")
    return name


def require_own(request: Request, user_id: str) -> None:
    """Raises Refused: 400 if `user_id` is no name, 403 if it is not one of the caller's."""
    name = spelled(user_id)
    own = {known.lower().translate(_SPELLING) for known in _names(request) if known}
    if name not in own:
        raise Refused(
            "your own user id is expected: the one of this hub, your e-mail, or the user name "
            "that your token has; an operator acts for a user by X-Act-For",
            field="user_id",
            kind=Kind.FORBIDDEN,
        )


def _names(request: Request) -> list[str]:
    """The names of the account for which the request acts."""
    names = [request.user.username, request.user.email]
    if isinstance(request.auth, Principal) and request.auth.actor is None:
        names.append(_name_in_token(request))
    return names


def _name_in_token(request: Request) -> str:
    """The user name in the token, which has been verified; empty if it has none."""
    _, _, token = get_authorization_header(request).partition(b" ")
    claims: dict[str, Any] = jwt.decode(token.strip(), options={"verify_signature": False})
    name = claims.get(CLAIM)
    return name if isinstance(name, str) else ""
