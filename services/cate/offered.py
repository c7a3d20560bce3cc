"""Whether this hub offers Cate web APIs: configured, and not switched off by a setting."""

from __future__ import annotations

from hubsite import switches
from hubsite.refusals import Kind, Refused

from ..models.profile import CATE
from .settings import hub

SWITCHED_OFF = "Cate web APIs are switched off on this service."
NOT_CONFIGURED = "Cate web APIs are switched off on this service: it has no Cate."
PLACES = ("{port}", "{socket}")


def why_not() -> str | None:
    """Why a setting, or the lack of one, closes them; None if they are offered."""
    if hub.cate_silent:
        return SWITCHED_OFF
    return None if is_configured() else NOT_CONFIGURED


def is_configured() -> bool:
    """Whether the engine of new services has a Cate: a command, or in a cluster an image."""
    if hub.engine == "kubernetes":
        return bool(hub.cate_image)
    return any(place in argument for argument in hub.cate_command for place in PLACES)


def require() -> None:
    """Raises Refused (422) if they are switched off by a setting."""
    if (sentence := why_not()) is not None:
        raise Refused(sentence, kind=Kind.UNSUPPORTED)


def require_open() -> None:
    """Raises Refused (422) if they are switched off, or suspended by operators."""
    require()
    switches.require_open(CATE)
