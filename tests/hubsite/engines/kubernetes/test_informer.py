"""The copy of a cluster's objects is right whatever the API server does, and asks with pauses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubsite.engines.kubernetes import client, informer
from hubsite.engines.kubernetes.client import Refused, Unavailable
from hubsite.engines.kubernetes.informer import Informer
from tests.patience import PATIENCE_S

from .apiserver import ApiServer, Reply, Request, World

PODS = "/api/v1/namespaces/n/pods"
Json = dict[str, Any]


def item(name: str, version: int | str = 1, group: str = "g", **more: Any) -> Json:
    return {
        "metadata": {"name": name, "resourceVersion": str(version)},
        "group": group,
        **more,
    }


class Told:
    """Takes what an informer tells, one after the other."""

    def __init__(self, add: Callable[[str], None] | None = None) -> None:
        self.changed: list[str] = []
        self.lists = 0
        self._add = add

    def add(self, name: str, *, is_root: bool) -> None:
        (self._add or self.changed.append)(name)

    def add_list(self) -> None:
        self.lists += 1


def make_informer(api: Any, told: Told | None = None, **given: Any) -> Informer:
    told = told or Told()
    return Informer(
        "watch of tests",
        api,
        **{
            "path": lambda: PODS,
            "selector": "a=b",
            "group": lambda found: found["group"],
            "keep": lambda found: {"is": found.get("is")},
            "changes": told,
            "is_root": True,
            **given,
        },
    )


class Pauses(threading.Event):
    """Takes down each pause instead of making it; after `most` of them it is time to stop."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.seen: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seen.append(timeout or 0.0)
        if len(self.seen) >= self.most:
            self.set()
        return self.is_set()


def run(found: Informer, *, pauses: int) -> list[float]:
    """Run it in this thread until it has made so many pauses."""
    found._stopping = stopping = Pauses(pauses)
    found.run()
    return stopping.seen


def listing(*items: Json, version: int = 100) -> Json:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


class Script:
    """Answers lists with what there is, and each watch by the next step of the test's."""

    def __init__(self, *steps: Callable[[Reply], None], items: tuple[Json, ...] = ()) -> None:
        self.steps = list(steps)
        self.items = items
        self.server = ApiServer(self.answer)

    def answer(self, request: Request, reply: Reply) -> None:
        if not request.is_watch:
            reply.json(listing(*self.items))
        elif self.steps:
            self.steps.pop(0)(reply)
        else:
            reply.status(503)

    @property
    def watched_from(self) -> list[str]:
        return [r.query["resourceVersion"] for r in self.server.requests if r.is_watch]

    @property
    def lists(self) -> int:
        return len([r for r in self.server.requests if not r.is_watch])

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()


def telling(*events: tuple[str, Json], how: str = "end") -> Callable[[Reply], None]:
    def step(reply: Reply) -> None:
        reply.stream()
        for kind, content in events:
            reply.event(kind, content)
        if how == "half":
            reply.chunk(b'{"type": "ADDED", "obj')
        if how == "end":
            reply.end()
        else:
            reply.cut()

    return step


def test_a_list_and_what_follows_make_the_copy():
    told = Told()
    events = (
        ("ADDED", item("b", 101)),
        ("ADDED", item("c", 102, group="h")),
        ("MODIFIED", item("a", 103, **{"is": "new"})),
        ("DELETED", item("b", 104)),
        ("MODIFIED", item("a", 105, **{"is": "new"})),
        ("BOOKMARK", {"metadata": {"resourceVersion": "200"}}),
    )
    with Script(telling(*events), items=(item("a"),)) as script:
        found = make_informer(script.server.api(), told)
        run(found, pauses=2)
        assert script.watched_from == ["100", "200"], "a bookmark moves it on"
        assert script.server.requests[1].query["allowWatchBookmarks"] == "true"
        assert script.server.requests[1].query["labelSelector"] == "a=b"
    assert sorted(found.groups()) == ["g", "h"]
    assert found.of("g") == [{"is": "new"}]
    assert found.of("h") == [{"is": None}]
    assert found.of("nobody") == []
    assert told.changed == ["g", "g", "h", "g", "g"], "what is as it was is not told"
    assert told.lists == 1


def status_410(reply: Reply) -> None:
    reply.status(410, "Expired", "too old")


