"""Two hundred submissions at once, each with an estimate by xcube: none lost, none too many."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.jobs.factories import cubegen_request
from tests.patience import PATIENCE_S, wait_for

from .hub import Hub, Session, resident_mb
from .report import Pairs
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

SUBMISSIONS = size(200, 20)
AFFORDED = size(120, 12)
WARM_UP = size(50, 5)


def submit_at_once(session: Session, count: int) -> list[tuple[int, Any]]:
    """`count` submissions, each on a connection of its own; the answers."""
    start = threading.Barrier(count)

    def submit() -> tuple[int, Any]:
        mine = session.another()
        start.wait(PATIENCE_S)
        try:
            return mine.insist("PUT", "/cubegens", cubegen_request())
        finally:
            mine.close()

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(submit) for _ in range(count)]]


def cancel_all(hub: Hub, session: Session) -> None:
    """Cancel the user's jobs, and wait until no run is left."""
    assert session.insist("DELETE", "/cubegens") == (200, "Success")
    live = "SELECT count(*) FROM jobs_job WHERE is_live"
    wait_for(lambda: query(hub, live) == [(0,)], "end of all runs", pause_s=0.3)


def faults(log: str) -> tuple[list[str], int]:
    """The tracebacks of a hub's log; how often its database was locked for too long.

    That is 20 s, in which each of many writers had its turn: so it depends on the machine's speed.
    Whoever asked is answered 503, and a tick is repeated.
    """
    locked = "OperationalError: database is locked"
    tracebacks = log.split("Traceback (most recent call last)")[1:]
    return [text[:3000] for text in tracebacks if locked not in text], log.count(locked)


def query(hub: Hub, *statements: str) -> list[tuple]:
    """Look into the database past the hub; all `statements` see one snapshot."""
    path = f"file:{hub.folder / 'hub.sqlite3'}?mode=ro"
    with contextlib.closing(sqlite3.connect(path, uri=True, timeout=PATIENCE_S)) as database:
        database.isolation_level = None
        database.execute("BEGIN")
        return [row for text in statements for row in database.execute(text).fetchall()]


def books(hub: Hub, email: str) -> tuple[Counter, int, int]:
    """The user's jobs by state, units still owned, units reserved: at one moment."""
    of_user = f"(SELECT id FROM accounts_user WHERE email = '{email}')"
    *states, (total, reserved) = query(
        hub,
        f"SELECT state, count(*) FROM jobs_job WHERE owner_id = {of_user} GROUP BY state",
        f"SELECT total, reserved FROM accounts_balance WHERE user_id = {of_user}",
    )
    return Counter(dict(states)), total, reserved


def check_books(hub: Hub, email: str, *, granted: int, price: int, jobs: int) -> None:
    """Every job is there once; what it reserved is reserved, what succeeded is charged."""
    states, total, reserved = books(hub, email)
    assert states.total() == jobs, states
    active = states["QUEUED"] + states["LAUNCHED"] + states["RUNNING"]
    assert set(states) <= {"QUEUED", "LAUNCHED", "RUNNING", "SUCCEEDED"}, states
    assert reserved == active * price, (states, reserved)
    assert total == granted - states["SUCCEEDED"] * price, (states, total)
    hub.manage("check_ledger")


def test_two_hundred_submissions_at_once(report, hub):
    warm = hub.new_user("warm@example.org")
    price = hub.until_estimates(warm, cubegen_request())["result"]["cost_estimation"]["required"]
    assert price > 0
    assert {status for status, _ in submit_at_once(warm, WARM_UP)} == {200}
    cancel_all(hub, warm)
    before = {pid: resident_mb(pid) for pid in hub.web_workers()}
    assert before
    said_before = len(hub.log.read_text(errors="replace"))

    rich = hub.new_user("rich@example.org", units=SUBMISSIONS * price)
    answers = submit_at_once(rich, SUBMISSIONS)
    accepted = {job["job_id"] for status, job in answers if status == 200}
    report.count(f"{SUBMISSIONS} submissions at once: accepted", len(accepted), of=str(SUBMISSIONS),
                 limit="all", holds=len(accepted) == SUBMISSIONS)  # fmt: skip
    check_books(hub, "rich@example.org", granted=SUBMISSIONS * price, price=price, jobs=SUBMISSIONS)
    assert {job["job_id"] for job in rich.insist("GET", "/cubegens")[1]} == accepted
    cancel_all(hub, rich)

    poor = hub.new_user("poor@example.org", units=AFFORDED * price + price - 1)
    told = Counter(status for status, _ in submit_at_once(poor, SUBMISSIONS))
    expected = {200: AFFORDED, 413: SUBMISSIONS - AFFORDED}
    report.count(
        f"… with units for {AFFORDED} of them: accepted",
        told[200],
        of=f"{told[413]} × 413",
        limit=f"= {AFFORDED}",
        holds=told == expected,
    )
    granted = AFFORDED * price + price - 1
    check_books(hub, "poor@example.org", granted=granted, price=price, jobs=AFFORDED)
    cancel_all(hub, poor)
    hub.manage("check_ledger")

    after = {pid: resident_mb(pid) for pid in hub.web_workers()}
    assert set(after) == set(before), "a web process was replaced"
    tracebacks, times_locked = faults(hub.log.read_text(errors="replace")[said_before:])
    assert not tracebacks, tracebacks[0]
    report.measured("… the database was locked for too long, times", times_locked,
                    limit="0", holds=times_locked == 0)  # fmt: skip
    grown = max(before, key=lambda pid: after[pid] / before[pid])
    report.ratio("memory of a web process after / before", Pairs([after[grown]], [before[grown]]),
                 unit="MB", at_most=1.2)  # fmt: skip
