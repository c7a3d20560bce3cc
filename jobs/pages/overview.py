"""Cube generation in the page "Overview": what runs, the last results, and the first cube."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.roles import permissions_of
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.configuration.site import hub
from hubsite.console.overview import Shown, Step

from ..models import FINAL_STATES, Job, State
from .cubes import summary
from .example import example_request
from .pictures import thumbnails

SHOWN_ACTIVE = 5
SHOWN_RESULTS = 3
LATELY = 12
"""Of the jobs that ended, so many of the newest are looked at."""
FAILED_LATELY = timedelta(days=7)


def cubes_panel(request: HttpRequest) -> Shown:
    """Three queries. Whoever has no job yet is shown how to make the first cube."""
    jobs = Job.objects.owned_by(request.user).listed().defer("result")
    active = list(jobs.active().order_by("-pk")[: SHOWN_ACTIVE + 1])
    ended = list(jobs.filter(state__in=FINAL_STATES).order_by("-pk")[:LATELY])
    may_submit = MANAGE_CUBEGENS in permissions_of(request.user)
    if not active and not ended:
        return _first_cube(may_submit=may_submit)
    results = [job for job in ended if job.state == State.SUCCEEDED][:SHOWN_RESULTS]
    pictures = thumbnails(results)
    context = {
        "active": [summary(job) for job in active[:SHOWN_ACTIVE]],
        "has_more": len(active) > SHOWN_ACTIVE,
        "results": [{**summary(job), "picture": pictures.get(job.pk)} for job in results],
        "may_submit": may_submit,
    }
    return Shown(context, steps=_steps(active, ended, may_submit=may_submit))


def _first_cube(*, may_submit: bool) -> Shown:
    context: dict[str, Any] = {"is_new": True, "may_submit": may_submit}
    if not may_submit:
        return Shown(context)
    context |= first_cube()
    return Shown(context)


def first_cube() -> dict[str, Any]:
    """What the words and commands for a first cube need: addresses, and a request to begin with."""
    return {
        "api_url": f"{hub.public_url}/{settings.API_PATH}",
        "example": example_request(),
    }


def _steps(active: list[Job], ended: list[Job], *, may_submit: bool) -> list[Step]:
    steps = []
    since = timezone.now() - FAILED_LATELY
    newest = ended[0] if ended else None
    if newest is not None and newest.state == State.FAILED and newest.finished_at:
        if newest.finished_at > since:
            steps.append(
                Step(
                    _("See why %(name)s failed") % {"name": newest.output_data_id[:80]},
                    reverse("cube", args=[newest.job_id]),
                    _("And run it again, as it was or with changes."),
                    weight=10,
                )
            )
    elif newest is not None and newest.state == State.SUCCEEDED:
        steps.append(
            Step(
                _("Look at %(name)s") % {"name": newest.output_data_id[:80]},
                reverse("cube", args=[newest.job_id]),
                _("In the viewer, in a notebook, or share it with others."),
                weight=60,
            )
        )
    if not active and may_submit:
        steps.append(
            Step(
                _("Make another cube"),
                reverse("new-cube"),
                _("Size and price are shown before anything starts."),
                weight=70,
            )
        )
    return steps


def actions(request: HttpRequest) -> dict[str, Any] | None:
    """The button "New cube" in the head of the page."""
    return {} if MANAGE_CUBEGENS in permissions_of(request.user) else None
