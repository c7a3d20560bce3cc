"""Whatever texts people, stores and runs give: no page executes them, and no policy is broken.

Every page of the URL configuration is opened, on rows of every model.
"""

from __future__ import annotations

import pytest

from hubsite.health import parts
from jobs.discovery import asking
from tests.many.hostile import EVALUATED, make_hostile
from tests.many.visits import Visitors, all_visits
from tests.many.world import make_full_world, stores

from .looks import Looks

_FOUND = """
() => [
  ...(window.executed ? ["it executes a text"] : []),
  ...window.brokenPolicies.map((it) => `forbidden: ${it}`),
  ...[...document.querySelectorAll("a[href], form[action], iframe[src]")]
    .filter((it) => /^\\s*javascript:/i.test(it.href ?? it.action ?? it.src))
    .map((it) => `it leads to ${it.outerHTML.slice(0, 200)}`),
]
"""


def test_no_page_executes_what_it_shows(looks: Looks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "_call", stores())
    world = make_full_world()
    make_hostile()
    parts.look()
    visitors = Visitors(world)
    pages = {name: looks.sign_in(visitors.session_of(name)).new_page() for name in visitors.names}
    said: list[str] = []
    for page in pages.values():
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: said.append(str(error)))
    faults, seen = [], 0
    for visit in all_visits(world):
        if visit.is_api or visit.name.endswith("/<object_id>/"):
            continue  # which leads to the form only
        page = pages[visit.caller]
        answer = page.goto(visit.path, wait_until="domcontentloaded")
        found = [*page.evaluate(_FOUND), *said]
        said.clear()
        if answer.status >= 500 and answer.status != 503:
            found.append(f"answered {answer.status}")
        if EVALUATED in answer.text():
            found.append("it evaluates a text as a template")
        faults += [f"{visit.name}: {it}" for it in found]
        seen += answer.status == 200
    for page in pages.values():
        page.context.close()
    assert not faults, "\n".join(["", *faults])
    assert seen > 100
