"""What the observer is told of Jobs and pods together: each change, each end once, all now and
then."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubsite.engines.facts import Gone, Level, Phase, RunFact
from hubsite.engines.kubernetes import informer, kind_watch, refusals
from hubsite.engines.kubernetes.client import Unavailable
from hubsite.engines.kubernetes.kind_watch import KindWatch
from hubsite.engines.kubernetes.kinds import Resource, Seen
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.kubernetes.refusals import Refusals, newest_refusal
from hubsite.engines.kubernetes.run_facts import observe
from hubsite.engines.kubernetes.runs import RUNS
from tests.patience import PATIENCE_S

from . import objects, workloads
from .apiserver import World

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, at a fiftieth of the time."""
    monkeypatch.setattr(informer, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(informer, "LONGEST_PAUSE_S", 0.1)
    monkeypatch.setattr(informer, "SHORTEST_WATCH_S", 0.02)
    monkeypatch.setattr(informer, "KNOWN_LATE", timedelta(0))


@pytest.fixture
def world() -> Iterator[World]:
    with World(watch_s=0.3) as world:
        yield world


class Namespace:
    """The part of a `Cluster` that a watch uses, in front of the World."""

    def __init__(self, world: World) -> None:
        self.api = world.api()

    def path(self, resource: Resource, name: str = "") -> str:
        return f"/apis/x/v1/namespaces/n/{resource.plural}"


class Reader:
    """Reads what has changed as the follower does; remembers what each Job was looked at with."""

    def __init__(self, world: World) -> None:
        self.looked: list[tuple[str, int, datetime]] = []
        self.facts: list[Level | RunFact | Gone] = []
        self.pending_s = 600.0
        self.watch = KindWatch(
            Namespace(world), replace(RUNS, observe=self._observe), workloads.options()
        )
        self.watch.start()

    def _observe(self, seen: Seen, _: PodOptions) -> RunFact:
        self.looked.append((seen.root["metadata"]["name"], len(seen.pods), seen.known_until))
        return observe(
            seen.root,
            seen.pods,
            now=seen.known_until,
            pending_s=self.pending_s,
            refusal=seen.refusal,
        )

    def close(self) -> None:
        self.watch.stop()
        for thread in (self.watch._roots, self.watch._pods):
            thread.join(PATIENCE_S)

    def read(self, wait_s: float = 0.1) -> list[Level | RunFact | Gone]:
        new = list(self.watch.wait(wait_s))
        self.facts += new
        return new

    def until(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < give_up, f"it did not come: {self.facts}"
            self.read()

    def of(self, name: str) -> list[RunFact | Gone]:
        """Each fact of this Job, in levels or apart."""
        found: list[RunFact | Gone] = []
        for fact in self.facts:
            facts = fact.facts if isinstance(fact, Level) else [fact]
            found += [f for f in facts if f.name == name]
        return found

    @property
    def levels(self) -> list[Level]:
        return [fact for fact in self.facts if isinstance(fact, Level)]

    def gone(self, name: str) -> int:
        return sum(isinstance(fact, Gone) for fact in self.of(name))

    def phase(self, name: str) -> Phase | None:
        found = self.of(name)
        return found[-1].phase if found and isinstance(found[-1], RunFact) else None


@pytest.fixture
def reader(world: World) -> Iterator[Reader]:
    reader = Reader(world)
    yield reader
    reader.close()


def fresh(item: Json) -> Json:
    now = datetime.now(UTC).isoformat()
    return {**item, "metadata": {**item["metadata"], "creationTimestamp": now}}


def a_job(name: str, *conditions: Json, **given: Any) -> Json:
    return fresh(objects.job(*conditions, name=name, **given))


def a_pod(of: str, **given: Any) -> Json:
    return fresh(objects.running(of=of, name=f"{of}-0", **given))


@pytest.mark.parametrize("kind", ["jobs", "pods"])
def test_nothing_is_told_before_jobs_and_pods_are_known(world, kind):
    world.is_down = {kind}
    world.put("jobs", a_job("one"))
    world.put("pods", a_pod("one"))
    reader = Reader(world)
    try:
        other = {"jobs": "pods", "pods": "jobs"}[kind]
        give_up = time.monotonic() + PATIENCE_S
        while not (world.asked(other, watch=True) and len(world.asked(kind)) >= 2):
            assert time.monotonic() < give_up
            assert reader.read() == []
        assert reader.read() == []
        assert reader.looked == []
        world.is_down = set()
        reader.until(lambda: reader.phase("one") == Phase.RUNNING)
        assert isinstance(reader.facts[0], Level)
    finally:
        reader.close()


def test_first_comes_all_there_is_and_then_what_changes(world, reader):
    reader.until(lambda: bool(reader.levels))
    assert reader.levels[0].facts == []
    world.put("jobs", a_job("one"))
    reader.until(lambda: reader.phase("one") == Phase.PENDING)
    world.put("pods", a_pod("one"))
    reader.until(lambda: reader.phase("one") == Phase.RUNNING)
    world.put("pods", fresh(objects.ended(0, of="one", name="one-0")))
    reader.until(lambda: reader.phase("one") == Phase.SUCCEEDED)
    assert len(reader.levels) <= 2, "the rest was told by itself"


def test_a_level_tells_since_when_nothing_else_was_there(world, reader, monkeypatch):
    monkeypatch.setattr(kind_watch, "LEVEL_EVERY_S", 0.05)
    reader.until(lambda: bool(reader.levels))
    lists, before = len(world.asked("jobs")), datetime.now(UTC)
    reader.until(lambda: reader.levels[-1].asked_at > before)
    assert reader.levels[-1].asked_at <= datetime.now(UTC)
    assert len(world.asked("jobs")) == lists, "each watch that ends well tells it too"


def test_everything_is_told_again_now_and_then(world, reader, monkeypatch):
    """For what time alone has changed: here a run that has waited too long."""
    monkeypatch.setattr(kind_watch, "LEVEL_EVERY_S", 0.1)
    world.put("jobs", a_job("one"))
    world.put("pods", fresh(objects.waiting("ErrImagePull", of="one")))
    reader.until(lambda: reader.of("one") != [] and reader.of("one")[-1].reason == "IMAGE")
    assert reader.phase("one") == Phase.PENDING
    events = world.version
    reader.pending_s = 0.2
    reader.until(lambda: reader.phase("one") == Phase.STUCK)
    assert world.version == events
    assert len(reader.levels) >= 3


def test_time_stands_still_while_the_server_is_away(world, reader, monkeypatch):
    monkeypatch.setattr(kind_watch, "LEVEL_EVERY_S", 0.05)
    world.put("jobs", a_job("one"))
    reader.until(lambda: reader.phase("one") == Phase.PENDING)
    world.is_down = {"pods"}
    asked = len(world.asked("pods", watch=True))
    reader.until(lambda: len(world.asked("pods", watch=True)) >= asked + 2)
    jobs, pods = reader.watch._roots, reader.watch._pods
    reader.until(lambda: jobs.known_until > pods.known_until)
    count = len(reader.levels)
    reader.until(lambda: len(reader.levels) >= count + 5)
    assert {known_until for _, _, known_until in reader.looked[-4:]} == {pods.known_until}


def test_after_each_list_there_is_a_level(world, reader, monkeypatch):
    monkeypatch.setattr(kind_watch, "LEVEL_EVERY_S", 1e6)
    reader.until(lambda: bool(reader.levels))
    for _ in range(3):
        reader.read()
    count, lists = len(reader.levels), len(world.asked("pods"))
    reader.watch._pods._version = None  # as after a 410
    reader.until(lambda: len(reader.levels) == count + 1)
    assert len(world.asked("pods")) == lists + 1


def test_what_goes_is_told_once(world, reader):
    world.put("jobs", a_job("one"))
    world.put("pods", a_pod("one"))
    reader.until(lambda: reader.phase("one") == Phase.RUNNING)
    world.remove("jobs", "one")
    reader.until(lambda: reader.gone("one") == 1)
    world.put("pods", a_pod("one", is_deleted=True))
    world.remove("pods", "one-0")
    world.put("jobs", a_job("two"))
    reader.until(lambda: reader.phase("two") is not None)
    reader.until(lambda: "one" not in reader.watch._pods.groups())
    for _ in range(3):
        reader.read()
    assert reader.gone("one") == 1


def test_what_comes_and_goes_between_two_looks_is_told_to_be_gone(world, reader):
    reader.until(lambda: bool(reader.levels))
    world.put("jobs", a_job("one"))
    world.remove("jobs", "one")
    reader.until(lambda: reader.gone("one") == 1)


def test_what_went_while_nobody_watched_is_told_after_the_next_list(world, reader):
    world.put("jobs", a_job("one"))
    reader.until(lambda: reader.phase("one") is not None)
    world.lose("jobs", "one")
    reader.watch._roots._version = None
    reader.until(lambda: reader.gone("one") == 1)
    reader.until(lambda: not reader.levels[-1].facts)


def test_a_pod_that_is_seen_before_its_job_is_nobody_gone(world, reader):
    reader.until(lambda: bool(reader.levels))
    world.put("pods", a_pod("one"))
    reader.until(lambda: reader.watch._pods.groups() == ["one"])
    for _ in range(3):
        reader.read()
    assert reader.of("one") == []
    world.put("jobs", a_job("one"))
    reader.until(lambda: reader.phase("one") == Phase.RUNNING)
    assert reader.gone("one") == 0


def test_a_name_that_is_made_again_can_go_again(world, reader):
    for count in (1, 2):
        world.put("jobs", a_job("one", attempt=count))
        reader.until(lambda: reader.phase("one") is not None)
        world.remove("jobs", "one")
        reader.until(lambda count=count: reader.gone("one") == count)


def test_ten_thousand_events_of_one_job_are_few_facts(world, reader):
    world.put("jobs", a_job("one"))
    world.put("jobs", a_job("two"))
    reader.until(lambda: reader.phase("one") is not None and reader.phase("two") is not None)
    reader.facts.clear()
    made = a_job("one")
    for number in range(10_000):
        condition = objects.condition("Suspended", str(number), status="False")
        world.put("jobs", {**made, "status": {"conditions": [condition]}})
    last = str(world.version)
    give_up = time.monotonic() + PATIENCE_S
    while reader.watch._roots._version != last:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    for _ in range(5):
        reader.read()
    count = Counter(fact.name for fact in reader.facts if not isinstance(fact, Level))
    assert set(count) <= {"one"}
    assert len(reader.of("one")) <= 3


def test_an_event_that_changes_nothing_of_interest_is_no_news(world, reader):
    world.put("jobs", a_job("one"))
    reader.until(lambda: reader.phase("one") is not None)
    reader.facts.clear()
    made = reader.watch._roots.of("one")[0]
    for number in range(20):
        job = {**made, "status": {"active": number, "ready": number, "conditions": []}}
        world.put("jobs", job)
    last = str(world.version)
    reader.until(lambda: reader.watch._roots._version == last)
    reader.read()
    assert [f for f in reader.facts if not isinstance(f, Level)] == []


def test_waiting_ends_as_soon_as_there_is_something(world, reader):
    reader.until(lambda: bool(reader.levels))
    reader.read()
    timer = threading.Timer(0.2, lambda: world.put("jobs", a_job("one")))
    timer.start()
    began = time.monotonic()
    while not reader.of("one"):
        assert time.monotonic() - began < PATIENCE_S
        reader.read(PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2, "it had waited for its time to be over"


def test_its_threads_end_when_it_is_stopped(world):
    reader = Reader(world)
    reader.until(lambda: bool(reader.levels))
    reader.watch.stop()
    for thread in (reader.watch._roots, reader.watch._pods):
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


# Why no pod could be made.


def event(reason: str, message: str, second: int, field: str = "lastTimestamp") -> Json:
    return {"reason": reason, "message": message, field: objects.at(second)}


def test_the_newest_refusal_counts_unless_a_pod_was_made_since():
    old, new = event("FailedCreate", "quota", 1), event("FailedCreate", "webhook", 5, "eventTime")
    made = event("SuccessfulCreate", "Created pod: x", 3)
    other = event("Suspended", "x", 9)
    assert newest_refusal([]) is None
    assert newest_refusal([new, old]) == "webhook"
    assert newest_refusal([old, made, other]) is None
    assert newest_refusal([made, new, old]) == "webhook"
    assert newest_refusal([old, event("SuccessfulCreate", "x", 1)]) is None
    assert newest_refusal([{"reason": "FailedCreate"}]) is None


class Events:
    """An API whose events are these."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.events: list[Json] = [event("FailedCreate", "quota", 1)]
        self.is_down = False

    def get(self, path: str, *, fieldSelector: str, limit: int) -> Json:
        self.asked.append(fieldSelector)
        if self.is_down:
            raise Unavailable("away")
        return {"items": self.events}


def at_once(do) -> None:
    """Instead of a thread."""
    do()


def test_only_jobs_without_a_pod_for_some_time_are_asked_for():
    events = Events()
    known = Refusals(events, path=lambda: "/events", run=at_once)  # type: ignore[arg-type]
    young, odd = a_job("young"), {"metadata": {"name": "odd", "creationTimestamp": None}}
    known.refresh([young, odd, objects.job(name="old")])
    assert events.asked == ["involvedObject.kind=Job,involvedObject.name=old"]
    assert (known.of("old"), known.of("young")) == ("quota", None)
    known.refresh([objects.job(name="old")])
    assert len(events.asked) == 1, "it was asked just now"
    known.refresh([])
    assert known.of("old") is None, "it has a pod now"


def test_a_few_at_once_are_asked_for_and_all_in_their_turn(monkeypatch):
    events = Events()
    known = Refusals(events, path=lambda: "/events", run=at_once)  # type: ignore[arg-type]
    jobs = [objects.job(name=f"j{number}") for number in range(refusals.MOST_AT_ONCE * 2 + 1)]
    for count in (5, 10, 11, 11):
        known.refresh(jobs)
        assert len(set(events.asked)) == len(events.asked) == count
    monkeypatch.setattr(refusals, "ASK_AGAIN_S", 0.0)
    known.refresh(jobs)
    assert events.asked[-5:] == events.asked[:5], "those asked longest ago come first"


def test_the_follower_does_not_wait_for_events():
    events, parked = Events(), []
    known = Refusals(events, path=lambda: "/events", run=parked.append)  # type: ignore[arg-type]
    for _ in range(3):
        known.refresh([objects.job(name="old")])
    assert (known.of("old"), events.asked) == (None, [])
    (read,) = parked
    read()
    assert known.of("old") == "quota"
    known.refresh([objects.job(name="old"), objects.job(name="other")])
    assert len(parked) == 2, "the next ones are read when the first are"


def test_events_that_cannot_be_had_are_done_without():
    events = Events()
    events.is_down = True
    known = Refusals(events, path=lambda: "/events", run=at_once)  # type: ignore[arg-type]
    known.refresh([objects.job(name="old")])
    assert known.of("old") is None


def test_a_refusal_comes_with_the_news(world, reader, monkeypatch):
    monkeypatch.setattr(kind_watch, "LEVEL_EVERY_S", 0.1)
    world.bodies["events"] = {"items": [event("FailedCreate", "exceeded quota", 1)]}
    old = objects.job(name="one")
    world.put("jobs", old)
    reader.until(lambda: reader.phase("one") == Phase.STUCK)
    seen = reader.of("one")[-1]
    assert isinstance(seen, RunFact)
    assert (seen.reason, "exceeded quota" in (seen.message or "")) == ("REJECTED", True)
