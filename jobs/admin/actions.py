"""What operators do with the jobs that they chose in the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.asking import asks_first
from hubsite.console.quantities import number
from hubsite.refusals import Refused
from hubsite.translations.sentences import translated

from .. import job_csv
from ..models import Job, Priority
from ..operators import failures
from ..operators.charging_back import charge_back_all
from ..operators.failures import MOST_OF_NOTE
from ..queue import ordering
from ..submission import cancelling, repeating

Action = Callable[[Any, HttpRequest, QuerySet[Job]], Any]


class ActionForm(helpers.ActionForm):
    """The choice of an action, and the words that two of them need."""

    note = forms.CharField(
        required=False, max_length=MOST_OF_NOTE, label=_("Reason, to give back or deal with")
    )


class Actions:
    """The actions of the list; a part of `JobAdmin`. Support gets only the export."""

    action_form = ActionForm
    actions = [
        "cancel",
        "run_again",
        "deal_with",
        "reopen",
        "charge_back",
        "urgent",
        "normal",
        "later",
        "export",
    ]

    def get_actions(self, request: HttpRequest) -> dict[str, tuple[Action, str, str]]:
        """Those above, and "Move to …" for each engine that is followed."""
        found = super().get_actions(request)
        if self.has_operate_permission(request):
            if not hasattr(request, "followed_engines"):  # Django asks for the actions twice
                request.followed_engines = ordering.followed_engines()
            for name in request.followed_engines:
                key = f"move_to_{name}"
                title = gettext("Let %(engine)s run those that wait") % {"engine": name}
                found[key] = (_mover(name), key, title)
        return found

    @admin.action(description=_("Cancel"), permissions=["operate"])
    @asks_first(
        _(
            "They end and cannot go on later. What they have written is removed, "
            "and their owners see that they were cancelled."
        )
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel the chosen jobs, as their owners could; the worker ends their runs."""
        count = cancelling.cancel(_plain(queryset).active(), actor=request.user.username)
        say = ngettext("%(n)d job was cancelled.", "%(n)d jobs were cancelled.", count)
        self._say(request, say % {"n": count}, is_done=count)

    @admin.action(description=_("Run the failed ones again"), permissions=["operate"])
    def run_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Submit the failed ones again for their owners; the worker does it one by one."""
        count = repeating.ask_for(queryset, actor=request.user.username)
        if not count:
            text = gettext("None of them failed and still waits to be submitted again.")
        else:
            text = ngettext(
                "%(n)d failed job is submitted again, which may take a while.",
                "%(n)d failed jobs are submitted again, which may take a while.",
                count,
            ) % {"n": count}
        self._say(request, text, is_done=count)

    @admin.action(description=_("Failures: dealt with, nothing is left"), permissions=["operate"])
    def deal_with(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Note why nothing is left to do about the failed ones; they count as dealt with."""
        try:
            count = failures.deal_with(
                _plain(queryset),
                note=request.POST.get("note", ""),
                actor=request.user.username,
            )
        except Refused as refused:
            self._say(request, translated(str(refused)), is_done=0)
            return
        say = ngettext("%(n)d failure is dealt with.", "%(n)d failures are dealt with.", count)
        self._say(request, say % {"n": count}, is_done=count)

    @admin.action(description=_("Failures: not dealt with after all"), permissions=["operate"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Take back that they are dealt with; those submitted again stay so."""
        count = failures.reopen(_plain(queryset), actor=request.user.username)
        say = ngettext("%(n)d failure is open again.", "%(n)d failures are open again.", count)
        self._say(request, say % {"n": count}, is_done=count)

    @admin.action(description=_("Give back all that they cost"), permissions=["operate"])
    def charge_back(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Give the owners back what the chosen jobs were charged, with a reason."""
        try:
            given = charge_back_all(
                _plain(queryset), reason=request.POST.get("note", ""), actor=request.user
            )
        except Refused as refused:
            self._say(request, translated(str(refused)), is_done=0)
            return
        say = ngettext(
            "%(units)s units of %(n)d job were given back.",
            "%(units)s units of %(n)d jobs were given back.",
            given.jobs,
        ) % {"units": number(given.units), "n": given.jobs}
        if not given.is_all:
            say += " " + gettext("There are more: do it again for the rest.")
        self._say(request, say, is_done=given.jobs)

    @admin.action(description=_("Priority: urgent, before all others"), permissions=["operate"])
    def urgent(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._prioritise(request, queryset, Priority.URGENT)

    @admin.action(description=_("Priority: normal, users take turns"), permissions=["operate"])
    def normal(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._prioritise(request, queryset, Priority.NORMAL)

    @admin.action(description=_("Priority: when nothing else waits"), permissions=["operate"])
    def later(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        self._prioritise(request, queryset, Priority.LATER)

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Job]) -> StreamingHttpResponse:
        """The chosen jobs as a file for spreadsheets."""
        response = StreamingHttpResponse(job_csv.lines(queryset), content_type="text/csv")
        response["Content-Disposition"] = 'attachment; filename="jobs.csv"'
        return response

    def _prioritise(self, request: HttpRequest, jobs: QuerySet[Job], priority: Priority) -> None:
        count = ordering.set_priority(_plain(jobs), priority, actor=request.user.username)
        self._say(request, _changed(count), is_done=count)

    def move(self, request: HttpRequest, jobs: QuerySet[Job], engine: str) -> None:
        """Let another engine run those that wait, and say what became of the others."""
        try:
            count = ordering.move_to_engine(_plain(jobs), engine, actor=request.user.username)
        except Refused as refused:
            self._say(request, str(refused), is_done=0)
            return
        started = _plain(jobs).exclude(engine=engine).placed()[:1].exists()
        text = _changed(count)
        if started:
            text += " " + gettext(
                "Those that have started stay where they are: cancel them and run them again."
            )
        self._say(request, text, is_done=count)

    def _say(self, request: HttpRequest, text: str, *, is_done: int) -> None:
        level = messages.SUCCESS if is_done else messages.WARNING
        self.message_user(request, text, level)


def _mover(engine: str) -> Action:
    def move(model_admin: Actions, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        model_admin.move(request, queryset, engine)

    return move


def _plain(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """The same jobs without the list's columns, which an update could not have."""
    return Job.objects.filter(pk__in=jobs.order_by().values("pk"))


def _changed(count: int) -> str:
    text = ngettext("%(n)d waiting job was changed.", "%(n)d waiting jobs were changed.", count)
    return text % {"n": count}
