"""Filters of the list of jobs. Each uses an index, so that a million jobs are searched quickly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from hubsite.engines import NAMES

from ..models import ACTIVE_STATES, Job, Priority, Reason, State
from ..operators import failures
from ..running import overdue

MOST_CHARACTERS = 512
_USER_ID = re.compile(r"a[0-9a-f]{32}")


class JobFilter(admin.SimpleListFilter):
    """A filter of the form above the list. `kind` says how the form asks for it."""

    kind = "select"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]  # Django leaves out a filter without any

    def value(self) -> str:
        return str(super().value() or "").replace("\0", "").strip()[:MOST_CHARACTERS]

    @property
    def shown(self) -> str:
        """The chosen value in words."""
        words = {str(key): title for key, title in self.lookup_choices}
        return words.get(self.value()) or self.value()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        return self.chosen(request, queryset, self.value()) if self.value() else queryset

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        """The jobs that the filter lets through."""
        raise NotImplementedError


class StateFilter(JobFilter):
    title = _("State")
    parameter_name = "state__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*State.choices, ("active", gettext("Waiting or running"))]

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        if value == "active":
            return jobs.filter(is_live=True, state__in=ACTIVE_STATES)
        return jobs.filter(state=value)


class ReasonFilter(JobFilter):
    title = _("Reason")
    parameter_name = "reason__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Reason.choices)

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        return jobs.filter(reason=value)


class FailuresFilter(JobFilter):
    """Failed jobs by whether and how somebody has dealt with them."""

    title = _("Failures")
    parameter_name = "failures"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("open", gettext("not dealt with")),
            ("again", gettext("submitted again")),
            ("noted", gettext("dealt with otherwise")),
        ]

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        if value == "open":
            return failures.not_dealt_with(jobs)
        if value == "noted":
            return jobs.filter(state=State.FAILED, dealt_with__isnull=False)
        repeated = Job.objects.filter(retry_of__isnull=False).order_by().values("retry_of")
        return jobs.filter(state=State.FAILED, pk__in=Subquery(repeated))


class EngineFilter(JobFilter):
    """It offers the known engines, because reading them from the rows is slow."""

    title = _("Engine")
    parameter_name = "engine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in NAMES]

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        return jobs.on(value)


class PriorityFilter(JobFilter):
    title = _("Priority")
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), title) for value, title in Priority.choices]

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        # Only waiting jobs have one that counts.
        return jobs.due().filter(priority=value) if value.isdecimal() else jobs.none()


class LongFilter(JobFilter):
    """Running jobs that take longer than expected."""

    title = _("Duration")
    parameter_name = "duration"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("long", gettext("longer than expected"))]

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        return jobs.filter(pk__in=[run.pk for run in overdue.overdue()])


class TextFilter(JobFilter):
    kind = "text"


class StoreFilter(TextFilter):
    title = _("Input store")
    parameter_name = "store"

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        return jobs.filter(input_store=value)


class DatasetFilter(TextFilter):
    title = _("Data set")
    parameter_name = "dataset"

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        return jobs.filter(input_data_id=value)


class OwnerFilter(TextFilter):
    """By e-mail or user id; by number in links."""

    title = _("Owner")
    parameter_name = "owner"

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        if value.isdecimal():
            return jobs.filter(owner_id=int(value)) if len(value) < 19 else jobs.none()
        by = "username" if _USER_ID.fullmatch(value) else "email__iexact"
        owner = User.objects.filter(**{by: value}).values_list("pk", flat=True).first()
        return jobs.none() if owner is None else jobs.filter(owner_id=owner)

    @property
    def shown(self) -> str:
        if not self.value().isdecimal() or len(self.value()) > 18:
            return self.value()
        email = User.objects.filter(pk=self.value()).values_list("email", flat=True).first()
        return email or self.value()


class DayFilter(JobFilter):
    """A day of submission, in UTC."""

    kind = "date"

    def day(self, request: HttpRequest) -> date | None:
        try:
            return date.fromisoformat(self.value())
        except ValueError:
            message = gettext("%(field)s: a date such as 2026-12-31 is expected.")
            messages.error(request, message % {"field": self.title})
            return None


class SinceFilter(DayFilter):
    title = _("Submitted since")
    parameter_name = "since"

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        day = self.day(request)
        return jobs.none() if day is None else jobs.filter(created_at__gte=_midnight(day))


class UntilFilter(DayFilter):
    title = _("Submitted until")
    parameter_name = "until"

    def chosen(self, request: HttpRequest, jobs: QuerySet[Job], value: str) -> QuerySet[Job]:
        day = self.day(request)
        if day is None:
            return jobs.none()
        if day == date.max:
            return jobs
        return jobs.filter(created_at__lt=_midnight(day + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


FILTERS = (
    StateFilter,
    ReasonFilter,
    FailuresFilter,
    OwnerFilter,
    StoreFilter,
    DatasetFilter,
    SinceFilter,
    UntilFilter,
    EngineFilter,
    PriorityFilter,
    LongFilter,
)
