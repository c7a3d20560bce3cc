"""Health checks of the site: its database, its migrations, the disk of its data folder."""

from __future__ import annotations

import functools
import os
import sqlite3
import time
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from ..start.newer_database import REMEDY, why_too_new
from . import heartbeat, parts
from .database_faults import why_unavailable
from .parts import WELL, Finding, Part

LEAST_BYTES = 16 * 2**20
"""With less free space, SQLite's journal, logs and sockets will soon fail."""
WRITE_WITHIN_S = 0.3
BUSY_FOR_S = 15.0
"""Writers queue for SQLite's lock, so it is often held for a moment. If a check cannot get it
for this long, some process is stuck while it holds the lock."""

_busy_since: float | None = None
_opened: tuple[int, int] | None = None
"""Which file (device, inode) was SQLite's database when this process began."""


def register() -> None:
    global _opened
    _opened = _identity()
    parts.register(Part("database", database, (parts.SITE,), needs_database=False))
    parts.register(Part("migrations", migrations, (parts.SITE,)))
    parts.register(Part("disk", disk, (parts.SERVICES,), needs_database=False))
    parts.register(Part("outside", outside))


def database() -> Finding:
    """Whether the database answers and can be written: writes one small row."""
    if _was_replaced():
        return Finding(
            False,
            "The file of the database was moved, replaced or deleted while the hub ran; what is "
            "written now goes to the file that was there before.",
            "Stop the hub, put the right file into its place, start the hub.",
        )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        _write()
    except (DatabaseError, InterfaceError) as error:
        why = why_unavailable(error)
        if why is None and not _has_tables():
            return WELL  # the check of migrations reports missing tables
        return _unwell(why or "it does not answer")
    except sqlite3.Error as error:
        return _of_sqlite(error)
    return WELL


def _identity() -> tuple[int, int] | None:
    """The file that is at SQLite's path now; None if there is none, or another database."""
    if connection.vendor != "sqlite":
        return None
    try:
        found = Path(str(connection.settings_dict["NAME"])).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _was_replaced() -> bool:
    """Connections that are open would go on with the old file, and say nothing of it."""
    global _opened
    now = _identity()
    if _opened is None:  # the hub's first start makes it
        _opened = now
    return _opened is not None and now != _opened


def _unwell(why: str) -> Finding:
    return Finding(
        False,
        f"The database cannot be used: {why}.",
        "Make space on its disk, or end what holds its lock; look whether it runs, and at its log.",
    )


def _write() -> None:
    """Write one row without waiting long for a lock."""
    global _busy_since
    # If this thread is in a transaction, it may hold SQLite's lock; then write within it.
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        path = Path(str(connection.settings_dict["NAME"])).absolute()
        # Use a connection of its own, because those of requests wait much longer for the lock.
        other = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=WRITE_WITHIN_S, isolation_level=None
        )
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute(
                "INSERT INTO hubsite_heartbeat (part, name, at, since, problem) "
                "VALUES ('web', '', datetime('now'), datetime('now'), '') "
                "ON CONFLICT (part, name) DO UPDATE SET at = excluded.at"
            )
            other.execute("COMMIT")
        finally:
            other.close()
        _busy_since = None
        return
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '300ms'")
                cursor.execute("SET LOCAL statement_timeout = '1s'")
        heartbeat.beat("web")


def _of_sqlite(error: sqlite3.Error) -> Finding:
    global _busy_since
    wrapped = DatabaseError(str(error))
    wrapped.__cause__ = error
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        _busy_since = _busy_since or time.monotonic()
        if time.monotonic() - _busy_since < BUSY_FOR_S:
            return WELL
    why = why_unavailable(wrapped)
    return WELL if why is None and not _has_tables() else _unwell(why or "it cannot be written")


def _has_tables() -> bool:
    try:
        return heartbeat.Heartbeat._meta.db_table in connection.introspection.table_names()
    except (DatabaseError, InterfaceError):
        return True


def migrations() -> Finding:
    try:
        _all_applied()
    except _Unlike as unlike:
        return unlike.finding
    return WELL


def outside() -> Finding:
    """Whether the outside queue is served. No service needs it at once: runs are removed, geoDB
    and users are told, and old rows deleted when it is back."""
    told = heartbeat.heard("outside")
    if told.is_alive:
        return Finding(True, since=told.since)
    return Finding(
        False,
        "The part `outside`, which removes runs and talks to geoDB and mail, has not been heard "
        "of late.",
        "Start it (`manage.py start`), and look whether worker and follower run: these give it "
        "work.",
        told.silent_since,
    )


class _Unlike(Exception):
    """The database has another version. Raised, because `cache` keeps no exceptions."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.finding = Finding(False, message, remedy)


@functools.cache
def _all_applied() -> None:
    """Raises _Unlike if migrations are missing, or of a newer version. Else that stays so."""
    executor = MigrationExecutor(connection)
    if newer := why_too_new(executor.loader):
        raise _Unlike(newer, REMEDY)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise _Unlike(f"{len(plan)} migrations are not applied.", "Run `manage.py migrate`.")


def disk() -> Finding:
    """Whether the data folder is writable and has enough free space."""
    folder = settings.DATA_DIR
    try:
        system = os.statvfs(folder)
    except OSError as error:
        return Finding(
            False, f"The data folder cannot be used: {error.strerror}.", f"Look at {folder}."
        )
    if system.f_flag & os.ST_RDONLY:
        return Finding(
            False, "The disk of the data folder is read-only.", "Mount it for writing again."
        )
    free = system.f_bavail * system.f_frsize
    if free < LEAST_BYTES:
        return Finding(
            False,
            f"The disk of the data folder is full: {free // 2**20} MiB are left.",
            "Make space there, or give XCUBE_HUB_DATA_DIR a larger disk.",
        )
    return WELL
