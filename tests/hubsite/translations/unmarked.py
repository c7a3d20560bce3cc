"""Finds text in page templates that is not marked for translation.

What stands between `{% translate %}` and the like is marked; variables and other tags show no
text of their own. Of the HTML that is left, what people read may hold no letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, TokenType

READ = frozenset(
    {"alt", "aria-label", "aria-description", "content", "hx-confirm", "label", "placeholder"}
    | {"title"}
)
"""Attributes that people read, besides those that begin with `data-label` and `data-text`."""
AS_IT_IS = frozenset({"code", "pre", "script", "style", "kbd", "samp"})
"""What stands in these is for programs, or of programs."""
NAMES = re.compile(
    r"xcube-hub|xcube|Python|curl|JSON|STAC|CSV|API|OpenAPI|UTC|Zarr|geoDB|WMS|GeoServer|Cate|\b(id|px|h|s)\b"
)
"""Names that are the same in each language."""
VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "wbr", "col", "source"})


def unmarked(path: Path) -> Iterator[str]:
    """Each text of a template that would be shown in English to everybody."""
    page = _Page()
    page.feed(_without_tags(path.read_text("utf-8")))
    page.close()
    yield from page.found


def _without_tags(source: str) -> str:
    """The template's own HTML. Comments go too."""
    shown, inside = [], ""
    for token in Lexer(source).tokenize():
        name = token.contents.split(None, 1)[0] if token.contents.strip() else ""
        if token.token_type == TokenType.BLOCK and inside:
            inside = "" if name == f"end{inside}" else inside
        elif token.token_type == TokenType.BLOCK and name in ("blocktranslate", "comment"):
            inside = name
        elif token.token_type == TokenType.TEXT and not inside:
            shown.append(token.contents)
    return "".join(shown)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append(tag)
        given = dict(attributes)
        if tag == "meta" and given.get("name") != "description":
            return
        for name, value in attributes:
            is_read = name in READ or name.startswith(
                ("data-label", "data-text", "data-title", "data-copied")
            )
            if tag == "input" and name == "value" and given.get("type") == "submit":
                is_read = True
            if is_read and _has_words(value or ""):
                self.found.append(f"{name}={value!r}")

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not AS_IT_IS.intersection(self._open) and _has_words(data):
            self.found.append(" ".join(data.split()))


def _has_words(text: str) -> bool:
    """Capitals alone are codes, such as SHA-256."""
    return any(letter.islower() for letter in NAMES.sub("", text))
