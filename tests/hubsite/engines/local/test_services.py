"""Services on this machine: what the engine makes of the runner's answers, also of odd ones."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

import pytest

from hubsite.engines.facts import Phase
from hubsite.engines.local import runner_calls
from hubsite.engines.local.services import LocalServices
from hubsite.engines.outcomes import MADE, EngineUnavailable, Outcome, Removal
from hubsite.engines.specs import Container, Service

TOLD: dict[str, Any] = {
    "name": "one",
    "revision": 3,
    "phase": "RUNNING",
    "reason": None,
    "message": None,
    "address": "unix:/run/one/http.sock",
    "ready_since": "2026-01-02T03:04:05+00:00",
    "restarts": 2,
    "broken": {"cube": "It has no variables."},
    "deleting": False,
}


def spec(name: str = "one", **fields: Any) -> Service:
    given: dict[str, Any] = {
        "revision": 3,
        "container": Container("ann", memory_bytes=1 << 30, env={"A": "b"}),
        "payload": {"kind": "xcube_server"},
        "path": "/one",
        "probe": "/datasets",
        "is_asleep": False,
    }
    return Service(name=name, **{**given, **fields})


class Script:
    """A runner that answers what the test says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answer: tuple[int, Any] | bytes = (200, {})


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script.asked.append((self.command, self.path, json.loads(body) if body else None))
            self.close_connection = True
            if isinstance(script.answer, bytes):
                self.wfile.write(script.answer)
                return
            status, content = script.answer
            data = json.dumps(content).encode()
            head = f"HTTP/1.1 {status} Answer\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data)

    class Server(ThreadingUnixStreamServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, Any]:
            return self.socket.accept()[0], ("runner", 0)

    path = tmp_path / "s"
    monkeypatch.setattr(runner_calls, "control_socket", lambda: path)
    with Server(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield script
        server.shutdown()


@pytest.fixture
def place() -> LocalServices:
    return LocalServices()


def watch(place: LocalServices) -> list[Any]:
    return [level.facts for level in place.watch(wait_s=0)][0]


class TestApply:
    @pytest.mark.parametrize(
        ("status", "state"),
        [(201, "created"), (200, "changed"), (200, "exists")],
    )
    def test_what_is_kept_is_made_also_an_older_revision(self, place, script, status, state):
        script.answer = (status, {**TOLD, "state": state})
        assert place.apply_one(spec()) == MADE

    def test_what_the_runner_gets(self, place, script):
        place.apply_one(spec(is_asleep=True))
        assert script.asked == [
            (
                "PUT",
                "/services/one",
                {
                    "name": "one",
                    "revision": 3,
                    "payload": {"kind": "xcube_server"},
                    "path": "/one",
                    "probe": "/datasets",
                    "env": {"A": "b"},
                    "memory_bytes": 1 << 30,
                    "is_asleep": True,
                },
            )
        ]

    def test_a_name_that_was_removed_has_ended(self, place, script):
        script.answer = (200, {"state": "ended"})
        assert place.apply_one(spec()).outcome == Outcome.ENDED

    def test_a_refusal_has_the_runners_words(self, place, script):
        script.answer = (400, {"error": "path: must be a plain path."})
        applied = place.apply_one(spec())
        assert (applied.outcome, applied.message) == (
            Outcome.REFUSED,
            "path: must be a plain path.",
        )

    @pytest.mark.parametrize("status", [408, 500, 503, 507])
    def test_a_busy_runner_or_a_full_disk_is_tried_again(self, place, script, status):
        script.answer = (status, {"error": "No space is left."})
        with pytest.raises(EngineUnavailable, match="No space is left"):
            place.apply_one(spec())


class TestRemove:
    @pytest.mark.parametrize(
        ("status", "removal"),
        [(202, Removal.ENDING), (200, Removal.GONE), (404, Removal.GONE)],
    )
    def test_ends_at_once_or_later(self, place, script, status, removal):
        script.answer = (status, {})
        assert place.remove_one("one") == removal
        assert script.asked == [("DELETE", "/services/one", None)]

    def test_a_failure_leaves_it_open(self, place, script):
        script.answer = (500, {"error": "The runner could not do this."})
        with pytest.raises(EngineUnavailable):
            place.remove_one("one")


@pytest.mark.parametrize("status", [202, 404])
def test_refresh_is_a_hint_also_for_what_is_gone(place, script, status):
    script.answer = (status, {})
    place.refresh_one("one")
    assert script.asked == [("POST", "/services/one/refresh", None)]


def test_names_cannot_leave_their_place(place, script):
    script.answer = (404, {})
    assert place.look("../runs/a?b#c") is None
    assert script.asked[0][1] == "/services/..%2Fruns%2Fa%3Fb%23c"


class TestFacts:
    def test_all_that_is_told(self, place, script):
        script.answer = (200, TOLD)
        fact = place.look("one")
        assert (fact.name, fact.revision, fact.phase) == ("one", 3, Phase.RUNNING)
        assert (fact.address, fact.restarts) == ("unix:/run/one/http.sock", 2)
        assert fact.ready_since.isoformat() == "2026-01-02T03:04:05+00:00"
        assert fact.broken == {"cube": "It has no variables."}
        assert place.exists("one")

    def test_what_fails_or_sleeps_lacks_an_address(self, place, script):
        lacking = {"reason": "CRASH_LOOP", "address": "", "ready_since": None, "restarts": None}
        script.answer = (200, {**TOLD, **lacking, "phase": "FAILED", "revision": None})
        fact = place.look("one")
        assert (fact.phase, fact.reason, fact.address) == (Phase.FAILED, "CRASH_LOOP", "")
        assert (fact.revision, fact.restarts, fact.ready_since) == (0, 0, None)

    def test_unknown_ones(self, place, script):
        script.answer = (404, {"error": "There is no such service."})
        assert place.look("one") is None and not place.exists("one")
        assert place.log("one", most_lines=5, wait_s=0) == []

    def test_a_watch_goes_on_from_its_version_and_can_begin_anew(self, place, script):
        script.answer = (200, {"version": 17, "services": [TOLD, {**TOLD, "name": "two"}]})
        assert [fact.name for fact in watch(place)] == ["one", "two"]
        watch(place)
        place.stop_watching()
        watch(place)
        asked = [path for _, path, _ in script.asked]
        assert asked == [f"/services?since={since}&wait=0" for since in (0, 17, 0)]

    def test_many_odd_reasons_of_broken_ones_are_bounded(self, place, script):
        odd = {f"cube-{n}": "x" * 10_000 for n in range(100)} | {"number": 7}
        script.answer = (200, {**TOLD, "broken": odd})
        broken = place.look("one").broken
        assert len(broken) <= 20
        assert all(isinstance(why, str) and len(why) <= 300 for why in broken.values())


class TestLog:
    CHUNKS = [
        {"first_line": 1, "lines": ["a", "b", "c"]},
        {"first_line": 10, "lines": ["d", "e"]},
    ]

    @pytest.mark.parametrize(
        ("most_lines", "expected"),
        [
            (9, [(1, ["a", "b", "c"]), (10, ["d", "e"])]),
            (5, [(1, ["a", "b", "c"]), (10, ["d", "e"])]),
            (4, [(2, ["b", "c"]), (10, ["d", "e"])]),
            (2, [(10, ["d", "e"])]),
            (1, [(11, ["e"])]),
            (0, []),
        ],
    )
    def test_the_last_lines_with_their_numbers(self, place, script, most_lines, expected):
        script.answer = (200, {**TOLD, "log": self.CHUNKS})
        chunks = place.log("one", most_lines=most_lines, wait_s=0)
        assert [(chunk.first_line, list(chunk.lines)) for chunk in chunks] == expected


ODD = {
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\noops",
    "no HTTP": b"oops\r\n\r\n",
    "nothing": b"",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{",
    "too deep": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"[" * 100_000,
    "a list": (200, []),
    "a text": (200, "ready"),
    "no body": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no fields": (200, {}),
    "an unknown phase": (200, {**TOLD, "phase": "DANCING"}),
    "no time": (200, {**TOLD, "ready_since": "yesterday"}),
    "a failure": (500, {"error": "no"}),
    "no error text": (503, None),
}
CALLS: dict[str, Callable[[LocalServices], Any]] = {
    "look": lambda place: place.look("one"),
    "watch": watch,
    "log": lambda place: place.log("one", most_lines=5, wait_s=0),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", ODD)
def test_an_odd_answer_is_an_engine_that_does_not_answer(place, script, call, answer):
    script.answer = ODD[answer]
    if call == "watch" and answer in ("an unknown phase", "no time"):
        script.answer = (200, {"version": 1, "services": [ODD[answer][1]]})
    with pytest.raises(EngineUnavailable):
        CALLS[call](place)
    # The next answer counts again, from the version before.
    script.answer = (200, {"version": 5, "services": []})
    assert watch(place) == []
    assert script.asked[-1][1] == "/services?since=0&wait=0"


def test_without_a_runner_every_call_says_so(place, tmp_path, monkeypatch):
    monkeypatch.setattr(runner_calls, "control_socket", lambda: tmp_path / "none")
    for call in (*CALLS.values(), lambda p: p.apply_one(spec()), lambda p: p.remove_one("one"),
                 lambda p: p.refresh_one("one"), lambda p: p.exists("one")):  # fmt: skip
        with pytest.raises(EngineUnavailable, match="the runner does not answer"):
            call(place)
