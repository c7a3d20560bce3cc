"""The health of the GeoServer, and its place among the services of the hub."""

from __future__ import annotations

from hubsite.health import parts
from hubsite.health.heartbeat import heard
from hubsite.health.parts import WELL, Finding, Part
from hubsite.offered import Service, offer

from ..models import GEOSERVER
from .offered import why_not
from .settings import is_configured


def register() -> None:
    parts.register(Part("geoserver", geoserver, (GEOSERVER,)))
    offer(
        Service(
            GEOSERVER,
            ready="Collections of geoDB can be published.",
            unable="Collections of geoDB cannot be published just now; they are as soon as it can.",
            switched_off=why_not,
            is_offered=is_configured,
            on_resume=publish_waiting,
        )
    )


def geoserver() -> Finding:
    """Whether GeoServer answered when the worker called it last, some minutes ago at most."""
    if why_not() is not None:
        return WELL
    told = heard("geoserver")
    if told.problem:
        return Finding(
            False,
            f"{told.problem}.",
            "Look at the GeoServer and XCUBE_HUB_GEOSERVER_URL; then `manage.py layers verify`.",
            told.since,
        )
    return Finding(True, since=told.since)


def publish_waiting() -> None:
    """After operators resumed the service: what waits is published."""
    from hubsite.coordination.wake_up import wake_up

    from .layers import TASK

    wake_up(TASK)
