"""How long a viewer's start waits for what it opens: for this machine, not for a store."""

from __future__ import annotations

import threading

import pytest

from jobs.runner.viewers import opening
from jobs.runner.viewers.opening import each
from tests.patience import PATIENCE_S, comes_back


@pytest.fixture
def released():
    event = threading.Event()
    yield event
    event.set()


def test_a_store_that_does_not_answer_is_waited_for_no_longer_than_soon(released):
    opened = []

    def call(name: str) -> None:
        if name == "hangs":
            released.wait()
        opened.append(name)

    comes_back(lambda: each(call, [["hangs"], ["one", "two"]], needed=()))
    assert sorted(opened) == ["one", "two"]


def test_what_is_computed_is_waited_for_though_it_takes_longer(monkeypatch, released):
    looks = []
    look = opening._Waits.look
    monkeypatch.setattr(opening._Waits, "look", lambda waits: (looks.append(1), look(waits)))
    monkeypatch.setattr(opening, "BUSY_S", PATIENCE_S)
    monkeypatch.setattr(opening, "SOON_S", 1.0)
    long = 1.5 * opening.SOON_S / opening._LOOK_S
    opened = []

    def call(name: str) -> None:
        if name == "hangs":
            released.wait()
        while name == "slow" and len(looks) < long:
            sum(range(1000))
        opened.append(name)

    comes_back(lambda: each(call, [["hangs"], ["slow"]], needed=()))
    assert opened == ["slow"]
