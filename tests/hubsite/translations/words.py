"""The words that a page shows: its texts, and the attributes that people read."""

from __future__ import annotations

from .reading import PageReader


def words_of(page: str) -> list[str]:
    """Each text and each attribute that is read, with blanks made one."""
    reader = PageReader()
    reader.feed(page)
    reader.close()
    return reader.found
