"""The columns of the list of jobs: what fits, each in words."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from hubsite.console.quantities import number
from hubsite.templatetags.console import duration, moment

from ..models import Job, Priority, State

SHORT = 18
"""A job's id is its owner's id, and so many characters that tell it from others."""
MOST_OF_MESSAGE = 160


class Columns:
    """What a row of the list says; a part of `JobAdmin`."""

    @admin.display(description=_("state"))
    def state_badge(self, job: Job) -> str:
        badge = format_html(
            '<span class="state state-{}">{}</span>', job.state, job.get_state_display()
        )
        if job.state == State.RUNNING and (percent := _percent(job)) is not None:
            return format_html("{} {}\u202f%", badge, percent)
        if job.state == State.QUEUED and job.priority != Priority.NORMAL:
            name = _("urgent") if job.priority == Priority.URGENT else _("later")
            return format_html('{} <span class="quiet">{}</span>', badge, name)
        return badge

    @admin.display(description=_("job"))
    def short_id(self, job: Job) -> str:
        return format_html('<span title="{}">{}</span>', job.job_id, job.job_id[-SHORT:])

    @admin.display(description=_("owner"))
    def owner_name(self, job: Job) -> str:
        return job.owner.email or str(_("a deleted person"))

    @admin.display(description=_("data set"))
    def dataset(self, job: Job) -> str:
        return f"{job.input_store}/{job.input_data_id}" if job.input_data_id else ""

    @admin.display(description=_("output"))
    def output(self, job: Job) -> str:
        return f"{job.output_store}/{job.output_data_id}"

    @admin.display(description=_("submitted"), ordering="id")
    def submitted(self, job: Job) -> str:
        return moment(job.created_at)

    @admin.display(description=_("waited"))
    def waited(self, job: Job) -> str:
        if job.launched_at is None and job.state != State.QUEUED:
            return ""
        return duration(
            max(0, ((job.launched_at or timezone.now()) - job.created_at).total_seconds())
        )

    @admin.display(description=_("duration"))
    def took(self, job: Job) -> str:
        if job.started_at is None:
            return ""
        end = job.finished_at or timezone.now()
        return duration(max(0, (end - job.started_at).total_seconds()))

    @admin.display(description=_("units"))
    def price(self, job: Job) -> str:
        return number(job.units)

    @admin.display(description=_("reason"))
    def reason_code(self, job: Job) -> str:
        if not job.reason:
            return ""
        # It may break between its words.
        parts = format_html_join(mark_safe("_<wbr>"), "{}", ((it,) for it in job.reason.split("_")))
        return format_html('<span title="{}">{}</span>', job.get_reason_display(), parts)

    @admin.display(description=_("message"))
    def short_message(self, job: Job) -> str:
        text = getattr(job, "message_begin", "")
        return f"{text[: MOST_OF_MESSAGE - 1]}…" if len(text) >= MOST_OF_MESSAGE else text


def _percent(job: Job) -> int | None:
    """The progress that the run reported; None if it is no number."""
    try:
        return max(0, min(100, round(100 * float(job.progress_part))))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
