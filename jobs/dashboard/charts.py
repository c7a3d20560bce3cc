"""Jobs over time: what ended, how many there were, how long they waited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from django.utils import timezone
from django.utils.translation import gettext as _

from hubsite.console.charts import Chart, Column, Row

from ..models import State
from ..operators.history import HOUR, Period, Waits, begin_of, periods

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """How far the charts look back, and whether a bar is an hour or a day."""

    name: str
    hours: int
    is_daily: bool


SPANS = (Span("2d", 48, False), Span("30d", 30 * 24, True))


def span_of(name: str) -> Span:
    """The span of that name; the first if there is none."""
    return next((span for span in SPANS if span.name == name), SPANS[0])


def titles() -> list[tuple[str, str]]:
    return [("2d", _("2 days")), ("30d", _("30 days"))]


@dataclass(frozen=True)
class OfTime:
    """The charts, and the waits of the last day by engine."""

    charts: Sequence[Chart]
    waits_of_day: dict[str, Waits]


@dataclass(frozen=True)
class Bar:
    """An hour or a day."""

    at: datetime | date
    hours: Sequence[Period]

    def ended(self, state: State) -> int:
        return sum(hour.ended[state] for hour in self.hours)

    @property
    def waits(self) -> Waits:
        return Waits.sum(part for hour in self.hours for part in hour.waits.values())


def of_time(span: Span, *, queued: int, active: int) -> OfTime:
    """The charts, with the jobs that there are now. One query."""
    since = begin_of(timezone.now()) - (span.hours - 1) * HOUR
    hours = periods(since, now_queued=queued, now_active=active)
    bars = _daily(hours) if span.is_daily else [Bar(hour.begin, [hour]) for hour in hours]
    return OfTime([_ended(bars, span), _there(bars, span), _waits(bars, span)], _of_day(hours))


def _daily(hours: Sequence[Period]) -> list[Bar]:
    """The same by days, in UTC."""
    days = groupby(hours, key=lambda hour: hour.begin.date())
    return [Bar(day, list(its_hours)) for day, its_hours in days]


def _ended(bars: Iterable[Bar], span: Span) -> Chart:
    states = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
    return Chart(
        _("Jobs that ended"),
        "bars",
        [
            Column(_("succeeded"), "good"),
            Column(_("failed"), "bad"),
            Column(_("cancelled"), "muted"),
        ],
        [Row(bar.at, [bar.ended(state) for state in states]) for bar in bars],
        is_stacked=True,
        first=_first(span),
    )


def _there(bars: Iterable[Bar], span: Span) -> Chart:
    return Chart(
        _("Jobs waiting and running"),
        "lines",
        [Column(_("waiting"), "warn"), Column(_("running"), "info")],
        [Row(bar.at, [bar.hours[-1].queued, bar.hours[-1].active]) for bar in bars],
        first=_first(span),
    )


def _waits(bars: Iterable[Bar], span: Span) -> Chart:
    rows = [Row(bar.at, [bar.waits.quantile(part) for part in (0.5, 0.9)]) for bar in bars]
    return Chart(
        _("Waiting time of launched jobs"),
        "lines",
        [Column(_("half at most"), "info"), Column(_("9 of 10 at most"), "warn")],
        rows,
        unit="duration",
        first=_first(span),
    )


def _first(span: Span) -> str:
    return _("Day") if span.is_daily else _("Hour")


def _of_day(hours: Sequence[Period]) -> dict[str, Waits]:
    """By engine, of the last 24 hours."""
    recent = [hour for hour in hours if hour.begin > timezone.now() - DAY]
    engines = {name for hour in recent for name in hour.waits}
    return {
        name: Waits.sum(hour.waits.get(name, {}) for hour in recent) for name in sorted(engines)
    }
