"""A shared cool-down: a system that did not answer is left alone for a while.

It is stored in the database, because otherwise every process would try on its own: each
submission, in each worker, would be one more call to a system that is down.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat, Now

from .clock import is_over, lies_ahead
from .lock import Lock


@dataclass(frozen=True)
class CoolDown:
    """The cool-down of one kind of work; each target (an engine, a host) has its own.

    LAUNCHING = CoolDown("launching", seconds=4)
    if not LAUNCHING.is_on("local"):
        try:
            launch()
        except EngineUnavailable:
            LAUNCHING.start("local")
    """

    work: str
    seconds: float
    """How long it lasts at most. A stored end further ahead than that counts as over."""

    def start(self, target: str, *, seconds: float | None = None) -> None:
        """Do not call the target for `seconds`, if given, else for the whole cool-down."""
        length = self.seconds if seconds is None else min(seconds, self.seconds)
        Lock.objects.update_or_create(
            name=self.name_of(target), defaults={"expires_at": Now() + timedelta(seconds=length)}
        )

    @contextmanager
    def attempt(self, target: str) -> Iterator[bool]:
        """Claim the target for one attempt. False during its cool-down or another's attempt.

        The cool-down begins at once, and ends early only if the block succeeds. So it also works
        if the process is killed. The block must take less time than the cool-down.
        """
        name = self.name_of(target)
        Lock.objects.get_or_create(name=name)
        length = timedelta(seconds=self.seconds)
        free = Lock.objects.filter(is_over("expires_at", longest=length), name=name)
        if not free.update(expires_at=Now() + length):
            yield False
            return
        yield True
        self.end(target)

    def end(self, target: str) -> None:
        """End the cool-down, because the target answers again."""
        Lock.objects.filter(self._lasts, name=self.name_of(target)).update(expires_at=Now())

    def is_on(self, target: str) -> bool:
        return Lock.objects.filter(self._lasts, name=self.name_of(target)).exists()

    def is_on_for(self, column: str) -> Exists:
        """For a query: whether there is a cool-down of the target that a row names in `column`."""
        name = Concat(Value(self.name_of("")), OuterRef(column))
        return Exists(Lock.objects.filter(self._lasts, name=name))

    def is_on_under(self, name: str) -> Exists:
        """For a query that is compiled once: whether the cool-down of this `name_of` is on."""
        return Exists(Lock.objects.filter(self._lasts, name=name))

    @property
    def _lasts(self):
        return lies_ahead("expires_at", longest=timedelta(seconds=self.seconds))

    def name_of(self, target: str) -> str:
        """The name of the target's row in the database."""
        return f"cool-down-{self.work}-{target}"
