"""What units are spent on: each app registers its own in `AppConfig.ready`.

    purposes.register(Purpose("cubes", _("Cube generation"), is_job_id, describe_jobs))

Ledger entries carry a reference. So this room can name the cube or the service behind an entry,
and knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Subject:
    """What an entry is about: its name, and the path of its page ("": it has none any more)."""

    name: str
    path: str = ""


def _nothing(reference: str, units: int) -> None:
    """Most apps keep no sums of their own."""


@dataclass(frozen=True)
class Purpose:
    """`is_mine` tells by the form of a reference, which is not empty, whether it is of this kind.

    `describe` gets the user and references of this kind; it makes one query. `note_charge` gets a
    reference and what it was charged (negative: given back), in the transaction of the movement.
    """

    name: str
    title: Any
    is_mine: Callable[[str], bool]
    describe: Callable[[Any, Collection[str]], Mapping[str, Subject]]
    note_charge: Callable[[str, int], None] = _nothing


_purposes: dict[str, Purpose] = {}


def register(purpose: Purpose) -> None:
    _purposes[purpose.name] = purpose


def registered() -> tuple[Purpose, ...]:
    return tuple(_purposes.values())


def purpose_of(reference: str) -> Purpose | None:
    """What units of this reference are spent on; None if no app says so."""
    return next((it for it in _purposes.values() if reference and it.is_mine(reference)), None)


def note_charge(reference: str, units: int) -> None:
    """Tell the app that owns the reference how many units were charged (negative: given back)."""
    purpose = purpose_of(reference)
    if purpose is not None:
        purpose.note_charge(reference, units)


def described(user: Any, references: Collection[str]) -> dict[str, tuple[Purpose, Subject | None]]:
    """By reference: its purpose, and its subject if that is still there. A query for each kind."""
    found: dict[str, tuple[Purpose, Subject | None]] = {}
    for purpose in _purposes.values():
        mine = [one for one in references if one and one not in found and purpose.is_mine(one)]
        said = purpose.describe(user, mine) if mine else {}
        found |= {one: (purpose, said.get(one)) for one in mine}
    return found
