"""Whether this hub publishes layers: configured, and not switched off by a setting."""

from __future__ import annotations

from hubsite import switches
from hubsite.refusals import Kind, Refused

from ..models import GEOSERVER
from .settings import hub, is_configured

SWITCHED_OFF = "Geoservice resources are switched off on this service."
NOT_CONFIGURED = "Geoservice resources are switched off on this service: it has no GeoServer."


def why_not() -> str | None:
    """Why a setting, or the lack of one, closes them; None if they are offered."""
    if hub.geoservice_silent:
        return SWITCHED_OFF
    return None if is_configured() else NOT_CONFIGURED


def require() -> None:
    """Raises Refused (422) if they are switched off by a setting."""
    if (sentence := why_not()) is not None:
        raise Refused(sentence, kind=Kind.UNSUPPORTED)


def require_open() -> None:
    """Raises Refused (422) if they are switched off, or suspended by operators."""
    require()
    switches.require_open(GEOSERVER)
