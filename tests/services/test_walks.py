"""Whatever happens to services in whatever order: the ledger is exact, and nothing is left.

A random walk drives real rows, ledger, ticks and the follower's book; a model that knows only the
states which the owner sees, and the clock, says what each service must cost.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.units import ledger
from hubsite.engines.facts import Phase
from hubsite.engines.outcomes import Applied, Outcome, Removal
from hubsite.refusals import Refused
from services import lifecycle, tasks
from services.models import FINAL_STATES, Reason, ServiceInstance, State
from services.running import idle, removal, starting
from tests.accounts.factories import make_user
from tests.clock import Clock

from .conftest import World

pytestmark = pytest.mark.django_db

SEEDS = range(int(os.environ.get("WALKS", "12")))
STEPS = 40
PRICE = 90  # units an hour: 1.5 for each minute
RICH, POOR = 100_000, 40


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still unless the walk moves it, so that each second is exact."""
    made = Clock(timezone.now(), tick=timedelta())
    monkeypatch.setattr(timezone, "now", made)
    return made


class Model:
    """What services must cost: each of their times READY, in started minutes."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}
        self.minutes: Counter[int] = Counter()

    def see(self, pk: int, state: str, now_s: float) -> None:
        if state == State.READY:
            self._since.setdefault(pk, now_s)
        elif pk in self._since:
            self.minutes[pk] += max(1, math.ceil((now_s - self._since.pop(pk)) / 60))

    @staticmethod
    def units(minutes: int) -> int:
        return math.ceil(minutes * PRICE / 60)


class Walk:
    """One order of things, given by its seed."""

    def __init__(self, seed: int, world: World) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.world, self.engine = world, world.engine
        self.units = POOR if seed % 3 == 0 else RICH
        self.world.user = make_user(units=self.units, permissions=["manage:cubegens"])
        self.world.price = PRICE
        self.model = Model()
        self.trace: list[str] = []
        self.seen: dict[int, ServiceInstance] = {}
        """Rows as they were read at some earlier moment; a slow process works with such."""

    def go(self) -> None:
        # In some walks no tick comes, in some the follower never looks.
        absent = self.random.choice(["worker", "follower", "owner", "nobody", "nobody"])
        for _ in range(STEPS):
            steps = [step for step in self.possible() if not step[0].startswith(absent)]
            name, step = self.random.choice(steps)
            self.do(name, step)
        self.settle()

    def do(self, name: str, step: Callable[[], object]) -> None:
        self.trace.append(name)
        with contextlib.suppress(Refused):
            step()
        self.see()

    def see(self) -> None:
        for pk, state in ServiceInstance.objects.filter(owner=self.world.user).values_list(
            "pk", "state"
        ):
            self.model.see(pk, state, self.world.clock().timestamp())

    def possible(self) -> Iterator[tuple[str, Callable[[], object]]]:
        rows = list(self.rows())
        if len(rows) < 4:
            yield "start", self.world.start
        slot = self.random.choice(["", "main"])
        if slot and len(rows) < 5:
            configuration = {"Datasets": [], "n": self.random.random()}
            yield "reconfigure", lambda: self.world.start(slot=slot, configuration=configuration)
        yield "worker starts", tasks.start_due
        yield "worker sweeps", tasks.sweep
        yield "worker removes", self.world.remove
        if not self.engine.is_away:
            yield "follower looks", self.world.look
            for _ in range(4):
                yield "all go on", self.go_on
            if self.random.random() < 0.3:
                yield "engine goes away", lambda: setattr(self.engine, "is_away", True)
        else:
            yield "engine is back", self.engine_is_back
        for seconds in (self.random.randint(1, 90), self.random.randint(90, 2500)):
            yield f"{seconds} s pass", lambda s=seconds: self.world.clock.pass_by(seconds=s)
        waits = Applied(Outcome.WAITS, "no room") if self.random.random() < 0.2 else None
        yield "engine is full or not", lambda: setattr(self.engine, "outcome", waits)
        removal_ = self.random.choice([Removal.ENDING, Removal.MAY_STILL_APPEAR, Removal.GONE])
        yield "engine removes so", lambda: setattr(self.engine, "removal", removal_)
        for row in rows:
            yield from self.possible_for(row)

    def possible_for(self, row: ServiceInstance) -> Iterator[tuple[str, Callable[[], object]]]:
        pk, name = row.pk, row.instance_id
        yield f"read {pk}", lambda: self.seen.__setitem__(pk, row)
        some = self.random.choice([row, self.seen.get(pk, row)])
        if row.state not in FINAL_STATES:
            yield f"owner uses {pk}", lambda: self.use(row)
            yield f"owner wakes {pk}", lambda: lifecycle.wake(some, actor="ann", by="a page")
            yield f"owner sleeps {pk}", lambda: lifecycle.sleep(some, actor="ann")
        if row.state == State.READY:
            yield f"owner of {pk} is slow", lambda: self.be_slow(row)
        if self.random.random() < 0.1:
            stop: dict[str, Any] = {"actor": "ann", "reason": Reason.OWNER}
            yield f"owner stops {pk}", lambda: lifecycle.stop(some, **stop)
        fact = self.engine.objects.get(name)
        if fact is None:
            return
        if fact.phase == Phase.RUNNING:
            restarts = fact.restarts + 1
            crash = {"restarts": restarts, "message": "It crashed."}
            yield f"crash {pk}", lambda: self.engine.show(name, Phase.PENDING, **crash)
        if fact.phase == Phase.ASLEEP:
            yield f"connect {pk}", lambda: self.engine.show(name, Phase.RUNNING)
        if self.random.random() < 0.3:
            why = self.random.choice(["CRASH_LOOP", "OUT_OF_MEMORY", "IMAGE", None])
            yield f"fail {pk}", lambda: self.engine.show(name, Phase.FAILED, reason=why)
        if self.random.random() < 0.3:
            yield f"delete object {pk}", lambda: self.engine.objects.pop(name, None)
        yield f"edit object {pk}", lambda: self.engine.show(name, fact.phase, revision=0)

    def be_slow(self, row: ServiceInstance) -> None:
        """Between the owner's look and their step it crashes, and other minutes are reserved."""
        self.world.clock.pass_by(seconds=self.random.randint(1, 1500))
        self.use(row)
        idle.look()
        self.see()
        if (present := self.world.again(row)).state != State.READY:
            return
        lifecycle.restart(present, actor="observer", message="It crashed.")
        self.see()
        if (present := self.world.again(row)).state == State.STARTING:
            lifecycle.move(present, State.READY, actor="observer")
            self.see()
        self.world.clock.pass_by(seconds=self.random.randint(1, 90))
        lifecycle.sleep(row, actor="ann")

    def go_on(self) -> None:
        tasks.start_due()
        self.engine.start_all()
        self.world.look()

    def rows(self) -> list[ServiceInstance]:
        rows = ServiceInstance.objects.filter(owner=self.world.user).order_by("pk")
        return list(rows.select_related("owner", "profile"))

    def use(self, row: ServiceInstance) -> None:
        used = {"last_used_at": self.world.clock(), "last_used_by": "a tile request"}
        ServiceInstance.objects.filter(pk=row.pk).update(**used)

    def engine_is_back(self) -> None:
        self.engine.is_away = False
        for cool_down in (starting.COOL_DOWN, removal.COOL_DOWN):
            cool_down.end("local")

    def settle(self) -> None:
        """All goes on; then the owner's account is switched off."""
        self.engine_is_back()
        self.engine.outcome, self.engine.removal = None, Removal.GONE
        self.world.user.is_active = False
        self.world.user.save(update_fields=["is_active"])
        for _ in range(3):
            self.do("sweep", tasks.sweep)
            self.do("look", self.world.look)
            self.do("remove", self.world.remove)
            self.world.clock.pass_by(seconds=90)

    def check(self) -> None:
        rows = self.rows()
        assert {row.state for row in rows} <= FINAL_STATES, "a service did not end"
        assert not any(row.is_live for row in rows), "a row waits for an object"
        assert not self.engine.objects, "an object is left"
        assert all(row.reason and row.finished_at for row in rows)
        assert self.world.reserved() == 0, "a reservation is open"
        assert ledger.check_ledger() == []
        assert self.world.charged() == sum(self.model.units(row.minutes) for row in rows)
        for row in rows:
            if self.units == RICH:
                assert row.minutes == self.model.minutes[row.pk], row.pk
            else:
                assert row.minutes <= self.model.minutes[row.pk], row.pk
        assert self.world.charged() <= self.units


def test_in_whatever_order_things_happen(world):
    ends: Counter[tuple[str, str]] = Counter()
    charged = 0
    for seed in SEEDS:
        walk = Walk(seed, world)
        try:
            walk.go()
            walk.check()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {walk.trace}") from error
        ends.update((row.state, row.reason) for row in walk.rows())
        charged += world.charged()
    assert charged > 0
    for end in (
        (State.STOPPED, Reason.OWNER),
        (State.STOPPED, Reason.ACCOUNT),
        (State.STOPPED, Reason.UNITS),
    ):
        assert ends[end], (end, ends)  # else these walks would prove nothing
    by_engine = {Reason.CRASH_LOOP, Reason.OUT_OF_MEMORY, Reason.IMAGE}
    assert sum(ends[State.FAILED, reason] for reason in by_engine), ends
