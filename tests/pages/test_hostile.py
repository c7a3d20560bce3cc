"""Whatever texts people, stores and runs give: no page executes them, and no policy is broken.

Every page of the URL configuration is opened, on rows of every model.
"""

from __future__ import annotations

import pytest

from hubsite.health import parts
from jobs.discovery import asking
from tests.many.hostile import EVALUATED, MARK, make_hostile
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
    faults, seen = [], []
    for visit in all_visits(world):
        if visit.is_api:
            continue
        shown = visitors.ask(visit)
        if shown.status_code == 500:
            faults.append(f"{visit.name}: answered 500")
        if EVALUATED in shown.shown:
            faults.append(f"{visit.name}: it evaluates a text as a template")
        if not shown.get("Content-Type", "").startswith("text/html") or MARK not in shown.shown:
            continue  # it shows none of the texts
        seen.append(visit.name)
        pages[visit.caller].goto(visit.path, wait_until="domcontentloaded")
        faults += [f"{visit.name}: {it}" for it in (*pages[visit.caller].evaluate(_FOUND), *said)]
        said.clear()
    for page in pages.values():
        page.context.close()
    assert not faults, "\n".join(["", *faults])
    assert len(seen) > 60, seen
