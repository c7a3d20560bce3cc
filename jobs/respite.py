"""A respite for an engine that was away: for some seconds nobody asks it for that work again.

All processes keep it, for it is in the database: else each submission, in each worker, would be
one more call to a cluster that is down. The sweep ends it, for it comes less often.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat
from django.utils import timezone

from .models import Lock

LAUNCHING, REMOVING = "launching", "removing"
"""Apart: a quota that holds up launches is freed by removing."""
LASTS = timedelta(seconds=4)


def give(engine: str, work: str) -> None:
    Lock.objects.update_or_create(
        name=_name(engine, work), defaults={"expires_at": timezone.now() + LASTS}
    )


def has(engine: str, work: str) -> bool:
    return Lock.objects.filter(name=_name(engine, work), expires_at__gt=timezone.now()).exists()


def of_its_engine(work: str) -> Exists:
    """For a query of jobs: whether the engine of each has one."""
    name = Concat(Value(_name("", work)), OuterRef("engine"))
    return Exists(Lock.objects.filter(name=name, expires_at__gt=timezone.now()))


def _name(engine: str, work: str) -> str:
    return f"respite-{work}-{engine}"