EXPIRED: list[Callable[[Reply], None]] = [
    status_410,
    telling(("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})),
    telling(("ADDED", item("b", 101)), ("ERROR", {"code": 410, "reason": "Gone"})),
]


@pytest.mark.parametrize("expired", EXPIRED)
def test_a_version_that_is_too_old_makes_it_list_again(expired):
    with Script(expired, items=(item("a"),)) as script:
        found = make_informer(script.server.api())
        run(found, pauses=2)
        assert (script.lists, script.watched_from) == (2, ["100", "100"])
        assert found.of("g") == [{"is": None}], "only what is listed is there"


def test_a_list_that_expires_between_its_pages_is_asked_for_again():
    lists = []

    def answer(request: Request, reply: Reply) -> None:
        if request.is_watch:
            reply.status(503)
        elif "continue" in request.query and len(lists) < 2:
            reply.status(410, "Expired")
        elif "continue" in request.query:
            reply.json(listing(item("b")))
        else:
            lists.append(request)
            content = listing(item("a"))
            content["metadata"]["continue"] = "more"
            reply.json(content)

    with ApiServer(answer) as server:
        found = make_informer(server.api())
        run(found, pauses=2)
        assert len(found.of("g")) == 2
    assert len(lists) == 2


BROKEN: list[Callable[[Reply], None]] = [
    telling(("ADDED", item("b", 101)), how="cut"),
    telling(("ADDED", item("b", 101)), how="half"),
    telling(("ADDED", item("b", 101)), ("ERROR", {"code": 500, "message": "etcd has no leader"})),
    telling(("ADDED", item("b", 101)), ("ERROR", {})),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_watch_that_breaks_is_taken_up_where_it_was(broken):
    with Script(broken) as script:
        found = make_informer(script.server.api())
        run(found, pauses=2)
        assert (script.lists, script.watched_from) == (1, ["100", "101"])
        assert found.of("g") == [{"is": None}]


def test_a_watch_that_falls_silent_is_taken_up_where_it_was(monkeypatch):
    monkeypatch.setattr(client, "WATCH_READ_S", 0.2)
    done = threading.Event()

    def silent(reply: Reply) -> None:
        reply.stream()
        reply.event("ADDED", item("b", 101))
        done.wait(PATIENCE_S)

    with Script(silent) as script:
        try:
            run(make_informer(script.server.api()), pauses=2)
        finally:
            done.set()
        assert (script.lists, script.watched_from) == (1, ["100", "101"])


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_whatever_the_server_answers_it_is_asked_again(status):
    answers = [status, status, 200, status, 200]

    def answer(request: Request, reply: Reply) -> None:
        code = answers.pop(0) if answers else 503
        if code != 200:
            reply.status(code)
        elif request.is_watch:
            telling(("ADDED", item("b", 101)))(reply)
        else:
            reply.json(listing(item("a")))

    with ApiServer(answer) as server:
        found = make_informer(server.api())
        run(found, pauses=6)
        assert len(found.of("g")) == 2


@pytest.mark.parametrize(
    "odd", [{}, {"metadata": {}}, {"metadata": {"resourceVersion": "1"}, "items": [1]}]
)
def test_a_list_that_nobody_foresaw_does_not_end_it(odd):
    answers = [odd, listing(item("a"))]

    def answer(request: Request, reply: Reply) -> None:
        if request.is_watch or not answers:
            reply.status(503)
        else:
            reply.json(answers.pop(0))

    with ApiServer(answer) as server:
        found = make_informer(server.api())
        run(found, pauses=3)
        assert found.groups() == ["g"]


@pytest.mark.parametrize(
    "odd", [{"object": 7}, {"type": "ADDED", "object": {"metadata": {"name": "x"}}}]
)
def test_an_event_that_nobody_foresaw_makes_it_list_again(odd):
    def step(reply: Reply) -> None:
        reply.stream()
        reply.event(odd.get("type", "ADDED"), odd["object"])
        reply.end()

    with Script(step, items=(item("a"),)) as script:
        found = make_informer(script.server.api())
        run(found, pauses=2)
        assert script.lists == 2
        assert found.groups() == ["g"]


def test_a_cluster_that_cannot_be_chosen_now_may_be_later():
    answers = [Unavailable("no kubeconfig"), Unavailable("no kubeconfig")]

    def path() -> str:
        if answers:
            raise answers.pop()
        return PODS

    with Script(items=(item("a"),)) as script:
        found = make_informer(script.server.api(), path=path)
        run(found, pauses=3)
        assert found.groups() == ["g"]


def test_what_a_watch_lost_without_a_sign_is_found_by_the_next_list(monkeypatch):
    monkeypatch.setattr(informer, "RELIST_AFTER_S", 0.0)
    told = Told()
    with Script(telling(), items=(item("a"), item("b", group="h"))) as script:
        found = make_informer(script.server.api(), told)
        found._list()
        script.items = (item("a"),)
        run(found, pauses=1)
        assert found.groups() == ["g"]
    assert sorted(told.changed) == ["g", "h", "h"]


# Pauses.

FIRST, LONGEST = informer.FIRST_PAUSE_S, informer.LONGEST_PAUSE_S


def grows(pauses: list[float]) -> bool:
    """From the first to the longest, and no further."""
    expected = [min(LONGEST, FIRST * 2**number) for number in range(len(pauses))]
    return all(0.75 * e <= p <= 1.25 * e for p, e in zip(pauses, expected, strict=True))


def busy(reply: Reply) -> None:
    reply.status(429)


NEVER_WELL: dict[str, Callable[[Reply], None]] = {
    "refused": lambda reply: reply.status(403),
    "busy": busy,
    "too old": status_410,
    "too old, as an event": telling(("ERROR", {"code": 410})),
    "too old after an event": telling(("ADDED", item("b", 101)), ("ERROR", {"code": 410})),
    "an error": telling(("ERROR", {"code": 500})),
    "ended at once": telling(),
    "ended at once after a bookmark": telling(
        ("BOOKMARK", {"metadata": {"resourceVersion": "101"}})
    ),
    "ended at once after events": telling(("ADDED", item("b", 101)), ("DELETED", item("b", 102))),
    "cut at once": telling(how="cut"),
    "nonsense": lambda reply: reply.raw(b"<html>"),
}


@pytest.mark.parametrize("step", NEVER_WELL.values(), ids=list(NEVER_WELL))
def test_a_watch_that_never_goes_well_is_asked_for_ever_more_slowly(step):
    with Script(*[step] * 8) as script:
        pauses = run(make_informer(script.server.api()), pauses=8)
        assert grows(pauses)
        assert len(script.watched_from) == 8, "never without a pause"
        assert script.lists <= 8


def test_a_list_that_never_goes_well_is_asked_for_ever_more_slowly():
    with ApiServer(lambda request, reply: reply.status(500)) as server:
        assert grows(run(make_informer(server.api()), pauses=8))
        assert len(server.requests) == 8


def test_a_server_that_is_not_there_is_asked_ever_more_slowly():
    server = ApiServer()
    server.close()
    assert grows(run(make_informer(server.api()), pauses=8))


def test_after_a_watch_that_went_well_pauses_begin_small_again(monkeypatch):
    monkeypatch.setattr(informer, "SHORTEST_WATCH_S", 0.05)

    def well(reply: Reply) -> None:
        reply.stream()
        time.sleep(0.1)
        reply.end()

    with Script(busy, busy, busy, well, busy) as script:
        pauses = run(make_informer(script.server.api()), pauses=4)
    assert grows(pauses[:3])
    assert grows(pauses[3:])


def test_after_an_outage_a_version_that_is_too_old_costs_no_pause(monkeypatch):
    """A server that comes back knows no old versions; it is asked for a list at once."""
    monkeypatch.setattr(informer, "SOON_S", 0.0)
    with Script(busy, busy, busy, status_410, busy) as script:
        pauses = run(make_informer(script.server.api()), pauses=4)
        assert script.lists == 2
    assert grows(pauses[:3])
    assert grows(pauses[3:]), "the list went well: what went wrong before is forgotten"


# Until when it is known what there is.


def test_what_is_known_is_known_until_the_last_word_of_the_server(monkeypatch):
    monkeypatch.setattr(informer, "SHORTEST_WATCH_S", 0.05)
    asked: list[Any] = []

    def well(reply: Reply) -> None:
        asked.append(found.known_until)
        reply.stream()
        time.sleep(0.1)
        reply.end()

    def look(reply: Reply) -> None:
        asked.append(found.known_until)
        busy(reply)

    with Script(well, well, look, look) as script:
        found = make_informer(script.server.api())
        assert found.known_until is None
        run(found, pauses=2)
    first, second, third, last = asked
    assert first < second < third
    assert third == last == found.known_until, "while the server is away nothing is known anew"


# Whatever happens in whatever order.


class Unsound:
    """A cluster that changes, forgets and fails as a test says, without a wire between."""

    def __init__(self, steps: list[tuple]) -> None:
        self.steps = steps
        self.objects: dict[str, Json] = {}
        self.log: list[tuple[int, str, Json]] = []
        self.version = 1
        self.oldest = 0
        self.mirror: Informer | None = None

    def change(self, name: str, what: str) -> None:
        if what == "remove" and name not in self.objects:
            return
        self.version += 1
        changed = item(name, self.version, group=name[0], **{"is": self.version})
        if what == "remove":
            self.objects.pop(name)
        else:
            self.objects[name] = changed
        kind = {"remove": "DELETED"}.get(what, "MODIFIED")
        self.log.append((self.version, kind, changed))

    def trouble(self) -> str | None:
        """Let happen what happens before the next word; gives what goes wrong then."""
        while self.steps:
            what, *rest = self.steps.pop(0)
            if what == "change":
                self.change(*rest)
            elif what == "forget":
                self.oldest = self.version
            else:
                return what
        return None

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        version, names = self.version, sorted(self.objects)
        objects = dict(self.objects)
        for start in range(0, len(names) + 1, 2):
            trouble = self.trouble()
            if trouble == "expire":
                raise Refused(410, "Expired", "")
            if trouble:
                raise Unavailable(trouble)
            found = [objects[name] for name in names[start : start + 2]]
            yield listing(*found, version=version)

    def events(self, path: str, resourceVersion: str, **query: Any) -> Iterator[Json]:
        seen = int(resourceVersion)
        if seen < self.oldest:
            raise Refused(410, "Expired", "")
        while True:
            trouble = self.trouble()
            if trouble == "expire":
                yield {"type": "ERROR", "object": {"code": 410}}
            elif trouble == "bookmark":
                yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(seen)}}}
                continue
            elif trouble == "end":
                return
            elif trouble:
                raise Unavailable(trouble)
            new = [entry for entry in self.log if entry[0] > seen]
            if not new and not self.steps:
                assert self.mirror is not None
                self.mirror.stop()
                return
            if new:
                seen, kind, content = new[0]
                yield {"type": kind, "object": content}


