"""The worker's ticks for accounts. Each takes seconds, and may be lost or repeated."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore
from django_q.tasks import async_task

from .subscriptions import geodb_registration
from .tokens.hub_tokens import delete_expired_tokens
from .units.expiry import expire_due
from .units.monthly import grant_due
from .units.notices import notify_low


def register_in_geodb(pk: int) -> None:
    geodb_registration.register(pk)


def sweep() -> None:
    """Find what a lost wake-up missed; each a tick of its own, for each may wait for geoDB."""
    for pk in geodb_registration.due_registrations():
        async_task("accounts.tasks.register_in_geodb", pk)


def housekeeping() -> None:
    """Once an hour: what time itself brings and takes."""
    delete_expired_tokens()
    SessionStore.clear_expired()  # they hold the provider's token of who was signed in
    expire_due()
    grant_due()
    notify_low()
