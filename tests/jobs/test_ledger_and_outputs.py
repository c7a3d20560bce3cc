"""Whatever happens in whatever order: what is kept is paid, and what is not paid does not stay.

A random walk drives real rows, ledger, follower's book, removals and reports. The world
outside (runs, the engine's objects, data stores) is a model of it; at the end its truth, not the
hub's, says what each job must cost and what may be left.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Balance
from accounts.units import ledger
from hubsite.engines.facts import Phase
from hubsite.refusals import Refused
from jobs import lifecycle
from jobs.models import Job, State
from jobs.output import outputs
from jobs.running import callbacks, removal
from jobs.running.book import JobBook
from tests.accounts.factories import make_user

from .engine import ScriptedEngine
from .factories import make_job

pytestmark = pytest.mark.django_db

UNITS = 5
OK = {"status": "ok", "result": {"data_id": "x.zarr"}}
WHERE = {
    "ours": {"can_remove_output": True},
    "own store": {"can_remove_output": False, "uses_own_store": True},
    "adding": {"can_remove_output": False},
    "code": {"can_remove_output": True, "has_user_code": True},
}
OURS = frozenset({"LOST", "EVICTED"})
REASONS = ("XCUBE_ERROR", "DEADLINE", "OUT_OF_MEMORY", *sorted(OURS))
WALKS = int(os.environ.get("WALKS", "24"))
RARE = (71, 74, 77, 96)
"""The first seeds of what few walks come to: they follow the first `WALKS`, then others."""
SEEDS = (*range(WALKS), *(seed for seed in (*RARE, *range(200)) if seed >= WALKS))
STEPS = 36


@dataclass
class Run:
    """The truth about one job's run, of which the hub sees only some."""

    job: Job
    where: str
    place: str
    is_made: bool = False
    has_begun: bool = False
    has_written: bool = False
    is_complete: bool = False
    reason: str = ""
    """Why it ended without a result, if it did."""

    @property
    def is_under_way(self) -> bool:
        return self.has_begun and not self.is_complete and not self.reason

    @property
    def must_be_paid(self) -> bool:
        # Of a job that was cancelled, nobody can tell whose fault its run's end is: it is ended.
        is_our_fault = self.reason in OURS and self.job.state == State.FAILED
        if not self.has_begun or is_our_fault:
            return False
        if self.is_complete or self.where == "code":
            return True
        return self.where != "ours" and self.has_written


@dataclass
class World:
    """Stores (who wrote what lies where) and claims in them."""

    data: dict[str, str] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    is_down: int = 0

    def remove_output(self, *, run, output, stores, timeout_s) -> bool:
        """As `take_back` of the runner does."""
        place = output["data_id"]
        if self.is_down > 0:
            self.is_down -= 1
            raise Refused("the store does not answer")
        if self.claims.get(place) != run:
            return False
        self.data.pop(place, None)
        del self.claims[place]
        return True


class Engine(ScriptedEngine):
    """An engine whose `stop` ends the run of the model."""

    runs_by_name: dict[str, Run]

    def stop(self, name):
        self.stopped.append(name)
        run = self.runs_by_name[name]
        if not run.has_begun:
            self.objects.pop(name, None)
        elif run.is_under_way:
            run.reason = "STOPPED"
        refresh(self, run)

    def remove_one(self, name):
        run = self.runs_by_name[name]
        if run.is_under_way:
            run.reason = "STOPPED"
        return super().remove_one(name)


def refresh(engine: Engine, run: Run) -> None:
    """Have the engine say what is true of the run."""
    name, began = run.job.job_id, {"started_at": run.job.launched_at or timezone.now()}
    if name not in engine.objects:
        return
    if run.is_complete:
        engine.show(name, Phase.SUCCEEDED, **began, result=OK, wrote=True)
    elif run.reason:
        engine.show(
            name, Phase.FAILED, **began, reason=run.reason, message="x", wrote=run.has_written
        )
    elif run.has_begun:
        engine.show(name, Phase.RUNNING, **began)


