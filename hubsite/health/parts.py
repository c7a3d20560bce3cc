"""The health of each part and service of the hub: the one place that all views read.

Apps register their parts in `AppConfig.ready`, and the services that need them beside that
(`hubsite/offered.py`):

    parts.register(Part("worker", "Worker", worker_check, needed_by=("xcube_gen",)))

`look()` is cheap: its result is kept for two seconds, and only one thread checks at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from hubsite import offered, switches
from hubsite.offered import Service

logger = logging.getLogger(__name__)

KEPT_S = 2.0
SITE = "site"
"""Parts that every service needs. Without one of them the web process is not ready."""
SERVICES = "services"
"""Parts that every service needs, but the rest of the web process does not."""


@dataclass(frozen=True)
class Finding:
    """The health of a part; if it is not well: what is wrong, what to do, and since when."""

    is_ok: bool
    message: str = ""
    remedy: str = ""
    since: datetime | None = None


WELL = Finding(True)


@dataclass(frozen=True)
class Part:
    """A part of the hub and how to check it.

    `check` must end within a bounded time. It may ask the database and nothing else; with
    `needs_database` false, not even that.
    """

    name: str
    check: Callable[[], Finding]
    needed_by: tuple[str, ...] = ()
    needs_database: bool = True


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    status: str
    """The state of a service: Ready, Suspended or Error."""
    message: str


@dataclass(frozen=True)
class View:
    """The health of all parts and services at one moment."""

    findings: Mapping[str, Finding]
    services: tuple[ServiceStatus, ...]

    @property
    def is_ready(self) -> bool:
        """Whether the web process can serve requests at all."""
        return all(self.findings[name].is_ok for name in _needed_by(SITE))

    @property
    def is_whole(self) -> bool:
        return all(finding.is_ok for finding in self.findings.values())


_parts: dict[str, Part] = {}
_lock = threading.Lock()
_kept: tuple[float, View] | None = None
_since: dict[str, tuple[bool, datetime]] = {}


def register(part: Part) -> None:
    """Register a part, in `AppConfig.ready`. Parts are checked in the order of registration."""
    _parts[part.name] = part
    forget()


def forget() -> None:
    """Forget the last result, so that the next `look()` checks again."""
    global _kept
    _kept = None


def look() -> View:
    """The health of everything, at most about two seconds old."""
    kept = _kept
    if kept is not None and time.monotonic() < kept[0]:
        return kept[1]
    # While another thread checks, answer with the older result instead of waiting.
    if not _lock.acquire(blocking=kept is None):
        return kept[1]
    try:
        return _look_anew()
    finally:
        _lock.release()


def _look_anew() -> View:
    global _kept
    if _kept is not None and time.monotonic() < _kept[0]:
        return _kept[1]
    findings: dict[str, Finding] = {}
    has_database = True
    for part in _parts.values():
        if part.needs_database and not has_database:
            findings[part.name] = Finding(False, "It is not known: the database cannot be asked.")
            continue
        findings[part.name] = _with_since(part.name, _checked(part))
        if SITE in part.needed_by and not findings[part.name].is_ok:
            has_database = False
    view = View(
        findings, tuple(_status(service, findings) for service in offered.by_name().values())
    )
    _kept = (time.monotonic() + KEPT_S, view)
    return view


def _checked(part: Part) -> Finding:
    try:
        return part.check()
    except (DatabaseError, InterfaceError):
        return Finding(False, "The database does not answer.", "Look at the database's log.")
    except Exception:
        logger.exception("%s cannot be looked at", part.name)
        return Finding(False, "It cannot be looked at.", "Look at web's log.")


def _with_since(name: str, finding: Finding) -> Finding:
    """Fill in `since` with the time when this process first saw it, if the part has no time."""
    now = timezone.now()
    was_ok, since = _since.get(name, (None, now))
    if was_ok is not finding.is_ok:
        since = now
    _since[name] = (finding.is_ok, min(since, now))
    return finding if finding.since else replace(finding, since=_since[name][1])


def _status(service: Service, findings: Mapping[str, Finding]) -> ServiceStatus:
    if sentence := service.switched_off():
        return ServiceStatus(service.name, "Suspended", sentence)
    if (suspension := _suspension(service.name)) is not None:
        return ServiceStatus(service.name, "Suspended", suspension.message)
    for name in (*_needed_by(SITE), *_needed_by(SERVICES), *_needed_by(service.name)):
        if not findings[name].is_ok:
            return ServiceStatus(
                service.name, "Error", f"{service.unable} {findings[name].message}"
            )
    return ServiceStatus(service.name, "Ready", service.ready)


def _suspension(name: str) -> switches.Suspension | None:
    try:
        return switches.suspension(name)
    except (DatabaseError, InterfaceError):
        return None  # the part "database" tells it


def _needed_by(what: str) -> list[str]:
    return [part.name for part in _parts.values() if what in part.needed_by]
