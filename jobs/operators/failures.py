"""Failures that operators still have to look at, and those that they have dealt with.

A failed job is dealt with when it was submitted again, or when an operator said so with a note:
the owner made another cube, the dataset is gone for good. They may take that back.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from hubsite import audit
from hubsite.visible_text import checked_text

from ..models import DealtWith, Job, State

MOST_AT_ONCE = 5_000
"""Of the jobs that an operator chooses."""
MOST_OF_NOTE = 300


def is_dealt_with() -> ExpressionWrapper:
    """Of a failed job, for `annotate`: was it submitted again, or did an operator deal with it?

    The notes are joined: of a condition `EXISTS` the database would make a table of all there are.
    """
    return ExpressionWrapper(Q(_retries()) | Q(dealt_with__isnull=False), BooleanField())


def not_dealt_with(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Those of the jobs that failed, and that nobody has dealt with."""
    return jobs.filter(~_retries(), ~_notes(), state=State.FAILED)


def _retries() -> Exists:
    return Exists(Job.objects.filter(retry_of=OuterRef("pk")).order_by())


def _notes() -> Exists:
    return Exists(DealtWith.objects.filter(job=OuterRef("pk")))


@transaction.atomic
def deal_with(jobs: QuerySet[Job], *, note: str, actor: str) -> int:
    """Note of those of `jobs` that failed why nothing is left to do; returns how many.

    Raises Refused for a note that is missing, too long, or not readable. `actor` is a user id.
    """
    note = checked_text(
        " ".join(note.split()),
        field="note",
        most=MOST_OF_NOTE,
        expected="a sentence is expected: why nothing is left to do",
    )
    chosen = list(not_dealt_with(jobs).order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE])
    DealtWith.objects.bulk_create(
        [DealtWith(job_id=pk, note=note, actor=actor) for pk in chosen],
        ignore_conflicts=True,
        batch_size=500,
    )
    _note("job.dealt_with", chosen, note, actor)
    return len(chosen)


@transaction.atomic
def reopen(jobs: QuerySet[Job], *, actor: str) -> int:
    """Take back what `deal_with` noted of these jobs; returns of how many it did."""
    noted = DealtWith.objects.filter(job__in=jobs.order_by().values("pk")).select_for_update()
    chosen = list(noted.order_by("pk").values_list("job_id", flat=True)[:MOST_AT_ONCE])
    DealtWith.objects.filter(job__in=chosen).delete()
    _note("job.reopened", chosen, "", actor)
    return len(chosen)


def _note(action: str, pks: list[int], text: str, actor: str) -> None:
    if not pks:
        return
    one = Job.objects.get(pk=pks[0]) if len(pks) == 1 else None
    detail = text if one else f"{len(pks)} failed jobs. {text}".strip()
    audit.record(action, actor=actor, on=one, detail=detail)
