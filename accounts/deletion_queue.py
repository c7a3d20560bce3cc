"""Deletes persons in the worker: what an operator asked for goes on until it is done.

The request only switches the account off and leaves a row. So a process that is killed in between
leaves nothing half deleted: the next tick tries again what is open.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from hubsite import audit
from hubsite.coordination.wake_up import wake_up

from .deletion import HasPowers, StillBusy, forget_person
from .models import PersonDeletion, User

logger = logging.getLogger(__name__)

TICK = "accounts.tasks.delete_persons"
AT_ONCE = 20
"""How many are tried in one tick."""


def ask_for(user: User, *, by: User) -> PersonDeletion:
    """Switch the account off, and have the person deleted. Raises HasPowers.

    A second request changes nothing.
    """
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if user.is_superuser or user.is_staff or user.reads_hub:
            raise HasPowers(f"{user.email} is an operator")
        deletion, is_new = PersonDeletion.objects.get_or_create(
            user=user, defaults={"asked_by": by}
        )
        if is_new:
            audit.record("user.deletion_asked", actor=by, on=user)
        User.objects.filter(pk=user.pk).update(is_active=False)
        wake_up(TICK)
    return deletion


def go_on() -> int:
    """Try all open deletions; returns how many are done now. May be repeated, or killed."""
    rows = PersonDeletion.objects.filter(done_at=None).select_related("user", "asked_by")
    return sum(_try(row) for row in rows.order_by("asked_at")[:AT_ONCE])


def _try(row: PersonDeletion) -> bool:
    by = f"user {row.asked_by.user_id}" if row.asked_by else "hub"

    def note_done(elsewhere: list[str]) -> None:
        _note(row, done_at=timezone.now(), elsewhere=elsewhere, waits_for="")

    try:
        forget_person(row.user, actor=by, on_done=note_done)
    except (HasPowers, StillBusy) as error:
        _note(row, waits_for=str(error)[:300])
        return False
    return True


def _note(row: PersonDeletion, **fields: object) -> None:
    PersonDeletion.objects.filter(pk=row.pk).update(**fields)
