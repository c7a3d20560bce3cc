"""The words that a page shows: its texts, and the attributes that people read."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from .unmarked import AS_IT_IS, READ, VOID


def words_of(page: str) -> Iterator[str]:
    """Each text and each attribute that is read, with blanks made one."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    yield from reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append(tag)
        given = dict(attributes)
        if tag == "meta":
            return
        for name, value in attributes:
            is_read = name in READ or name.startswith(("data-label", "data-text", "data-title"))
            is_button = tag == "input" and name == "value" and given.get("type") == "submit"
            if value and (is_read or is_button):
                self.found.append(" ".join(value.split()))

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not AS_IT_IS.intersection(self._open):
            self.found.append(" ".join(data.split()))
