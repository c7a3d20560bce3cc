"""What units are spent on: each app registers its own in `AppConfig.ready`.

    purposes.register(Purpose("cubes", _("Cube generation"), is_job_id, IS_JOB, describe_jobs))

Ledger entries carry a reference. So this room can name the cube or the service behind an entry,
and knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q


@dataclass(frozen=True)
class Subject:
    """What an entry is about: its name, and the path of its page ("": it has none any more)."""

    name: str
    path: str = ""


@dataclass(frozen=True)
class Purpose:
    """`is_mine` tells by the form of a reference whether it is of this kind, `condition` the same
    in a query. `describe` gets the user and references of this kind; it makes one query."""

    name: str
    title: Any
    is_mine: Callable[[str], bool]
    condition: Q
    describe: Callable[[Any, Collection[str]], Mapping[str, Subject]]


_purposes: dict[str, Purpose] = {}


def register(purpose: Purpose) -> None:
    _purposes[purpose.name] = purpose


def registered() -> tuple[Purpose, ...]:
    return tuple(_purposes.values())


def described(user: Any, references: Collection[str]) -> dict[str, tuple[Purpose, Subject | None]]:
    """By reference: its purpose, and its subject if that is still there. A query for each kind."""
    found: dict[str, tuple[Purpose, Subject | None]] = {}
    for purpose in _purposes.values():
        mine = [one for one in references if one and one not in found and purpose.is_mine(one)]
        said = purpose.describe(user, mine) if mine else {}
        found |= {one: (purpose, said.get(one)) for one in mine}
    return found
