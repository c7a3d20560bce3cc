"""A page of a listing, all of it or what a search finds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from . import listing
from .listing import Listing
from .stores import View

TRIES = 3


@dataclass(frozen=True)
class Page:
    """`entries` are [data id, data type]; `total` is the number of all that were looked for."""

    listing: Listing
    entries: list[list[str]]
    total: int


def etag(found: Listing, *question: object) -> str:
    """Changes with the listing's content, its state and the question."""
    text = repr((found.row.pk, found.row.digest, found.is_stale, *question))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def page(
    view: View, found: Listing, *, offset: int, limit: int, search: str = "", data_type: str = ""
) -> Page:
    """A page of the listing; of the newer listing if this one is replaced meanwhile."""
    for _ in range(TRIES):
        row = found.row
        try:
            if not search and not data_type:
                return Page(found, listing.entries(row, offset, limit), row.total)
            matches = list(listing.matching(row, search=search, data_type=data_type))
            return Page(found, matches[offset : offset + limit], len(matches))
        except listing.Replaced:
            found = listing.get(view)
    raise listing.unavailable(view)
