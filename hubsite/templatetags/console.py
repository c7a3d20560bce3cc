"""Template tags of the console's pages: slots, times, sizes, durations."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from hubsite.configuration.site import hub
from hubsite.console import admin_index, quantities, slots
from hubsite.console import saved_filters as filters
from hubsite.console.changes import cursor_of
from hubsite.refusals import Refused
from hubsite.translations import sentences

register = template.Library()


@register.simple_tag(takes_context=True)
def slot(context: Any, name: str, **arguments: Any) -> SafeString:
    """What other apps put here."""
    return slots.content(name, context["request"], **arguments)


@register.filter
def by_subject(app_list: Any) -> list[admin_index.Section]:
    """Django's `app_list` in the sections of the admin's first page."""
    return admin_index.sections(app_list)


@register.simple_tag(takes_context=True)
def live_cursor(context: Any, of: str = "") -> str:
    """The cursor of what this page shows, for `data-cursor`; `of` is also its `data-of`."""
    return cursor_of(context["request"].user, of)


@register.inclusion_tag("console/saved_filters.html", takes_context=True)
def saved_filters(context: Any, page: str) -> dict[str, Any]:
    """The saved filters of this list as links, and the forms that save and change them."""
    request = context["request"]
    registered = filters.page_named(page)
    try:
        query = filters.checked_query(request.GET.urlencode())
    except Refused:
        query = ""  # too long to be kept
    found = filters.filters_of(request.user, page)
    may_share = registered.may_share(request.user)
    mine = [one for one in found if one.owner_id == request.user.pk]
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "user": request.user,
        "filters": found,
        "changeable": found if may_share else mine,
        "query": query,
        "current": next((one for one in found if one.query == query), None),
        "may_share": may_share,
        "has_widgets": registered.has_widgets,
        "most": filters.MOST_NAME_CHARACTERS,
        "action_url": reverse("saved-filters", args=[page]),
    }


@register.simple_tag
def contact() -> SafeString | str:
    """Whom users ask: a link to what `XCUBE_HUB_CONTACT` says, or words if it says nothing."""
    if not hub.contact:
        return _("the operators of this hub")
    is_page = hub.contact.startswith("https://")
    href = hub.contact if is_page else f"mailto:{hub.contact}"
    shown = hub.contact.removeprefix("https://") if is_page else hub.contact
    return format_html('<a href="{}">{}</a>', href, shown)


@register.filter
def translated(text: Any) -> str:
    """A sentence of the code, such as a refusal or an event, in the reader's language."""
    return sentences.translated(text) if text is not None else ""


_UTC_TIME = re.compile(r"(\d{4}-\d\d-\d\d|\d\d\.\d\d\.\d{4}) (\d\d:\d\d)(?::\d\d)? UTC")
"""A time in a sentence, as `translated` writes it in English or German."""


@register.filter
def told(text: Any, most: int = 1000) -> SafeString:
    """A sentence as `translated` shows it, at most so long, its times in the viewer's zone."""
    said = Truncator(translated(text)).chars(most)
    parts, at = [], 0
    for found in _UTC_TIME.finditer(said):
        day_, time = found[1], found[2]
        iso = day_ if "-" in day_ else "-".join(reversed(day_.split(".")))
        parts.append((said[at : found.start()], f"{iso}T{time}:00Z", found[0]))
        at = found.end()
    shown = format_html_join("", '{}<time datetime="{}">{}</time>', parts)
    return format_html("{}{}", shown, said[at:])


@register.filter
def code(text: str) -> SafeString:
    """Show what stands between backquotes, such as a command, as `<code>`."""
    parts = str(text).split("`")
    return format_html_join(
        "",
        "{}{}{}",
        (
            (mark_safe("<code>"), part, mark_safe("</code>")) if number % 2 else ("", part, "")
            for number, part in enumerate(parts)
        ),
    )


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """A time in UTC; a script of the page shows it in the viewer's own zone."""
    return "" if at is None else quantities.moment(at)


@register.filter
def day(of: date | None) -> SafeString | str:
    """A day without a time."""
    return "" if of is None else quantities.day(of)


@register.filter
def duration(value: timedelta | float | None) -> str:
    """Seconds, or a difference of times, as `42 s`, `5 min` or `2 h 5 min`."""
    return "" if value is None else quantities.duration(value)


@register.filter
def size(count: int | None) -> str:
    """Bytes as `4 GB`, `1.5 MB`."""
    return "" if count is None else quantities.size(count)


@register.filter
def number(value: float | None) -> str:
    """A number with the marks of the reader's language, as `12,345`."""
    return "" if value is None else quantities.number(value)


@register.filter
def decimal(value: float | None) -> str:
    """A measure such as `0.0125`, with the decimal mark of the reader's language."""
    return "" if value is None else quantities.decimal(value)


@register.filter
def day_words(text: str | None) -> str:
    """The day of an ISO text, such as a data set's first time, as the reader writes it."""
    return "" if not text else quantities.day_words(str(text))
