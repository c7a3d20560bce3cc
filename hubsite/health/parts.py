"""What each part of the hub can do now: the one place that knows, and that all views read.

Apps register their parts and services in `AppConfig.ready`:

    parts.register(Part("worker", "Worker", worker_check, needed_by=("xcube_gen",)))
    parts.offer(Service("xcube_gen", ready="Cubes can be generated.", ...))

`look()` is cheap: what was found is kept for two seconds, and only one thread looks at a time.
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

logger = logging.getLogger(__name__)

KEPT_S = 2.0
SITE = "site"
"""What every service needs, and without which web is not ready."""
SERVICES = "services"
"""What every service needs, but not the rest of web."""


@dataclass(frozen=True)
class Finding:
    """How a part is: if it is not well, what is wrong, what to do, and since when."""

    is_ok: bool
    message: str = ""
    remedy: str = ""
    since: datetime | None = None


WELL = Finding(True)


@dataclass(frozen=True)
class Part:
    """A part of the hub. `check` is bounded in time, and asks nobody but the database,
    unless `needs_database` is false."""

    name: str
    check: Callable[[], Finding]
    needed_by: tuple[str, ...] = ()
    needs_database: bool = True


@dataclass(frozen=True)
class Service:
    """What the hub offers; `suspended` gives the sentence of operators who switched it off."""

    name: str
    ready: str
    unable: str
    suspended: Callable[[], str | None]


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    status: str
    """Ready, Suspended or Error."""
    message: str


@dataclass(frozen=True)
class View:
    """What was found, at one moment."""

    findings: Mapping[str, Finding]
    services: tuple[ServiceStatus, ...]

    @property
    def is_ready(self) -> bool:
        """Whether web can serve requests at all."""
        return all(self.findings[name].is_ok for name in _needed_by(SITE))

    @property
    def is_whole(self) -> bool:
        return all(finding.is_ok for finding in self.findings.values())


_parts: dict[str, Part] = {}
_services: dict[str, Service] = {}
_lock = threading.Lock()
_kept: tuple[float, View] | None = None
_since: dict[str, tuple[bool, datetime]] = {}


def register(part: Part) -> None:
    """Called by apps when they are ready; parts are looked at in this order."""
    _parts[part.name] = part
    forget()


def offer(service: Service) -> None:
    _services[service.name] = service
    forget()


def forget() -> None:
    """Look anew the next time."""
    global _kept
    _kept = None


def look() -> View:
    """How everything is; at most about two seconds old."""
    kept = _kept
    if kept is not None and time.monotonic() < kept[0]:
        return kept[1]
    # While another thread looks, an older view is better than a request that waits.
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
    view = View(findings, tuple(_status(service, findings) for service in _services.values()))
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
    """If the part does not know since when it is so, since this process saw it first."""
    now = timezone.now()
    was_ok, since = _since.get(name, (None, now))
    if was_ok is not finding.is_ok:
        since = now
    _since[name] = (finding.is_ok, min(since, now))
    return finding if finding.since else replace(finding, since=_since[name][1])


def _status(service: Service, findings: Mapping[str, Finding]) -> ServiceStatus:
    if sentence := service.suspended():
        return ServiceStatus(service.name, "Suspended", sentence)
    for name in (*_needed_by(SITE), *_needed_by(SERVICES), *_needed_by(service.name)):
        if not findings[name].is_ok:
            return ServiceStatus(
                service.name, "Error", f"{service.unable} {findings[name].message}"
            )
    return ServiceStatus(service.name, "Ready", service.ready)


def _needed_by(what: str) -> list[str]:
    return [part.name for part in _parts.values() if what in part.needed_by]
