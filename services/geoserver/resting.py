"""When GeoServer is left alone, because it did not answer."""

from __future__ import annotations

from hubsite.coordination.cool_down import CoolDown

from .settings import hub

COOL_DOWN = CoolDown("geoserver", seconds=90)
"""It is longer than a tick takes with its last layer."""


def target() -> str:
    return str(hub.geoserver_url)[:150]


def try_soon() -> None:
    """Let the next tick try, without waiting for the end of the cool-down."""
    COOL_DOWN.end(target())
