"""Searching rows of services by one indexed column; `OR` would read every row."""

from __future__ import annotations

import re

from django.db.models import QuerySet

_USER_ID = re.compile(r"a[0-9a-f]{32}")
_INSTANCE_ID = re.compile(r"x[a-z2-7]{26}")

HELP = "A service's id, or the e-mail or user id of its owner."


def found(rows: QuerySet, term: str, *, prefix: str = "") -> QuerySet | None:
    """`rows` with this instance id or owner; None if the text is neither.

    `prefix` leads from the rows to their instance, such as `instance__`.
    """
    if "@" in term:
        return rows.filter(**{f"{prefix}owner__email__iexact": term})
    if _INSTANCE_ID.fullmatch(term):
        return rows.filter(**{f"{prefix}instance_id": term})
    if _USER_ID.fullmatch(term):
        return rows.filter(**{f"{prefix}owner__username": term})
    return None
