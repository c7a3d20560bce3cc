"""What the edge reports every few seconds: which services were used, which rights are in use.

Uses keep services awake. Of the rights the answer names those that have ended, so that the edge
closes what is still open on their account.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Case, CharField, DateTimeField, F, Q, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from ..models import OVER_STATES, ServiceInstance, State
from .rights import SessionRow, is_good, session_rows
from .token_grants import good_tokens

MOST_USES = 500
MOST_GRANTS = 5000
_SESSION = re.compile(r"s:(\d{1,18})")


@dataclass(frozen=True)
class Use:
    """One service was used at a time; `open` requests are not answered yet."""

    instance: str
    at: float
    by: str
    open: int = 0


def record(uses: Sequence[Use], grants: Sequence[str]) -> dict[str, list[str]]:
    """Record the uses; answer which of the grants have ended, which services are over or asleep.

    The edge asks anew before it connects to a service that is asleep, so that its row is woken.
    """
    ended, instances = _ended(grants)
    _note_uses(uses)
    named = {use.instance for use in uses} | instances
    found = ServiceInstance.objects.filter(instance_id__in=named)
    states = dict(found.values_list("instance_id", "state"))
    return {
        "ended": ended,
        "stopped": sorted(name for name in named if states.get(name) in (None, *OVER_STATES)),
        "asleep": sorted(name for name in named if states.get(name) == State.ASLEEP),
    }


def _note_uses(uses: Sequence[Use]) -> None:
    """Move `last_used_at` forward, for all in one statement."""
    now = timezone.now()
    latest: dict[str, tuple[datetime, str]] = {}
    for use in uses:
        at = now if use.open else min(now, _time(use.at, now))
        if use.instance not in latest or latest[use.instance][0] < at:
            latest[use.instance] = (at, use.by)
    if not latest:
        return
    times = [When(instance_id=name, then=Value(at)) for name, (at, _) in latest.items()]
    names = [When(instance_id=name, then=Value(by[:40])) for name, (_, by) in latest.items()]
    at = Case(*times, output_field=DateTimeField())
    rows = ServiceInstance.objects.filter(instance_id__in=latest).exclude(state__in=OVER_STATES)
    rows.filter(Q(last_used_at=None) | Q(last_used_at__lt=at)).update(
        last_used_at=Greatest(at, F("created_at")),
        last_used_by=Case(*names, output_field=CharField()),
    )


def _time(epoch_s: float, now: datetime) -> datetime:
    """The time, as far as it can be one; the edge's clock may be wrong."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC)
    except (ValueError, OverflowError, OSError):
        return now


def _ended(grants: Sequence[str]) -> tuple[list[str], set[str]]:
    """The grants that are no right any more, and the instances that the others are for."""
    sessions = {g: int(found[1]) for g in grants if (found := _SESSION.fullmatch(g))}
    good: set[str] = set()
    instances: set[str] = set()
    found = map(SessionRow._make, session_rows().filter(pk__in=sessions.values()))
    rows = {row.pk: row for row in found}
    now = timezone.now()
    for grant, pk in sessions.items():
        if (row := rows.get(pk)) is not None:
            instances.add(row.instance_id)
            if row.state not in OVER_STATES and is_good(row, now):
                good.add(grant)
    by_token, of_tokens = good_tokens([g for g in grants if g not in sessions])
    good |= by_token
    instances |= of_tokens
    return [grant for grant in grants if grant not in good], instances
