"""Whatever texts people, stores and runs give: no page executes them, and no policy is broken.

Every page of the URL configuration is made, on rows of every model, and read by a browser's own
parser. Of each kind, which is what scripts of ours a page loads and what it hands over to them,
one page is opened too.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from hubsite.health import parts
from jobs.discovery import asking
from tests.many.hostile import EVALUATED, EXECUTES, MARK, TEXTS, make_hostile
from tests.many.visits import Visitors, all_visits
from tests.many.world import make_full_world, stores

from .looks import Looks

_READ = """
([text, mark]) => {
  const faults = [], kind = new Set();
  const say = (what, it) => faults.push(`${what}: ${it.outerHTML.slice(0, 200)}`);
  const look = (it) => {
    const name = it.localName;
    if (name === "template") it.content.querySelectorAll("*").forEach(look);
    if (name === "script") {
      const from = it.getAttribute("src");
      if (from === null && !/json$/.test(it.type) && it.text.includes(mark)) say("a script", it);
      if (from && !/^\\/(static\\/admin|admin\\/jsi18n)\\//.test(from)) kind.add(from);
    }
    for (const { name: attribute, value } of it.attributes) {
      if (/^(on|(data-)?hx-on)/.test(attribute) && value.includes(mark)) say("it listens", it);
      if (/^(srcdoc|style)$/.test(attribute) && value.includes(mark)) say(attribute, it);
      if (/^(href|src|action|formaction|xlink:href|data|(data-)?hx-.*)$/.test(attribute)
          && /^(javascript|js|data):/i.test(value.replace(/[\\x00-\\x20]/g, "")))
        say("it leads to a script", it);
      if (attribute.startsWith("data-")) kind.add(attribute);
    }
  };
  new DOMParser().parseFromString(text, "text/html").querySelectorAll("*").forEach(look);
  return [faults, [...kind].sort().join(" ")];
}
"""
_EXECUTED = """
() => [
  ...(window.executed ? ["it executes a text"] : []),
  ...window.brokenPolicies.map((it) => `forbidden: ${it}`),
]
"""
_BAD = (
    *(text for text in TEXTS if text.endswith(">") and EXECUTES in text),
    f"<a href=' java\nscript:{EXECUTES}'>",
    f"<template><img onerror={EXECUTES}></template>",
    f"<p hx-on:click={EXECUTES}>",
)


def read(page: Page, text: str) -> tuple[list[str], str]:
    """What executes in this page as it comes, and its kind."""
    return page.evaluate(_READ, [text, MARK])


def test_no_page_executes_what_it_shows(looks: Looks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "_call", stores())
    world = make_full_world()
    make_hostile()
    parts.look()
    visitors = Visitors(world)
    pages: dict[str, Page] = {}
    said: list[str] = []

    def page_of(caller: str) -> Page:
        if caller not in pages:
            page = pages[caller] = looks.sign_in(visitors.session_of(caller)).new_page()
            page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
            page.on("pageerror", lambda error: said.append(str(error)))
        return pages[caller]

    assert all(read(page_of("owner"), text)[0] for text in _BAD)
    faults, seen, kinds = [], [], set()
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
        found, kind = read(pages["owner"], shown.shown)
        if kind not in kinds:
            kinds.add(kind)
            page = page_of(visit.caller)
            page.goto(visit.path, wait_until="load")
            found += [*page.evaluate(_EXECUTED), *said]
            said.clear()
        faults += [f"{visit.name}: {it}" for it in found]
    for page in pages.values():
        page.context.close()
    assert not faults, "\n".join(["", *faults])
    assert len(seen) > 60 and len(kinds) > 10, (seen, kinds)
