"""Whose database is it? Asked of the geoDB, with a time-out, before anything is published.

geoDB is asked with a token of the user's role, so its own rules decide. What it answers is kept
for half a minute. After it did not answer, no one asks for some seconds.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from rest_framework.exceptions import NotAuthenticated

from accounts.models import User
from accounts.subscriptions.geodb import token_of_role
from accounts.tokens.hub_tokens import geodb_role_of
from hubsite import http_client
from hubsite.coordination.cool_down import CoolDown
from hubsite.refusals import Kind, Refused
from hubsite.web.waiting import place_to_wait

from .names import Place, checked_database
from .settings import hub

TIMEOUT_S = 5.0
KEPT_S = 30.0
COOL_DOWN = CoolDown("geodb-databases", seconds=10)
_MOST_BYTES = 4 << 20
_MOST_KEPT = 10_000

_kept: dict[tuple[str, str, str], float] = {}
_lock = threading.Lock()


def role_of(user: User) -> str:
    """The user's role in geoDB, the name of the workspace. Raises NotAuthenticated (401)."""
    role = geodb_role_of(user)
    if not role:
        raise NotAuthenticated("This account has no role in geoDB: it has not subscribed to it.")
    return checked_database(role, field="role")


def require_database(user: User, role: str, database: str, *, token: str | None) -> None:
    """Raise Refused unless geoDB says that `role` owns the database.

    `token` is the caller's own, if it holds the role; else the hub signs one for the role.
    """
    key = (str(hub.geodb_url), role, database)
    with _lock:
        if _kept.get(key, 0.0) > time.monotonic():
            return
    found = _ask(user, role, token, "geodb_list_databases", {})
    if found is None:
        raise Refused(f"Database {database} not found.", kind=Kind.NOT_FOUND)
    if not any(row.get("name") == database and row.get("owner") == role for row in found):
        raise Refused(
            f"The user {role} does not have access to database {database}.", kind=Kind.FORBIDDEN
        )
    with _lock:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        _kept[key] = time.monotonic() + KEPT_S


def require_collection(user: User, place: Place, *, token: str | None) -> None:
    """Raise Refused unless geoDB says that the collection exists, in this database of the role.

    The table of `b_c` in database `a` has the same name as that of `c` in database `a_b`, which
    may be someone else's. geoDB knows whose it is.
    """
    found = _ask(
        user, place.workspace, token, "geodb_get_my_collections", {"database": place.database}
    )
    for row in found or ():
        if _collection(row) == place.collection and row.get("owner") == place.workspace:
            return
    raise Refused(
        f"an existing collection of database {place.database} is expected", field="collection_id"
    )


def is_of_another(place: Place) -> bool:
    """Whether geoDB says that the collection of this name is another role's now.

    For the worker, which looks at layers again: a database may be dropped, and made by someone
    else. False as long as geoDB does not say so, also while it does not answer.
    """
    if hub.geodb_token_url or COOL_DOWN.is_on(_target()):
        return False  # the hub cannot sign tokens of roles, or geoDB rests
    arguments = {"database": place.database}
    try:
        found = _call(token_of_role(place.workspace), "geodb_get_my_collections", arguments)
    except Refused:
        return False
    owners = {row.get("owner") for row in found or () if _collection(row) == place.collection}
    return bool(owners) and place.workspace not in owners


def forget() -> None:
    """Forget what geoDB answered."""
    with _lock:
        _kept.clear()


def _ask(
    user: User, role: str, token: str | None, function: str, arguments: dict[str, Any]
) -> list[dict[str, Any]] | None:
    """What a function of geoDB returns, for a request of `user`. Raises Refused."""
    if COOL_DOWN.is_on(_target()):
        raise _away()
    with place_to_wait(user.username):
        return _call(token or token_of_role(role), function, arguments)


def _call(token: str, function: str, arguments: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The `src` of `[{"src": [...]}]`, which geoDB's functions return; None if it is null."""
    try:
        answer = http_client.call(
            "POST",
            f"{hub.geodb_url}/rpc/{function}",
            timeout_s=TIMEOUT_S,
            most_bytes=_MOST_BYTES,
            headers={"Authorization": f"Bearer {token}"},
            body=arguments,
        )
    except http_client.TooLarge:
        raise Refused("geoDB answers too much.", kind=Kind.INVALID) from None
    except http_client.NoAnswer:
        COOL_DOWN.start(_target())
        raise _away() from None
    if answer.status in (502, 503, 504):
        COOL_DOWN.start(_target())
        raise _away()
    if not 200 <= answer.status < 300:
        raise Refused(f"geoDB answers {answer.status} to {function}.", kind=Kind.INVALID)
    return _source(answer, function)


def _source(answer: http_client.Answer, function: str) -> list[dict[str, Any]] | None:
    try:
        rows = answer.json()
        source = rows[0]["src"] if rows else None
        if source is None:
            return None
        if all(isinstance(row, dict) for row in source):
            return list(source)
    except (ValueError, TypeError, KeyError, IndexError):
        pass
    raise Refused(f"geoDB's answer to {function} is not understood.", kind=Kind.INVALID)


def _collection(row: dict[str, Any]) -> Any:
    return row.get("collection", row.get("table_name"))


def _target() -> str:
    return str(hub.geodb_url)[:150]


def _away() -> Refused:
    return Refused(
        "geoDB, which knows whose database it is, does not answer just now; nothing was stored.",
        kind=Kind.UNAVAILABLE,
        retry_after_s=int(COOL_DOWN.seconds),
    )
