"""The predicted start of a job that waits, or of one that may be submitted.

Reads one row, the forecast of the engine, which each process keeps for two seconds. The interval
is right for 90 % of jobs; if that cannot be said of any, the answer says why not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hubsite.compiled_queries import CompiledQuery

from ..models import QueueForecast
from .errors import CONFIDENCE, Margin, Prediction, margin_from_row
from .queue_order import Found, QueueOrder
from .simulation import NORMAL

KEPT_S = 2.0
STALE_AFTER = timedelta(seconds=60)
"""A forecast that is older, and older than three times its usual interval, says nothing."""

NO_FORECAST = _("the hub has not looked at the queue just now")
NO_HISTORY = _("no job has ended here yet")
FEW_STARTS = _("too few jobs have waited here so far to know how far off it may be")
OVERDUE = _("it has waited longer than was expected already, and may start any moment")


@dataclass(frozen=True)
class Start:
    """When a job starts: between two times, or `unknown` says why that cannot be said.

    Without `latest` it may be any time after `earliest`.
    """

    earliest: datetime | None = None
    latest: datetime | None = None
    unknown: str | Promise = ""
    confidence: float = CONFIDENCE

    @property
    def is_known(self) -> bool:
        return self.earliest is not None

    @property
    def percent(self) -> int:
        return round(100 * self.confidence)


@dataclass(frozen=True)
class Forecast:
    """The forecast of an engine, as a process keeps it."""

    made_at: datetime
    order: QueueOrder
    margins: dict[str, Margin]
    took_s: float

    def is_stale(self, now: datetime) -> bool:
        return now - self.made_at > max(STALE_AFTER, timedelta(seconds=60 * self.took_s))


_kept: dict[str, tuple[float, Forecast | None]] = {}


def forget() -> None:
    """Forget what was read, so that the next call reads anew."""
    _kept.clear()


def forecast_of(engine: str) -> Forecast | None:
    """The forecast of an engine; None if there is no recent one."""
    kept = _kept.get(engine)
    if kept is None or kept[0] < time.monotonic():
        row = _FORECAST.first(engine=engine)
        kept = _kept[engine] = (time.monotonic() + KEPT_S, row and _forecast(*row))
    forecast = kept[1]
    return None if forecast is None or forecast.is_stale(timezone.now()) else forecast


def _forecast(
    made_at: datetime, took_s: float, margins: dict[str, list[Any]], *order: Any
) -> Forecast:
    found = {sort: margin_from_row(row) for sort, row in margins.items()}
    return Forecast(made_at, QueueOrder.from_row(*order), found, took_s)


_FORECAST = CompiledQuery(
    lambda engine: (
        QueueForecast.objects.filter(engine=engine)
        .order_by()
        .values_list("made_at", "took_s", "margins", "waiting", "gap_s", "marks", "lines")
    ),
    engine="<engine>",
)


def start_of(
    forecast: Forecast | None, found: Found | None, *, is_new: bool, priority: int = NORMAL
) -> Start:
    """The predicted start of a job. `is_new`: the forecast is older than the job."""
    if forecast is None or found is None:
        return Start(unknown=NO_FORECAST)
    if found.start is None:
        return Start(unknown=NO_HISTORY)
    prediction = Prediction(found.turn, found.start, forecast.order.gap_s, is_new, priority)
    margin = prediction.margin(forecast.margins)
    now = timezone.now()
    if margin is None:
        if not prediction.is_last:
            return Start(unknown=FEW_STARTS)
        return Start(max(now, forecast.made_at + timedelta(seconds=found.start.low)))
    low, high = prediction.interval(margin)
    earliest, latest = (forecast.made_at + timedelta(seconds=s) for s in (low, high))
    if latest <= now:
        return Start(unknown=OVERDUE)
    return Start(max(now, earliest), latest)
