"""Registers subscribers at geoDB by a tick of the worker, with retries until it succeeds."""

from __future__ import annotations

from accounts.settings import hub
from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.delivery import deliver_due
from hubsite.coordination.wake_up import wake_up

from ..models import GeodbRegistration, Subscription
from . import geodb

COOL_DOWN = CoolDown("geodb", seconds=60)
"""The cool-down after geoDB did not answer. It is longer than the tick takes."""


def register_soon(subscription: Subscription) -> None:
    """Send the present subscription to geoDB as soon as the transaction is committed."""
    registration, is_new = GeodbRegistration.objects.get_or_create(subscription=subscription)
    if not is_new:
        GeodbRegistration.objects.filter(pk=registration.pk).renew()
    wake_up("accounts.tasks.register_in_geodb")


def try_soon() -> None:
    """Try due rows for an operator, without waiting for the end of the cool-down."""
    COOL_DOWN.end(_server())
    wake_up("accounts.tasks.register_in_geodb")


def register_due() -> int:
    """Send due subscribers to geoDB; returns how many it accepted."""
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
