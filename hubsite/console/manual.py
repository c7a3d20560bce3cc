"""The documentation, served by the hub itself from `docs/`, with the hub's own address in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from hubsite.configuration.reading import BASE_DIR
from hubsite.configuration.site import hub

FOLDER = BASE_DIR / "docs"
EXAMPLE_URL = "https://hub.example.org"

PAGES = {
    "users": "For users",
    "api": "The HTTP API",
    "operators": "For operators",
    "configuration": "Settings",
    "kubernetes": "In Kubernetes",
    "migration": "From the old service",
}
"""The pages that are served, in the order of their list, with their short titles."""


@dataclass(frozen=True)
class Manual:
    """A page: its HTML, and its sections as (anchor, title)."""

    title: str
    html: str
    sections: tuple[tuple[str, str], ...]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return redirect("docs-page", name="users")


@require_safe
def docs_page(request: HttpRequest, name: str) -> HttpResponse:
    """One page of the documentation."""
    path = FOLDER / f"{name}.md"
    if name not in PAGES or not path.is_file():
        raise Http404("There is no such page of the documentation.")
    manual = _read(path, path.stat().st_mtime_ns, hub.public_url, reverse("docs"))
    links = [(key, title, key == name) for key, title in PAGES.items()]
    return render(request, "docs.html", {"manual": manual, "links": links})


@lru_cache(maxsize=2 * len(PAGES))
def _read(path: Path, mtime_ns: int, public_url: str, base: str) -> Manual:
    """The page as HTML. `mtime_ns` is there so that a changed file is read again."""
    text = path.read_text(encoding="utf-8").replace(EXAMPLE_URL, public_url)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    sections = []
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            title = _text_of(tokens[number + 1])
            token.attrSet("id", anchor(title))
            if token.tag == "h2":
                sections.append((anchor(title), title))
        elif token.type == "table_open":
            token.attrJoin("class", "scrolls")
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _target(str(child.attrGet("href") or ""), base))
    html = markdown.renderer.render(tokens, markdown.options, {})
    html = html.replace("<pre>", '<pre tabindex="0">')
    html = html.replace('<table class="scrolls">', '<div class="scrolls" tabindex="0"><table>')
    html = html.replace("</table>", "</table></div>")
    first = next((_text_of(tokens[n + 1]) for n, it in enumerate(tokens) if it.tag == "h1"), "")
    return Manual(first, mark_safe(html), tuple(sections))  # noqa: S308 - html is off


def anchor(title: str) -> str:
    """The id of a heading, as the links in `docs/` write it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _text_of(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _target(href: str, base: str) -> str:
    """Where a link of the documentation leads in the hub."""
    name, _, section = href.partition("#")
    if name.endswith(".md") and name[:-3] in PAGES:
        return f"{base}{name[:-3]}/" + (f"#{section}" if section else "")
    return href
