"""How long an estimate may take: what a store of the caller's own may let it wait for is less."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.runner.estimates import estimator
from jobs.runner.estimates.estimator import Estimator
from tests.patience import PATIENCE_S

OWN = {"egress": {"deny_private": True}}


@pytest.fixture
def estimate(tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Estimates by the function given, as an estimator does; its answer."""
    before = signal.getsignal(signal.SIGALRM)

    def estimate(body: Any, answer: Callable[[], None], *, limit_s: float = PATIENCE_S) -> Any:
        with socket.socket() as listener:
            one = Estimator(
                listener=listener, root=tmp_path, limit_s=limit_s, busy=lambda since: None
            )
            signal.signal(signal.SIGALRM, one._on_alarm)

            def answered(body: Any) -> dict[str, str]:
                answer()
                return {"status": "ok"}

            head, _, content = one._estimate(body, answered).partition(b"\r\n\r\n")
            assert one._is_late == (b"504" in content)
            return json.loads(content)

    yield estimate
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def compute(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        sum(range(1000))


def wait_for_ever() -> None:
    threading.Event().wait(PATIENCE_S)


def test_computing_is_no_waiting_for_a_store_of_the_callers_own(monkeypatch, estimate):
    monkeypatch.setattr(estimator, "OWN_STORE_LIMIT_S", 0.2)
    assert estimate(OWN, lambda: compute(0.5)) == {"status": "ok"}
    assert estimate({}, lambda: time.sleep(0.3)) == {"status": "ok"}, "no store of their own"
    assert estimate(OWN, wait_for_ever)["status_code"] == 504


def test_in_all_it_is_bounded_though_it_computes(monkeypatch, estimate):
    assert estimate(OWN, lambda: compute(PATIENCE_S), limit_s=0.3)["status_code"] == 504
    asked = {**OWN, "limit_s": 0.1}
    assert estimate(asked, lambda: compute(PATIENCE_S))["status_code"] == 504
