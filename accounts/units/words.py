"""Entries of the ledger in plain words: what, how many with their sign, why, and by whom."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from hubsite.console import quantities

from ..models import LedgerEntry, User
from . import purposes
from .statement import references_of

Kind = LedgerEntry.Kind

_NAMED = {
    Kind.RESERVE: gettext_noop("Set aside for %(name)s"),
    Kind.SETTLE: gettext_noop("Spent on %(name)s"),
    Kind.RELEASE: gettext_noop("Set aside no longer: %(name)s"),
    Kind.REFUND: gettext_noop("Given back for %(name)s"),
}
_BARE = {
    Kind.GRANT: gettext_noop("Granted"),
    Kind.OVERRIDE: gettext_noop("Set by the operators"),
    Kind.RESERVE: gettext_noop("Set aside"),
    Kind.SETTLE: gettext_noop("Spent"),
    Kind.RELEASE: gettext_noop("Set aside no longer"),
    Kind.REFUND: gettext_noop("Given back"),
    Kind.CORRECT: gettext_noop("Corrected by the operators"),
    Kind.EXPIRE: gettext_noop("Expired"),
}


@dataclass(frozen=True)
class Movement:
    """An entry for people. `path` is the page of what it was for, "" if there is none."""

    entry: LedgerEntry
    what: str
    path: str
    why: str

    @property
    def change(self) -> str:
        """By how much the units in all changed, with a sign; "" if they did not."""
        return signed(self.entry.delta_total) if self.entry.delta_total else ""

    @property
    def aside(self) -> str:
        """By how much the units that are set aside changed."""
        return signed(self.entry.delta_reserved) if self.entry.delta_reserved else ""

    @property
    def is_gain(self) -> bool:
        return self.entry.delta_total > 0


def word_of(entry: LedgerEntry) -> str:
    """What an entry is, without what it was for; costs no query."""
    return _(_BARE[Kind(entry.kind)])


def in_words(user: User, entries: Collection[LedgerEntry]) -> list[Movement]:
    """The entries as lists show them. A query for each kind of what they were for."""
    known = purposes.described(user, references_of(entries))
    return [_movement(entry, known.get(entry.reference)) for entry in entries]


def signed(number: int) -> str:
    """`+5`, `−5` with a real minus, `0`."""
    shown = quantities.number(abs(number))
    return f"+{shown}" if number > 0 else f"\N{MINUS SIGN}{shown}" if number < 0 else "0"


def _movement(entry: LedgerEntry, known: tuple[purposes.Purpose, Any] | None) -> Movement:
    kind = Kind(entry.kind)
    purpose, subject = known or (None, None)
    if subject is not None and kind in _NAMED:
        what = _(_NAMED[kind]) % {"name": subject.name}
        return Movement(entry, what, subject.path, entry.reason or _why(entry, kind))
    what = _(_BARE[kind])
    if purpose is not None and kind in _NAMED:
        what = f"{what}: {purpose.title}"
    return Movement(entry, what, "", entry.reason or _why(entry, kind))


def _why(entry: LedgerEntry, kind: Kind) -> str:
    if kind == Kind.SETTLE and entry.units > -entry.delta_total:
        return _("%(units)s of those that were set aside were not needed.") % {
            "units": quantities.number(entry.units + entry.delta_total)
        }
    return ""
