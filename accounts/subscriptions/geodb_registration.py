"""When geoDB is told of a subscriber, and when again: by a tick of the worker, until it works."""

from __future__ import annotations

from accounts.settings import hub
from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.delivery import deliver_due
from hubsite.coordination.wake_up import wake_up

from ..models import GeodbRegistration, Subscription
from . import geodb

COOL_DOWN = CoolDown("geodb", seconds=60)
"""After geoDB did not answer. Longer than the tick takes, too."""


def register_soon(subscription: Subscription) -> None:
    """Tell geoDB what is in the subscription now, once this is committed."""
    registration, is_new = GeodbRegistration.objects.get_or_create(subscription=subscription)
    if not is_new:
        GeodbRegistration.objects.filter(pk=registration.pk).renew()
    wake_up("accounts.tasks.register_in_geodb")


def try_soon() -> None:
    """Try what is due without waiting for the end of the cool-down: an operator asks for it."""
    COOL_DOWN.end(_server())
    wake_up("accounts.tasks.register_in_geodb")


def register_due() -> int:
    """Tell geoDB of the subscribers that are due; returns how many it took."""
    if not geodb.is_configured():
        return 0
    rows = GeodbRegistration.objects.select_related("subscription__user").filter(
        subscription__ended_at=None
    )
    return deliver_due(rows, _send, cool_down=COOL_DOWN, target=_server())


def _send(registration: GeodbRegistration) -> None:
    geodb.register(registration.subscription)


def _server() -> str:
    return str(hub.geodb_url)[:150]
