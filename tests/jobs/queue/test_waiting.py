"""Why jobs wait: one cause each, which agrees with what launching itself decides."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from hubsite import switches
from hubsite.engines import draining
from hubsite.engines.facts import Phase, Reason, RunFact
from jobs.models import Job, LearntDuration, Priority, State
from jobs.prediction import asking, forecasting
from jobs.queue import launching, queue_facts, waiting
from jobs.queue.queue_facts import Facts, Place
from jobs.queue.waiting import Cause, why
from jobs.running import book
from tests.accounts.factories import make_user

from ..factories import make_job

pytestmark = pytest.mark.django_db

OPEN = Facts(State.QUEUED, capacity=4, place=Place(1))


class Runs:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity


class Engine:
    """Only what the launch decision reads of an engine."""

    name = "local"

    def __init__(self, capacity: int) -> None:
        self.runs = Runs(capacity)


@pytest.fixture
def engine(monkeypatch):
    engine = Engine(3)
    for module in (queue_facts, forecasting):
        monkeypatch.setattr(module, "find_engine", lambda name: engine if name == "local" else None)
    asking.forget()
    yield engine
    asking.forget()


def limit(monkeypatch, most: int) -> None:
    class Settings:
        running_per_user = most

    for module in (launching, queue_facts, forecasting):
        monkeypatch.setattr(module, "hub", Settings)


def told_of(job: Job) -> waiting.Waiting | None:
    return waiting.waiting_of(Job.objects.get(pk=job.pk))


def cause(job: Job) -> Cause | None:
    found = told_of(job)
    return found.cause if found else None


@pytest.fixture(autouse=True)
def statements_are_compiled_anew(monkeypatch):
    """They hold limits, which tests change: those of one test are not those of the next."""
    for query in (queue_facts._LINE, queue_facts._OWN):
        monkeypatch.setattr(query, "_statements", {})


@pytest.fixture(params=["short queue", "long queue"])
def length(request, monkeypatch):
    """The same queues, read whole, or by the latest forecast as those of 100,000 jobs are."""
    if request.param == "long queue":
        monkeypatch.setattr(queue_facts, "SHORT", 0)
    return request.param


def random_world(chance: random.Random, engine: Engine, monkeypatch) -> list[Job]:
    """Jobs of some users, some of them running; returns those that wait."""
    users = [make_user(units=100) for _ in range(3)]
    for _ in range(14):
        state = chance.choice([State.QUEUED] * 3 + [State.RUNNING, State.LAUNCHED])
        priority = chance.choice([Priority.NORMAL] * 4 + [Priority.URGENT, Priority.LATER])
        make_job(chance.choice(users), state=state, priority=priority)
    if chance.random() < 0.5:
        LearntDuration.objects.create(engine="local", kind="0 ", seconds=[50, 60, 70, 80, 90])
    engine.runs.capacity = chance.randint(0, 9)
    limit(monkeypatch, chance.choice([0, 1, 2, 3]))
    return list(Job.objects.due())


@pytest.mark.parametrize("seed", range(5))
def test_who_is_next_is_launched_and_who_is_launched_was_next(engine, monkeypatch, length, seed):
    queued = random_world(random.Random(seed), engine, monkeypatch)
    forecasting.forecast("local")
    told = {job.pk: cause(job) for job in queued}
    assert all(told.values()), "each has a cause"

    launched = {job.pk for job in launching.claim_due(engine)}

    assert launched == {pk for pk, found in told.items() if found == Cause.NEXT}
    asking.forget()
    Job.objects.filter(pk__in=launched).update(state=State.RUNNING)
    assert {cause(job) for job in queued if job.pk in launched} <= {None}, "the cause is gone"
    left = [job for job in queued if job.pk not in launched]
    forecasting.forecast("local")
    asking.forget()
    assert {cause(job) for job in left} <= {Cause.OWN_SHARE, Cause.NO_PLACE}


@pytest.mark.parametrize("seed", range(5))
def test_places_are_the_order_in_which_launching_takes_them(engine, monkeypatch, length, seed):
    """Runs end one after the other, the oldest first, and launching fills the places."""
    queued = random_world(random.Random(seed), engine, monkeypatch)
    engine.runs.capacity = max(1, engine.runs.capacity)
    began = timezone.now() - timedelta(hours=1)
    for number, pk in enumerate(Job.objects.placed().order_by("?").values_list("pk", flat=True)):
        Job.objects.filter(pk=pk).update(launched_at=began + timedelta(seconds=number))
    forecasting.forecast("local")
    told = {job.pk: told_of(job) for job in queued}
    assert sorted(found.place.number for found in told.values()) == list(range(1, len(queued) + 1))

    taken = [job.pk for job in launching.claim_due(engine)]
    while len(taken) < len(queued):
        oldest = Job.objects.placed().order_by("launched_at", "pk").first()
        Job.objects.filter(pk=oldest.pk).update(is_live=False, state=State.SUCCEEDED)
        taken += [job.pk for job in launching.claim_due(engine)]

    assert taken == sorted(told, key=lambda pk: told[pk].place.number)


def test_the_first_cause_that_holds_is_told():
    worst = Facts(
        State.QUEUED,
        is_suspended=True,
        is_engine_known=False,
        is_engine_drained=True,
        is_engine_away=True,
        placed=9,
        own_placed=9,
        own_limit=1,
        place=Place(3, own_before=9),
    )
    order = [
        ({}, Cause.SUSPENDED),
        ({"is_suspended": False}, Cause.ENGINE_UNKNOWN),
        ({"is_engine_known": True}, Cause.ENGINE_DRAINED),
        ({"is_engine_drained": False}, Cause.ENGINE_AWAY),
        ({"is_engine_away": False}, Cause.OWN_SHARE),
        ({"own_limit": 0}, Cause.NO_PLACE),
        ({"capacity": 11}, Cause.OTHERS_FIRST),
        ({"capacity": 12}, Cause.NEXT),
        ({"state": State.LAUNCHED}, Cause.STARTING),
        ({"pending_reason": Reason.IMAGE}, Cause.IMAGE),
        ({"state": State.RUNNING}, None),
        ({"state": State.CANCELLED}, None),
    ]
    for changes, expected in order:
        worst = replace(worst, **changes)
        assert why(worst) == expected
    assert why(OPEN) == Cause.NEXT


def test_a_suspension_an_unknown_engine_and_a_cool_down_are_causes(engine):
    job = make_job(make_user(units=9))
    assert cause(job) == Cause.NEXT
    launching.COOL_DOWN.start("local")
    assert cause(job) == Cause.ENGINE_AWAY
    other = make_job(make_user(units=9), engine="former")
    assert cause(other) == Cause.ENGINE_UNKNOWN
    switches.suspend("xcube_gen", message="Maintenance.", actor="test")
    assert {cause(job), cause(other)} == {Cause.SUSPENDED}


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        (Reason.IMAGE, "The image cannot be had (ErrImagePull).", Cause.IMAGE),
        (Reason.UNSCHEDULABLE, "No node can take the run: 0/3 nodes.", Cause.NO_NODE),
        (Reason.REJECTED, "The cluster refuses: exceeded quota.", Cause.CLUSTER_REFUSES),
        (Reason.LAUNCH, "The container cannot be made.", Cause.CONTAINER),
        (Reason.EVICTED, "Driven off. It will be tried again.", Cause.STARTED_AGAIN),
        (Reason.LAUNCH, None, Cause.STARTING),
        (None, None, Cause.STARTING),
    ],
)
def test_what_a_pending_pod_waits_for_is_the_cause(engine, reason, message, expected):
    job = make_job(make_user(units=9), state=State.LAUNCHED)
    fact = RunFact(job.job_id, Phase.PENDING, reason, message, attempt=1)
    book.JobBook(engine).record_one(job, fact)
    assert cause(job) == expected
    job.refresh_from_db()
    book.JobBook(engine).record_one(job, RunFact(job.job_id, Phase.PENDING, attempt=1))
    assert cause(job) == Cause.STARTING, "as soon as it is over"
    job.refresh_from_db()
    book.JobBook(engine).record_one(job, RunFact(job.job_id, Phase.RUNNING, attempt=1))
    assert cause(job) is None


def test_it_costs_three_queries_however_many_wait(engine, length, django_assert_num_queries):
    users = [make_user(units=100) for _ in range(2)]
    jobs = [make_job(user) for user in users for _ in range(5)]
    forecasting.forecast("local")
    switches.suspension("xcube_gen")  # it is remembered for two seconds
    with django_assert_num_queries(3):
        found = waiting.waiting_of(jobs[-1])
    place = found.place
    assert (place.own_before, place.number, place.queue_length) == (4, 10, 10)
    asking.forget()
    with django_assert_num_queries(3):
        assert len(waiting.waiting_of_each(jobs[:5])) == 5


def test_of_a_very_long_line_of_ones_own_the_forecast_knows_the_end(engine, monkeypatch):
    monkeypatch.setattr(queue_facts, "SHORT", 5)
    monkeypatch.setattr(queue_facts, "MOST_COUNTED", 10)
    monkeypatch.setattr("jobs.prediction.queue_order.LONG_LINE", 10)
    monkeypatch.setattr("jobs.prediction.queue_order.EACH", 4)
    owner = make_user(units=100)
    jobs = [make_job(owner) for _ in range(30)]
    forecasting.forecast("local")
    assert told_of(jobs[3]).place.own_before == 3
    assert abs(told_of(jobs[-1]).place.own_before - 29) < 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": State.LAUNCHED}, Cause.STARTING),
        ({"state": State.LAUNCHED, "pending_reason": Reason.IMAGE}, Cause.IMAGE),
        ({"state": State.CANCELLED, "is_live": False}, None),
        ({"state": State.RUNNING}, None),
        ({"priority": Priority.URGENT}, Cause.NEXT),
        ({"engine": "former"}, Cause.ENGINE_UNKNOWN),
        (None, None),
    ],
)
@pytest.mark.parametrize("has_many", [False, True])
def test_a_job_that_changed_after_it_was_read_is_read_again(
    engine, monkeypatch, change, expected, has_many
):
    """Between the query of a page and that of the queue it may be launched, cancelled or moved."""
    if has_many:  # more than are counted come after it
        monkeypatch.setattr(queue_facts, "SHORT", 0)
        monkeypatch.setattr(queue_facts, "MOST_COUNTED", 2)
    owner = make_user(units=9)
    make_job(owner)  # it is counted first; of two places one is left
    job = make_job(owner)
    for _ in range(3 * has_many):
        make_job(owner)
    forecasting.forecast("local")
    if change is None:
        Job.objects.filter(pk=job.pk).delete()
    else:
        Job.objects.filter(pk=job.pk).update(**change)
    found = waiting.waiting_of(job)
    assert (found and found.cause) == expected


def test_a_launched_job_whose_engine_did_not_take_it_waits_for_the_engine(engine):
    job = make_job(make_user(units=9), state=State.LAUNCHED, launched_at=timezone.now())
    assert cause(job) == Cause.STARTING
    launching.COOL_DOWN.start("local")
    assert cause(job) == Cause.ENGINE_AWAY
    Job.objects.filter(pk=job.pk).update(made_at=timezone.now())
    assert cause(job) == Cause.STARTING


class Walk:
    """A random sequence of what users, operators and engines do."""

    def __init__(self, chance: random.Random, engine: Engine, monkeypatch) -> None:
        self._chance, self._engine, self._monkeypatch = chance, engine, monkeypatch
        self._users = [make_user(units=100) for _ in range(3)]
        rare = [self.cancel, self.prioritise, self.leave, self.resize, self.share]
        rare += [self.suspend, self.drain, self.lose_the_engine]
        self.steps = [self.submit] * 5 + [self.end] * 5 + rare
        self._undo: list[Callable[[], object]] = []

    def step(self) -> None:
        """Something happens. What stops the queue is undone soon, or nothing would be launched."""
        if self._undo and self._chance.random() < 0.5:
            self._undo.pop()()
        else:
            self._chance.choice(self.steps)()

    def submit(self) -> None:
        for _ in range(self._chance.randint(1, 3)):
            make_job(self._chance.choice(self._users))

    def end(self) -> None:
        self._one(Job.objects.placed(), state=State.SUCCEEDED, is_live=False)

    def cancel(self) -> None:
        self._one(Job.objects.due(), state=State.CANCELLED, is_live=False)

    def prioritise(self) -> None:
        self._one(Job.objects.due(), priority=self._chance.choice(list(Priority)))

    def leave(self) -> None:
        self._one(Job.objects.due(), engine=self._chance.choice(["local", "former"]))

    def suspend(self) -> None:
        switches.suspend("xcube_gen", message="Until noon.", actor="olga")
        self._undo.append(lambda: switches.resume("xcube_gen", actor="olga"))

    def drain(self) -> None:
        draining.drain("local", message="Until noon.", actor="olga")
        self._undo.append(lambda: draining.resume("local", actor="olga"))

    def lose_the_engine(self) -> None:
        launching.COOL_DOWN.start("local")
        self._undo.append(lambda: launching.COOL_DOWN.end("local"))

    def resize(self) -> None:
        self._engine.runs.capacity = self._chance.randint(0, 6)

    def share(self) -> None:
        limit(self._monkeypatch, self._chance.choice([0, 1, 2]))

    def _one(self, jobs, **change) -> None:
        pks = list(jobs.values_list("pk", flat=True))
        if pks:
            Job.objects.filter(pk=self._chance.choice(pks)).update(**change)


def causes(jobs: QuerySet[Job]) -> dict[int, Cause]:
    """The cause of each of these jobs that waits."""
    of_owners: dict[int, list[Job]] = {}
    for job in jobs:
        of_owners.setdefault(job.owner_id, []).append(job)
    found = [waiting.waiting_of_each(some) for some in of_owners.values()]
    return {pk: one.cause for some in found for pk, one in some.items()}


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_each_job_has_one_cause_that_launching_agrees_with(
    engine, monkeypatch, seed, read_switches
):
    """After each step those are launched that were next; their cause is gone, no other is."""
    monkeypatch.setattr(launching, "find_engine", queue_facts.find_engine)
    monkeypatch.setattr(launching, "launch", lambda engine, jobs: True)
    walk = Walk(random.Random(f"walk {seed}"), engine, monkeypatch)
    seen, launched_ever = set(), 0
    for _ in range(40):
        walk.step()
        forecasting.forecast("local")
        asking.forget()
        queued = list(Job.objects.due().values_list("pk", flat=True))
        was_away = launching.COOL_DOWN.is_on("local")
        told = causes(Job.objects.due())
        assert sorted(told) == sorted(queued), "each has a cause"

        launching.launch_due()

        of_these = Job.objects.filter(pk__in=queued)
        launched = set(of_these.filter(state=State.LAUNCHED).values_list("pk", flat=True))
        if was_away == launching.COOL_DOWN.is_on("local"):  # else it was over before the launch
            assert launched == {pk for pk, found in told.items() if found == Cause.NEXT}
            assert set(causes(Job.objects.filter(pk__in=launched)).values()) <= {Cause.STARTING}
        Job.objects.filter(pk__in=launched).update(state=State.RUNNING)
        assert not causes(Job.objects.filter(pk__in=launched))
        seen |= set(told.values())
        launched_ever += len(launched)
    assert launched_ever > 5 and len(seen) > 4


def test_the_page_of_a_waiting_job_says_why(engine, monkeypatch):
    owner = make_user(permissions=["manage:cubegens"], units=9)
    limit(monkeypatch, 1)
    make_job(owner, state=State.RUNNING)
    job = make_job(owner)
    client = Client()
    client.force_login(owner)
    page = client.get(f"/cubes/{job.job_id}/").content.decode()
    assert "You may run 1 at once" in page and "Cancel those" in page
    Job.objects.filter(pk=job.pk).update(state=State.RUNNING)
    assert "You may run 1 at once" not in client.get(f"/cubes/{job.job_id}/").content.decode()


def test_a_job_that_comes_after_all_others_starts_not_before(engine):
    """How long others keep it waiting is not known, but not before when."""
    LearntDuration.objects.create(engine="local", kind="0 ", seconds=[60.0] * 10)
    owner = make_user(units=100)
    engine.runs.capacity = 1
    make_job(owner, state=State.RUNNING, launched_at=timezone.now())
    normal = make_job(owner)
    last = make_job(make_user(units=100), priority=Priority.LATER)
    forecasting.forecast("local")
    assert told_of(normal).place.start.unknown == asking.FEW_STARTS
    start = told_of(last).place.start
    assert start.latest is None and start.unknown == ""
    assert start.earliest > timezone.now() + timedelta(seconds=60)
