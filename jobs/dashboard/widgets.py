"""Widgets: saved filters of the list of jobs, as numbers on the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from django.contrib import admin
from django.db.models import Count, IntegerField, QuerySet, Value
from django.http import HttpRequest

from hubsite.console import saved_filters

from ..models import Job

PAGE = "admin:jobs_job"
SHOWN = 8
MOST = 1_000
"""No number is counted beyond it."""


@dataclass(frozen=True)
class Widget:
    """A saved filter, and how many jobs it lets through."""

    name: str
    url: str
    count: int

    @property
    def is_many(self) -> bool:
        return self.count >= MOST


def of_user(request: HttpRequest) -> list[Widget]:
    """The user's widgets. Two queries, and what single filters look up."""
    rows = [row for row in saved_filters.on_dashboard(request.user) if row.page == PAGE][:SHOWN]
    if not rows:
        return []
    counts = [_count(narrowed(request, row.query), number) for number, row in enumerate(rows)]
    found = dict(counts[0].union(*counts[1:], all=True).values_list("widget", "n"))
    return [Widget(row.name, row.url, found.get(n, 0)) for n, row in enumerate(rows)]


def _count(jobs: QuerySet[Job], number: int) -> QuerySet:
    """How many these are, at most `MOST`, beside the number of the widget."""
    some = jobs.order_by("-pk").values("pk")[:MOST]
    return (
        Job.objects.filter(pk__in=some)
        .order_by()
        .annotate(widget=Value(number, output_field=IntegerField()))
        .values("widget")
        .annotate(n=Count("pk"))
    )


def narrowed(request: HttpRequest, query: str) -> QuerySet[Job]:
    """The jobs that the list shows for the query of its URL."""
    job_admin = admin.site.get_model_admin(Job)
    params = {key: [value] for key, value in parse_qsl(query)}
    jobs: QuerySet[Job] = Job.objects.all()
    for kind in job_admin.list_filter:
        jobs = kind(request, params, Job, job_admin).queryset(request, jobs)
    terms = params.get("q", [""])
    return job_admin.get_search_results(request, jobs, terms[0].replace("\0", ""))[0]
