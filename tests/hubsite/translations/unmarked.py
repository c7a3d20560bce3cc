"""Finds text in page templates that is not marked for translation.

What stands between `{% translate %}` and the like is marked; variables and other tags show no
text of their own. Of the HTML that is left, what people read may hold no letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.template.base import Lexer, TokenType

from .reading import PageReader

NAMES = re.compile(
    r"xcube-hub|xcube|Python|curl|JSON|STAC|CSV|API|OpenAPI|UTC|Zarr|geoDB|WMS|GeoServer|Cate|\b(id|px|h|s)\b"
)
"""Names that are the same in each language."""


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


class _Page(PageReader):
    DATA = (*PageReader.DATA, "data-copied")

    def text(self, text: str) -> None:
        if _has_words(text):
            super().text(text)

    def attribute(self, name: str, value: str) -> None:
        if _has_words(value):
            self.found.append(f"{name}={value!r}")

    def reads_meta(self, given: dict[str, str | None]) -> bool:
        return given.get("name") == "description"


def _has_words(text: str) -> bool:
    """Capitals alone are codes, such as SHA-256."""
    return any(letter.islower() for letter in NAMES.sub("", text))
