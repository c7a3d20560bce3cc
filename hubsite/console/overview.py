"""The page "Overview": what is going on for a person, and what to do next.

Each app registers its panel in `AppConfig.ready`:

    overview.register(Panel("cubes", "jobs/overview.html", cubes_panel, position=10))

    def cubes_panel(request) -> Shown | None:
        jobs = ...
        return Shown({"jobs": jobs}, steps=[Step("Make your first cube", url=reverse("new-cube"))])

Steps are gathered from all panels, so that one short list says what to do next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

MOST_STEPS = 4


@dataclass(frozen=True)
class Step:
    """Something to do next. `weight`: the lightest come first."""

    title: str
    url: str
    text: str = ""
    weight: int = 50


@dataclass(frozen=True)
class Shown:
    """What a panel shows: the context of its template, and its steps."""

    context: dict[str, Any]
    steps: Sequence[Step] = field(default_factory=tuple)
    is_empty: bool = False
    """There is nothing to show, but the steps count."""


@dataclass(frozen=True)
class Panel:
    """A part of the page. `is_aside`: it is small, and stands beside the others."""

    name: str
    template: str
    look: Callable[[HttpRequest], Shown | None]
    position: int
    is_aside: bool = False


_panels: dict[str, Panel] = {}


def register(panel: Panel) -> None:
    _panels[panel.name] = panel


@never_cache
@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The page. It loads itself again when something of the person's has changed."""
    looked = [
        (panel, shown)
        for panel in sorted(_panels.values(), key=lambda panel: panel.position)
        if (shown := panel.look(request)) is not None
    ]
    parts = [
        {"name": panel.name, "template": panel.template, "shown": shown.context, "panel": panel}
        for panel, shown in looked
        if not shown.is_empty
    ]
    steps = sorted((step for _, shown in looked for step in shown.steps), key=_weight)
    return render(
        request,
        "overview.html",
        {
            "main": [part for part in parts if not part["panel"].is_aside],
            "aside": [part for part in parts if part["panel"].is_aside],
            "steps": steps[:MOST_STEPS],
        },
    )


def _weight(step: Step) -> int:
    return step.weight
