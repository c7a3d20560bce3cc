"""Names a person for a share, without telling anybody who has an account.

A share is for an e-mail or a user id, as its maker wrote it. If an account has it, the share is
pinned to that account; if not, it waits. Maker and hub's answer are the same in both cases. A
waiting share is pinned when such an account is made, or when its person signs in: an account has
only an e-mail that operators, the marketplace or a trusted provider vouch for
(`accounts/sign_on/linking.py`). Pinned shares do not move to whoever gets the e-mail later.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from hubsite.coordination.failures import Limit, TooManyTries, count
from hubsite.refusals import Kind, Refused

from ..models import User

PER_HOUR = 60
"""Shares with people that one user makes in an hour, so that nobody is swamped with them."""
_USER_ID = re.compile(r"a[0-9a-f]{32}")


def person_of(text: str) -> str:
    """The e-mail or user id as it is stored. Raises Refused if it is neither."""
    folded = text.strip().lower()
    if _USER_ID.fullmatch(folded):
        return folded
    try:
        validate_email(folded)
    except ValidationError:
        raise Refused("an e-mail or a user id is expected", field="user") from None
    if len(folded) > 254:
        raise Refused("at most 254 characters are expected", field="user")
    return folded


def hold_account(person: str) -> User | None:
    """The account of a stored person, locked, whether active or not; None if there is none.

    The lock keeps a share from naming somebody who is being deleted. Call it in a transaction.
    """
    field = "email__iexact" if "@" in person else "username"
    rows = User.objects.select_for_update(no_key=True).filter(**{field: person})
    user = rows.first()
    return user if user is not None and is_named(user, person) else None


def is_named(user: Any, person: str) -> bool:
    """Whether this person is that user."""
    return person in (user.email.lower(), user.username)


def count_share(by: Any) -> None:
    """Count one share with a person. Raises Refused (429) if there are too many in this hour."""
    try:
        count([Limit(f"share with a person by {by.pk}", PER_HOUR, 3600)])
    except TooManyTries as error:
        raise Refused(
            f"At most {PER_HOUR} shares with people can be made in an hour; try again later.",
            kind=Kind.BUSY,
            retry_after_s=error.retry_after_s,
        ) from None
