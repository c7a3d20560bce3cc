"""The worker's ticks for services. Each takes seconds, and may be lost or repeated."""

from __future__ import annotations

from .geoserver import publishing, reconciling
from .running import idle, live_log, removal, starting
from .submission import start_request
from .xcube_server import live


def start_due() -> None:
    """Start the services that wait, and tell engines what their services shall do."""
    starting.start_due()


def remove_objects(names: list[str], engine_name: str) -> None:
    """Remove the objects of an engine whose instances are over."""
    removal.remove(names, engine_name)


def refresh_due() -> None:
    """Tell services that data which they show has changed."""
    live.refresh_due()


def follow_logs() -> None:
    """Copy the logs that someone reads just now."""
    live_log.follow()


def publish_layers() -> None:
    """Publish, verify and remove layers in the GeoServer."""
    publishing.publish_due()


def reconcile_layers() -> None:
    """Compare the GeoServer's layers with the rows."""
    reconciling.reconcile()


def forget_start_keys() -> int:
    """Delete idempotency keys a day after their first use."""
    return start_request.KEYS.forget_old()


def sweep() -> None:
    """Find work whose wake-up was lost, and what time alone makes due."""
    starting.start_due()
    starting.fail_overdue()
    live.refresh_due()
    idle.look()
    removal.ask_for_leftovers()
