"""Checks before the hub starts; each fault is a sentence that says what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import IO

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from hubsite.configuration.faults import unusable_folder

from .newer_database import REMEDY, why_too_new

PORT_WAIT_S = 12.0
"""Longer than web may take to end after its `start` was killed (`graceful_timeout`)."""
EDGE_PORT_WAIT_S = 2.0


class CannotStart(Exception):
    """The message is one or more sentences for the operator."""


def check_configuration(tell: Callable[[str], None]) -> None:
    """Run the system checks: print warnings, raise CannotStart for errors."""
    found = checks.run_checks(include_deployment_checks=settings.PRODUCTION)
    found = [message for message in found if not message.is_silenced()]
    for message in found:
        if checks.INFO < message.level < checks.ERROR:
            tell(f"Warning: {_sentence(message)}")
    errors = [_sentence(message) for message in found if message.level >= checks.ERROR]
    if errors:
        raise CannotStart("\n".join(errors))


def _sentence(message: checks.CheckMessage) -> str:
    about = f"{message.obj}: " if message.obj else ""
    hint = f" {message.hint}" if message.hint else ""
    return f"{about}{message.msg}{hint}"


def lock_parts(names: Collection[str]) -> ExitStack:
    """Lock the data folder against a second `start` of these parts; close the result to unlock."""
    with ExitStack() as locks:
        try:
            settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
            for name in names:
                locks.enter_context(_lock_part(name))
        except OSError as error:
            raise CannotStart(unusable_folder(settings.DATA_DIR, error)) from error
        return locks.pop_all()


def _lock_part(name: str) -> IO[str]:
    file = (settings.DATA_DIR / f"start-{name}.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        file.close()
        raise CannotStart(
            f"The part {name} is running on {settings.DATA_DIR} already (process {pid}). Stop that "
            "one, or set XCUBE_HUB_DATA_DIR to another folder."
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def free_port(
    address: str, port: int, tell: Callable[[str], None], *, wait_s: float | None = None
) -> int:
    """`port` if web can listen there, a free one if `port` is 0; else CannotStart.

    If the port is in use, wait a while: web processes of a killed hub may be ending.
    """
    if not 0 <= port <= 65535:
        raise CannotStart(f"{port} is not a port. Choose one from 1 to 65535: start --port 8080")
    wait_s = PORT_WAIT_S if wait_s is None else wait_s
    deadline = time.monotonic() + wait_s
    is_told = False
    while True:
        try:
            return _probe(address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise CannotStart(_why_not(error, address, port)) from error
        if not is_told:
            tell(f"Port {port} is in use; waiting up to {wait_s:g} s for it to become free …")
            is_told = True
        time.sleep(0.2)


def free_edge_port(address: str, port: int, tell: Callable[[str], None], *, is_chosen: bool) -> int:
    """`port` if the edge can listen there, or another one if no one chose it; else CannotStart."""
    try:
        return free_port(address, port, tell, wait_s=None if is_chosen else EDGE_PORT_WAIT_S)
    except CannotStart as error:
        if is_chosen:
            raise CannotStart(
                f"The edge cannot listen on {address}, port {port}. Choose another one by "
                "XCUBE_HUB_EDGE_ADDRESS and XCUBE_HUB_EDGE_PORT."
            ) from error
    tell(f"Port {port} is in use, so services get another one; XCUBE_HUB_EDGE_PORT fixes it.")
    return free_port(address, 0, tell)


def _probe(address: str, port: int) -> int:
    family, kind, protocol, _, place = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)
        return probe.getsockname()[1]


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use by another program. Stop that one, or choose another port: "
            f"start --port {port + 1 if port < 65535 else 8080}"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for root. Choose one above 1023: start --port 8080"
    return f"{address} is not an address of this machine. Choose another: start --address 127.0.0.1"


def migrate_database(tell: Callable[[str], None]) -> None:
    """Apply missing migrations, and print a line if there are any.

    If parts are started separately at the same time, they do this one after the other.
    """
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DATA_DIR / "migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _migrate(tell)


def _migrate(tell: Callable[[str], None]) -> None:
    try:
        executor = MigrationExecutor(connection)
        if newer := why_too_new(executor.loader):
            raise CannotStart(f"{newer} {REMEDY}")
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            count = "1 migration" if len(plan) == 1 else f"{len(plan)} migrations"
            tell(f"Bringing the database up to date ({count}) …")
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise CannotStart(
            f"The database cannot be used: {str(error).strip()}. Is it running, and is "
            "DATABASE_URL right?"
        ) from error
    finally:
        connection.close()
