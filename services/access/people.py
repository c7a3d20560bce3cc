"""Finds the person that somebody wants to share with, and lets nobody try out e-mails."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from hubsite.coordination.failures import Limit, TooManyTries, count
from hubsite.refusals import Kind, Refused

MISSES_PER_HOUR = 20
"""Of one user. A guess that finds nobody tells that nobody has this e-mail."""


def find_person(email: str, *, by: Any) -> User:
    """The active user with this e-mail. Raises Refused, also after too many misses.

    User ids are not taken, because the answer shows the person's e-mail.
    """
    try:
        tries = count([Limit(f"share with a person by {by.pk}", MISSES_PER_HOUR, 3600)])
    except TooManyTries as error:
        raise Refused(
            "Too many people were not found; try again later.",
            kind=Kind.BUSY,
            retry_after_s=error.retry_after_s,
        ) from None
    user = User.objects.filter(is_active=True, email__iexact=email).first()
    if user is None:
        raise Refused("the e-mail of a user of this hub is expected", field="user")
    tries.give_back()
    return user
