"""Slots: places in one app's pages that apps above it may fill.

The page of a job says `{% slot "job-actions" job=job %}`. The app of services, which jobs do not
know, registers in `AppConfig.ready` what it puts there:

    slots.fill("job-actions", "services/open_in_viewer.html", viewer_context)

The function gets the request and the slot's arguments, and returns the template's context, or None
to show nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

Context = Callable[..., dict[str, Any] | None]

_fillings: dict[str, dict[str, tuple[int, Context]]] = defaultdict(dict)


def fill(slot: str, template: str, context: Context, *, position: int = 0) -> None:
    """Show `template` in each place called `slot`, after those of a lower position."""
    _fillings[slot][template] = position, context


def content(slot: str, request: HttpRequest, **arguments: Any) -> SafeString:
    """The HTML of all that fills the slot, by position, then in the order of registration."""
    shown = []
    ordered = sorted(_fillings[slot].items(), key=lambda filling: filling[1][0])
    for template, (_, context) in ordered:
        if (values := context(request, **arguments)) is not None:
            shown.append(render_to_string(template, {**arguments, **values}, request=request))
    return mark_safe("".join(shown))  # noqa: S308 - rendered by templates, which escape
