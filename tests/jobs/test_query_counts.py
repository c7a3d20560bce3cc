"""What a job costs the database, from its launch to its end: it must not grow unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from hubsite.engines import following
from hubsite.engines.facts import Gone, Level, LogChunk, Phase, RunFact
from hubsite.engines.following import Follower
from jobs.models import Job, State
from jobs.queue import launching
from jobs.running import logs
from jobs.running.following import make_follower
from tests.accounts.factories import make_user

from .conftest import queued_tasks
from .engine import ScriptedEngine
from .factories import make_job

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 7


class Told(ScriptedEngine):
    """Tells what the test says, once each: facts, and no level."""

    def __init__(self) -> None:
        super().__init__(places=100)
        self.has_logs_at_hand = False
        self.facts: list[RunFact | Gone] = []

    def watch(self, *, wait_s: float) -> Iterator[Level | RunFact | Gone]:
        facts, self.facts = self.facts, []
        yield from facts


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    engine = Told()
    monkeypatch.setattr("jobs.queue.launching.find_engine", lambda name: engine)
    return engine


@pytest.fixture
def watching(told: Told) -> Follower:
    return make_follower(told, is_stopping=lambda: False)


def statements(do: Callable[[], object]) -> int:
    """How many; savepoints, which cost SQLite and PostgreSQL next to nothing, apart."""
    with CaptureQueriesContext(connection) as captured:
        do()
    return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)


def jobs(count: int, **fields: object) -> list[Job]:
    owner = make_user(units=1000)
    return [make_job(owner, **fields) for _ in range(count)]


def each(measure: Callable[[int], int]) -> float:
    """What one more costs."""
    measure(1)  # the first of all makes its lock
    return (measure(MANY) - measure(FEW)) / (MANY - FEW)


def test_a_launched_job_takes_two_statements(told: Told) -> None:
    """Its step and event in the transaction that claims all; others are for many at once."""

    def measure(count: int) -> int:
        jobs(count)
        return statements(lambda: launching.launch_due())

    assert each(measure) == 2


@pytest.mark.parametrize(
    ("phase", "count"),
    [(Phase.PENDING, 0), (Phase.RUNNING, 0), (Phase.SUCCEEDED, 13)],
)
def test_a_recorded_fact_takes_few_statements(
    watching: Follower, told: Told, monkeypatch: pytest.MonkeyPatch, phase: Phase, count: int
) -> None:
    """Rows are read, seen and begun together; an end writes row, event, bill, sums, notice."""
    monkeypatch.setattr(following, "ASK_EVERY_S", 1000.0)  # the worker is asked in the first turn

    def measure(number: int) -> int:
        state = State.RUNNING if phase.is_final else State.LAUNCHED
        for job in jobs(number, state=state, seen_at=timezone.now() if phase.is_final else None):
            logs.append(job.pk, [LogChunk(0, ["a report brought it"])])
            told.facts.append(told.show(job.job_id, phase, started_at=timezone.now()))
        return statements(watching.look)

    assert each(measure) == count


@pytest.mark.django_db(transaction=True)
def test_ends_that_come_together_are_one_transaction(watching: Follower, told: Told) -> None:
    """Each commit waits for the disk: it costs as much as all that is written to end a job."""
    for job in jobs(following.AT_ONCE, state=State.RUNNING, seen_at=timezone.now()):
        told.facts.append(told.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now()))
    with CaptureQueriesContext(connection) as captured:
        watching.look()
    assert Job.objects.filter(state=State.SUCCEEDED).count() == following.AT_ONCE
    commits = [query for query in captured.captured_queries if query["sql"] == "COMMIT"]
    assert 1 <= len(commits) <= 2, "the ends, and what is asked of the worker"


def test_an_object_that_changes_without_news_for_its_row_takes_none(
    watching: Follower, told: Told
) -> None:
    [job] = jobs(1, state=State.LAUNCHED)
    for phase in (Phase.PENDING, Phase.RUNNING):
        fact = told.show(job.job_id, phase, started_at=timezone.now())
        told.facts.append(fact)
        watching.look()
        told.facts += [fact, fact]
        assert statements(watching.look) == 0
    job.refresh_from_db()
    assert job.state == State.RUNNING


def test_objects_that_are_gone_are_looked_up_at_once(watching: Follower, told: Told) -> None:
    told.facts += [Gone(f"gone-{number}", timezone.now()) for number in range(100)]
    assert statements(watching.look) == 1


def test_a_hundred_ends_at_once_ask_the_worker_twice(
    watching: Follower, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first, so that nothing waits, and for all others together.

    A launch that waits in the queue already is not asked for again.
    """
    monkeypatch.setattr(following, "ASK_EVERY_S", 1000.0)
    for job in jobs(100, state=State.RUNNING, seen_at=timezone.now()):
        logs.append(job.pk, [LogChunk(0, ["a report brought it"])])
        told.facts.append(told.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now()))
    watching.look()
    watching._next_ask = 0.0
    watching.look()
    assert queued_tasks() == ["launch_due", "remove_objects", "remove_objects"]
    tasks = [row.task for row in OrmQ.objects.all()]
    removed = [name for task in tasks if "remove" in task["func"] for name in task["args"][0]]
    assert sorted(removed) == sorted(Job.objects.values_list("job_id", flat=True))
