"""The audit: one list of who did what, when, from where. It only grows.

    from hubsite import audit

    with transaction.atomic():
        ...                                   # the change itself
        audit.record("units.granted", actor=request.user, on=user, detail="+500, as agreed")

The entry belongs to the caller's transaction: no change without its entry, and no entry without
its change. `actions.py` holds the closed list of actions. Whether it came from a page, the admin,
the API, a command or the worker, and who acted for whom, is known from the context
(`context.py`); if `actor` is None, the request's own user counts. `detail` holds no secrets.
What a program may repeat all day without a change, such as a sign-in, is written by
`record_seldom`. tests/authorization/test_audited.py compares all endpoints with what they record.
"""

from .actions import ACTIONS
from .changing import forget_person
from .context import acting_for, of_command, of_request, within
from .entry import AuditEntry, Via
from .reading import entries_of
from .recording import HUB, is_person, is_told, record, record_seldom

__all__ = [
    "ACTIONS",
    "HUB",
    "AuditEntry",
    "Via",
    "acting_for",
    "entries_of",
    "forget_person",
    "is_person",
    "is_told",
    "of_command",
    "of_request",
    "record",
    "record_seldom",
    "within",
]