class Walk:
    """One order of things, given by its seed."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.random = random.Random(seed)  # noqa: S311
        self.trace: list[str] = []
        self.world = World()
        self.engine = Engine()
        self.engine.runs_by_name = {}
        self.book = JobBook(self.engine)
        self.user = make_user(units=1000)
        monkeypatch.setattr(outputs.asking, "remove_output", self.world.remove_output)
        monkeypatch.setattr(outputs, "location", lambda store, data_id: data_id)
        monkeypatch.setattr(removal, "find_engine", lambda name: self.engine)

    @property
    def runs(self) -> list[Run]:
        return list(self.engine.runs_by_name.values())

    def go(self) -> None:
        # In some walks the follower never looks, in some the worker removes nothing.
        absent = self.random.choice(["follower", "worker", "owner", "nobody", "nobody"])
        for _ in range(STEPS):
            steps = [step for step in self.possible() if not step[0].startswith(absent)]
            if not steps:
                break
            name, step = self.random.choice(steps)
            self.trace.append(name)
            step()
        self.settle()

    def possible(self) -> Iterator[tuple[str, Callable[[], object]]]:
        if len(self.runs) < 4:
            yield "submit", self.submit
        yield "follower looks", self.follower_looks
        if not self.world.is_down:
            yield "store goes down", lambda: setattr(self.world, "is_down", 2)
        if Job.objects.filter(removal_due_at__isnull=False).exists():
            yield "worker removes outputs", self.remove_outputs
        self.look()
        for run in self.runs:
            job, name = run.job, run.job.job_id
            if job.state == State.QUEUED:
                yield f"launch {name}", lambda run=run: self.launch(run)
            if run.is_made and not run.has_begun and name in self.engine.objects:
                yield f"begin {name}", lambda run=run: self.begin(run)
            if run.is_under_way and not run.has_written:
                yield f"write {name}", lambda run=run: self.write(run)
            if run.is_under_way and run.has_written:
                yield f"complete {name}", lambda run=run: self.complete(run)
            if run.is_under_way:
                yield f"die {name}", lambda run=run: self.die(run)
            if run.has_begun:
                yield f"report {name}", lambda run=run: self.report(run)
            if not job.is_final:
                yield f"owner cancels {name}", lambda job=job: lifecycle.cancel(job, actor="user")
            elif run.is_made:
                yield f"worker removes {name}", lambda name=name: removal.remove([name], "local")

    def submit(self) -> None:
        where, place = self.random.choice(sorted(WHERE)), self.random.choice("ab")
        place = place if where in ("ours", "code") else f"{where} {place}"
        claim = hashlib.sha256(place.encode()).hexdigest()
        is_taken = Job.objects.claiming().filter(output_claim=claim).exists()
        fields = {"output_claim": claim, "output_data_id": place, **WHERE[where]}
        try:
            with transaction.atomic():
                job = make_job(self.user, units=UNITS, **fields)
        except IntegrityError:
            assert is_taken
            return
        assert not is_taken, "two jobs would write to one place"
        self.engine.runs_by_name[job.job_id] = Run(job, where, place)

    def launch(self, run: Run) -> None:
        launched = {"launched_at": timezone.now(), "made_at": timezone.now()}
        lifecycle.move(run.job, State.LAUNCHED, actor="test", **launched)
        self.engine.show(run.job.job_id, Phase.PENDING)
        run.is_made = True

    def begin(self, run: Run) -> None:
        run.has_begun = True
        refresh(self.engine, run)

    def write(self, run: Run) -> None:
        run.has_written = True
        self.world.data[run.place] = run.job.job_id
        if run.where in ("ours", "code"):
            self.world.claims[run.place] = run.job.job_id

    def complete(self, run: Run) -> None:
        run.is_complete = True
        self.world.claims.pop(run.place, None)
        refresh(self.engine, run)

    def die(self, run: Run) -> None:
        run.reason = self.random.choice(REASONS)
        refresh(self.engine, run)

    def report(self, run: Run) -> None:
        body = {"sender": "on_update", "state": {"label": "x", "progress": 0.5}}
        if run.is_complete:
            body |= {"sender": "on_end", "result": OK}
        callbacks.accept(self.now(run), body)

    def follower_looks(self) -> None:
        level = self.engine.level()
        self.book.record(level.facts)
        self.book.absent({fact.name for fact in level.facts}, asked_at=level.asked_at)

    def remove_outputs(self) -> None:
        Job.objects.filter(removal_due_at__isnull=False).update(removal_due_at=timezone.now())
        outputs.remove_due()

    def look(self) -> None:
        """As `now` of each, by one query."""
        jobs = Job.objects.in_bulk([run.job.pk for run in self.runs])
        for run in self.runs:
            run.job = jobs[run.job.pk]

    def now(self, run: Run) -> Job:
        run.job.refresh_from_db()
        return run.job

    def settle(self) -> None:
        """Let all go on: runs end, follower and worker are alive again, the store answers."""
        self.trace.append("settle")
        for run in self.runs:
            if not run.has_begun and not self.now(run).is_final:
                lifecycle.cancel(run.job, actor="user")
            elif run.is_under_way:
                run.reason = "DEADLINE"
                refresh(self.engine, run)
        for _ in range(6):
            self.follower_looks()
            over = [r.job.job_id for r in self.runs if r.is_made and self.now(r).is_final]
            removal.remove(over, "local")
            self.remove_outputs()

    def check(self) -> None:
        balance = Balance.objects.get(user=self.user)
        assert balance.reserved == 0, "a reservation is open"
        assert ledger.check_ledger() == []
        paid = {run.job.job_id for run in self.runs if run.must_be_paid}
        settled = self.user.ledger_entries.filter(kind="settle")
        assert set(settled.values_list("reference", flat=True)) == paid
        assert balance.total == 1000 - UNITS * len(paid)
        assert not Job.objects.claiming().exists(), "a place is held for good"
        for writer in self.world.data.values():
            run = self.engine.runs_by_name[writer]
            assert run.must_be_paid or run.where in ("own store", "adding"), "what is free is left"
        for run in self.runs:
            if run.is_complete and self.world.data.get(run.place) is None:
                later = [r for r in self.runs if r.place == run.place and r is not run]
                assert any(r.has_written for r in later), "what was paid is gone"


def must_be_seen() -> Iterator[tuple[str, str, str, bool]]:
    """How jobs must have ended in some walk: where they write, state, reason, whether paid."""
    for where in WHERE:
        yield where, "CANCELLED", "", True
        yield where, "CANCELLED", "", False
        yield where, "SUCCEEDED", "", True
        yield where, "FAILED", "DEADLINE", where != "ours"
        yield where, "FAILED", "LOST", False


@pytest.mark.no_cover  # many walks through the same lines: tracing would double their time
def test_in_whatever_order_things_happen(monkeypatch):
    seen: set[tuple[str, str, str, bool]] = set()
    for number, seed in enumerate(SEEDS):
        if number >= WALKS and seen.issuperset(must_be_seen()):
            break
        walk = Walk(seed, monkeypatch)
        try:
            walk.go()
            walk.check()
        except Exception as error:
            names = {run.job.job_id: f"{i} ({run.where})" for i, run in enumerate(walk.runs)}
            steps = [" ".join(names.get(w, w) for w in step.split()) for step in walk.trace]
            raise AssertionError(f"seed {seed}: {steps}") from error
        for run in walk.runs:
            seen.add((run.where, run.job.state, run.job.reason, run.must_be_paid))
    assert set(must_be_seen()) - seen == set(), "these walks would prove nothing"