_step = st.one_of(
    st.tuples(
        st.just("change"),
        st.sampled_from(["a1", "a2", "b1", "b2", "c1"]),
        st.sampled_from(["put", "put", "remove"]),
    ),
    st.sampled_from([("forget",), ("expire",), ("cut",), ("end",), ("bookmark",)]),
)


@given(steps=st.lists(_step, max_size=40))
@settings(deadline=None)
def test_in_the_end_the_copy_is_what_there_is(steps):
    """And whoever looked at each group when it was told to have changed has seen the last of it."""
    world = Unsound(list(steps))
    looked: dict[str, list[Json]] = {}

    def look(group: str) -> None:
        looked[group] = found.of(group)

    found = make_informer(world, Told(look))
    world.mirror = found
    found._stopping.wait = lambda timeout=None: found._stopping.is_set()  # type: ignore
    shortest, informer.SHORTEST_WATCH_S = informer.SHORTEST_WATCH_S, 0.0
    try:
        found.run()
    finally:
        informer.SHORTEST_WATCH_S = shortest
    expected: dict[str, list[Json]] = {}
    for content in world.objects.values():
        expected.setdefault(content["group"], []).append({"is": content["is"]})

    def in_order(groups: dict[str, list[Json]]) -> dict[str, list[int]]:
        return {
            group: sorted(content["is"] for content in members)
            for group, members in groups.items()
            if members
        }

    assert in_order({group: found.of(group) for group in found.groups()}) == in_order(expected)
    assert in_order(looked) == in_order(expected)


def test_a_thread_of_it_ends_when_it_is_stopped():
    with World() as world:
        world.put("pods", item("a"))
        found = make_informer(world.api())
        found.start()
        _wait(lambda: found.groups() == ["g"])
        found.stop()
        found.join(PATIENCE_S)
        assert not found.is_alive()


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it did not come in time"
        time.sleep(0.01)
