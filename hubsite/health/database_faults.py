"""Recognizes database errors that are no bug: the database is full, locked or unreachable."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError, OperationalError

RETRY_AFTER_S = 10

_FULL = "it is full"
_READ_ONLY = "it cannot be written"
_LOCKED = "it is locked by another program"
_UNREACHABLE = "it does not answer"

_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_IOERR: "its disk fails",
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: _UNREACHABLE,
    sqlite3.SQLITE_NOTADB: "its file is damaged",
    sqlite3.SQLITE_CORRUPT: "its file is damaged",
}
"""By SQLite's primary result code. SQLITE_ERROR (wrong statement, missing table) is our bug."""

_SQLSTATES = {
    "08": _UNREACHABLE,  # connection exceptions
    "25006": _READ_ONLY,
    "40": _LOCKED,  # a deadlock or a conflict with another transaction
    "53": "it lacks resources",  # too many connections
    "53100": _FULL,
    "55P03": _LOCKED,
    "57": _UNREACHABLE,  # it stops or starts, or an operator cancelled the statement
    "58": "its disk fails",
}
"""By PostgreSQL's code, or its class (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


def why_unavailable(error: BaseException | None) -> str | None:
    """The condition of the database that caused `error`; None if `error` has another cause."""
    for one in _chain(error):
        if isinstance(one, DatabaseError | InterfaceError):
            return _why(one)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, because e.g. Django's session raises an error of its own."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _why(error: DatabaseError | InterfaceError) -> str | None:
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _SQLSTATES.get(state) or _SQLSTATES.get(state[:2])
    # psycopg gives no code if a connection fails or is lost.
    return _UNREACHABLE if isinstance(error, OperationalError | InterfaceError) else None
