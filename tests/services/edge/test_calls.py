"""Calls over a WebSocket keep a service in use until they are answered; an idle tab does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.edge.calls import MOST, Calls

from .standins import INSTANCE
from .world import run, until, world


def ask(number: Any, method: str, **more: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": [], **more})


def answer(number: Any, **member: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, **member})


class Log(list):
    def __init__(self) -> None:
        self.calls = Calls(note=lambda: self.append("use"), hold=self.append)

    def told(self) -> list:
        found = list(self)
        self.clear()
        return found


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_call_counts_until_its_answer_and_its_progress_counts(log):
    log.calls.asked(ask(0, "open_dataset"))
    assert log.told() == ["use", True]
    log.calls.answered(answer(0, progress={"worked": 1}))
    assert log.told() == ["use"]
    log.calls.answered(answer(0, response={"id": 7, "values": [1] * 10_000}))
    assert log.told() == ["use", False]


@pytest.mark.parametrize("end", [{"error": {"code": 999}}, {"result": 1}, {"response": None}, {}])
def test_each_kind_of_answer_ends_it(log, end):
    log.calls.asked(ask(5, "x"))
    log.calls.answered(answer(5, **end))
    assert log.told() == ["use", True, "use", False]


def test_it_counts_until_the_last_of_several_is_answered(log):
    for number in (1, 2):
        log.calls.asked(ask(number, "x"))
    log.calls.answered(answer(2, response=1))
    assert False not in log.told()
    log.calls.answered(answer(1, response=1))
    assert log.told() == ["use", False]


def test_saying_that_one_is_there_is_no_use(log):
    for number in range(5):
        log.calls.asked(ask(number, "keep_alive"))
        log.calls.answered(answer(number, progress={}))
        log.calls.answered(answer(number, response=None))
    assert log.told() == []
    log.calls.answered(answer(4, response=None))  # it was answered before
    assert log.told() == ["use"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "[" * 9999, '{"id": 1}', "keep_alive", '{"method":"keep_alive","id":1}',
     ask("1", "keep_alive"), ask(-1, "keep_alive"), ask(10**30, "x"), ask(True, "x"),
     ask(1, "x" * 400), '{"jsonrpc":"2.0","id":1,"method":["keep_alive"]}', "\ud800", "ä" * 400],
)  # fmt: skip
def test_what_is_no_call_counts_when_it_passes(log, text):
    log.calls.asked(text)
    log.calls.answered(text)
    assert [it for it in log.told() if it == "use"] == ["use", "use"]


def test_what_is_remembered_is_bounded(log):
    for number in range(3 * MOST):
        log.calls.asked(ask(number, ("x", "keep_alive")[number % 2]))
    assert len(log.calls._open) + len(log.calls._quiet) == MOST
    log.told()
    log.calls.asked(ask(9_999_999, "keep_alive"))
    assert log.told() == ["use"]


def test_the_hub_is_told_while_a_call_waits_and_not_of_an_idle_tab():
    async def test():
        async with world() as w, w.websocket() as socket:

            def uses() -> list[dict]:
                return [use for it in w.hub.reports for use in it["uses"]]

            await until(lambda: uses(), "report of the WebSocket's beginning")
            await socket.send_str(ask(1, "compute"))
            await until(lambda: any(use["open"] for use in uses()), "report of the call")
            w.hub.reports.clear()
            await until(lambda: len(uses()) > 2, "reports while it waits")
            assert {use["open"] for use in uses()} == {1}
            assert w.edge.usage.used_at(INSTANCE)
            await socket.send_str(answer(1, response=None))  # the instance sends back what it gets
            await socket.receive_str()
            await socket.receive_str()
            await until(lambda: uses() and not uses()[-1]["open"], "report of the answer")
            w.edge.usage.unreported()
            w.hub.reports.clear()
            for number in range(3, 40):
                await socket.send_str(ask(number, "keep_alive"))
                await socket.receive_str()
            assert uses() == [] and not w.edge.usage.unreported()

    run(test())


def test_a_websocket_that_breaks_during_a_call_is_no_use_any_more():
    async def test():
        async with world() as w:
            socket = await w.websocket()
            await socket.send_str(ask(1, "compute"))
            await until(lambda: w.hub.reports and w.edge.usage._uses[INSTANCE].open, "call")
            socket._conn.transport.abort()
            await until(lambda: not w.edge.usage.counts()["websockets"], "end")
            assert not w.edge.usage._uses[INSTANCE].open

    run(test())
