"""Reads what people see of HTML: its texts, and the attributes that are read."""

from __future__ import annotations

from html.parser import HTMLParser

READ = frozenset(
    {"alt", "aria-label", "aria-description", "content", "hx-confirm", "label", "placeholder"}
    | {"title"}
)
"""Attributes that people read, besides those that begin with one of `PageReader.DATA`."""
AS_IT_IS = frozenset({"code", "pre", "script", "style", "kbd", "samp"})
"""What stands in these is for programs, or of programs."""
VOID = frozenset({"meta", "link", "input", "img", "br", "hr", "wbr", "col", "source"})


class PageReader(HTMLParser):
    """Collects in `found` what `text` and `attribute` add to it; blanks in texts are made one."""

    DATA: tuple[str, ...] = ("data-label", "data-text", "data-title")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []

    def text(self, text: str) -> None:
        self.found.append(text)

    def attribute(self, name: str, value: str) -> None:
        self.found.append(" ".join(value.split()))

    def reads_meta(self, given: dict[str, str | None]) -> bool:
        return False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append(tag)
        given = dict(attributes)
        if tag == "meta" and not self.reads_meta(given):
            return
        for name, value in attributes:
            is_button = tag == "input" and name == "value" and given.get("type") == "submit"
            if value and (name in READ or name.startswith(self.DATA) or is_button):
                self.attribute(name, value)

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not AS_IT_IS.intersection(self._open):
            self.text(" ".join(data.split()))
