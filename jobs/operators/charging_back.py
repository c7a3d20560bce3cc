"""Give back all that many jobs were charged: a store was broken for a day, say.

Each job's units go back in a transaction of their own, and never more than it was charged, so a
call that was cut off, or made twice, is simply made again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum

from accounts.models import LedgerEntry
from accounts.units import ledger
from hubsite.visible_text import checked_text

from ..models import FINAL_STATES, Job

MOST_OF_REASON = 300
GIVES_UP_AFTER_S = 5.0
"""So that a click is answered; who clicks again goes on with the rest."""
_PART = 500


@dataclass(frozen=True)
class ChargedBack:
    """To how many jobs how many units were given back; `is_all`: no chosen job is left."""

    jobs: int
    units: int
    is_all: bool


def charge_back_all(jobs: QuerySet[Job], *, reason: str, actor: Any) -> ChargedBack:
    """Give back what is left of the charges of those of `jobs` that have ended.

    Raises Refused for an unusable reason, which the owners see.
    """
    reason = checked_reason(reason)
    give_up_at = time.monotonic() + GIVES_UP_AFTER_S
    count = units = 0
    for job_id, charged in _charged(jobs.filter(state__in=FINAL_STATES, units__gt=0)):
        if time.monotonic() > give_up_at:
            return ChargedBack(count, units, is_all=False)
        key = f"refund:{uuid.uuid4().hex}"
        try:
            ledger.refund(job_id, charged, key=key, reason=reason, actor=actor)
        except ledger.MoreThanCharged:
            continue  # somebody else gave it back just now
        count += 1
        units += charged
    return ChargedBack(count, units, is_all=True)


def checked_reason(reason: str) -> str:
    """The reason in one line. Raises Refused unless it is there, short, and readable."""
    return checked_text(
        " ".join(reason.split()),
        field="reason",
        most=MOST_OF_REASON,
        expected="a reason is expected; the owner sees it",
    )


def _charged(jobs: QuerySet[Job]) -> Iterator[tuple[str, int]]:
    """Those of the jobs that are charged something, and what. Two queries for each 500 jobs."""
    last = 0
    while True:
        part = jobs.filter(pk__gt=last).order_by("pk").values_list("pk", "job_id")[:_PART]
        ids = dict(part)
        if not ids:
            return
        last = max(ids)
        moved = LedgerEntry.objects.filter(
            reference__in=list(ids.values()), kind__in=ledger.CHARGES
        )
        sums = moved.order_by().values_list("reference").annotate(sum=Sum("delta_total"))
        yield from ((job_id, -total) for job_id, total in list(sums) if total < 0)
