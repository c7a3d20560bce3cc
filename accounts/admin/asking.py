"""Actions of a list that cannot be undone: a page asks once before they act."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin.utils import model_ngettext
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

SURE = "sure"
"""The field of the page's button; whoever sends it at once is not asked."""
MOST_NAMED, MOST_COUNTED = 10, 10_000
_NOT_REPEATED = frozenset({"csrfmiddlewaretoken", SURE})

Action = Callable[[Any, HttpRequest, QuerySet], Any]


def asks_first(question: str) -> Callable[[Action], Action]:
    """Let an action of a list ask `question` first; needs no script.

    @admin.action(description=_("Cancel"), permissions=["operate"])
    @asks_first(_("The jobs end and cannot go on later."))
    def cancel(self, request, queryset): ...
    """

    def asking(act: Action) -> Action:
        @wraps(act)
        def ask_or_act(page: Any, request: HttpRequest, rows: QuerySet) -> Any:
            is_of_list = "action" in request.POST  # the page of one row asks by itself
            if is_of_list and SURE not in request.POST:
                return _ask(page, request, rows, ask_or_act.short_description, question)
            return act(page, request, rows)

        return ask_or_act

    return asking


def _ask(
    page: Any, request: HttpRequest, rows: QuerySet, title: str, question: str
) -> TemplateResponse:
    """The page that names the chosen rows and sends the same form once more."""
    count = rows.order_by()[: MOST_COUNTED + 1].count()
    sent = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in _NOT_REPEATED
        for value in values
    ]
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "question": question,
        "opts": page.opts,
        "count": min(count, MOST_COUNTED),
        "is_more": count > MOST_COUNTED,
        "what": model_ngettext(page.opts, count),
        "rows": rows[:MOST_NAMED],
        "others": min(count, MOST_COUNTED) - MOST_NAMED,
        "sent": sent,
    }
    return TemplateResponse(request, "admin/hub/ask.html", context)
