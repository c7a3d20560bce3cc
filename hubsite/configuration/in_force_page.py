"""The admin's page "Settings in force"."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from hubsite.console import admin_pages

from .in_force import settings_in_force

MOST_CHARACTERS = 100


def settings_page(request: HttpRequest) -> HttpResponse:
    """All settings; `?only=given` those that an operator set, `?q=` those with this text."""
    only_given = request.GET.get("only") == "given"
    text = request.GET.get("q", "").strip()[:MOST_CHARACTERS]
    rows = [
        row
        for row in settings_in_force()
        if (row.is_given or not only_given)
        and text.casefold() in f"{row.name} {row.meaning}".casefold()
    ]
    sections = dict.fromkeys(row.section for row in rows)
    context = {
        "sections": [(name, [row for row in rows if row.section == name]) for name in sections],
        "q": text,
        "only_given": only_given,
    }
    return admin_pages.show(request, "settings", "admin/hub/settings.html", context)
