"""A person's own data as one JSON document, sent while it is read.

Apps that keep more of a person's data register it in `AppConfig.ready`:

    own_data.also("cubes", rows_of_jobs)      # (user) -> own_data.read(rows, "column", …)

It has what the person gave or what is about them; no secrets, and nothing of other people.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, QuerySet

from .models import User
from .roles import permissions_of

Rows = Callable[[User], Iterable[dict[str, Any]]]

CHUNK = 2000

_others: dict[str, Rows] = {}


def also(name: str, rows: Rows) -> None:
    """Register what another app keeps of a person. `name` is the key in the document."""
    _others[name] = rows


def document(user: User) -> Iterator[str]:
    """Yield the JSON text in pieces. Reads each list CHUNK rows at a time."""
    yield f'{{"account": {_json(_account(user))}'
    for name, rows in {**_OWN, **_others}.items():
        yield f", {_json(name)}: ["
        for number, row in enumerate(rows(user)):
            yield f"{', ' if number else ''}\n{_json(row)}"
        yield "]"
    yield "}\n"


def _account(user: User) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "permissions": sorted(permissions_of(user)),
        "joined_at": user.date_joined,
        "last_sign_in_at": user.last_login,
    }


def read(found: QuerySet, *columns: str, **renamed: str) -> Iterator[dict[str, Any]]:
    """These columns of the rows that were found, oldest first; `renamed`: key=column."""
    named = {name: F(column) for name, column in renamed.items()}
    return found.order_by("pk").values(*columns, **named).iterator(chunk_size=CHUNK)


def _columns(related: str, *names: str) -> Rows:
    return lambda user: read(getattr(user, related).all(), *names)


_OWN: dict[str, Rows] = {
    "identities": _columns("identities", "issuer", "subject", "email", "last_login_at"),
    "subscriptions": _columns(
        "subscriptions", "service", "plan", "units", "unit", "start_date", "ended_at"
    ),
    "clients": _columns("clients", "client_id", "name", "scopes", "created_at", "revoked_at"),
    "tokens": _columns("access_tokens", "name", "scopes", "issued_at", "expires_at", "revoked_at"),
    "units": _columns(
        "ledger_entries",
        "created_at",
        "kind",
        "delta_total",
        "delta_reserved",
        "total_after",
        "reserved_after",
        "reference",
        "reason",
    ),
    "notices": _columns("notices", "created_at", "kind", "title", "text", "read_at"),
    "webhooks": _columns("webhooks", "name", "url", "kinds", "off_at"),
}


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
