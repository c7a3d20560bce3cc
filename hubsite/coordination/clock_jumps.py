"""Notices when the clock goes far ahead at once; then nothing is deleted by its age for a day.

After a restart without a network a clock may be weeks ahead. By such a clock everything is old:
tokens, requests, notices and the audit would be deleted, and no correction of the clock would
bring them back. A hub that was off for as long looks the same, and its deletions wait, too.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models.functions import Now

from ..health.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

PART = "clock"
GAP = timedelta(hours=12)
"""A step of the clock from one look to the next that is no step of time. Looks come each minute."""
DOUBTED_FOR = timedelta(days=1)
"""For this long nothing is deleted, so that an operator can correct the clock."""


def is_trusted() -> bool:
    """Look at the database's clock; whether what is old by it may be deleted. One or two queries.

    Between two looks of any process it went on evenly, and has done so for a day.
    """
    row = Heartbeat.objects.filter(part=PART, name="")
    if not row.filter(at__gt=Now() - GAP, at__lte=Now() + GAP).update(at=Now()):
        jumped = row.filter(at__lte=Now() - GAP).exists()
        since = Now() if jumped else Now() - DOUBTED_FOR  # back, or this is the first look
        Heartbeat.objects.update_or_create(
            part=PART, name="", defaults={"at": Now(), "since": since, "problem": ""}
        )
        if jumped:
            logger.warning(
                "The clock went ahead by more than %s, or the hub was off for so long: nothing is "
                "deleted by its age for a day. Look at the clock.",
                GAP,
            )
    return not row.filter(since__gt=Now() - DOUBTED_FOR, since__lte=Now()).exists()
