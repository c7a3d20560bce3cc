"""The ledger under real concurrency: threads, each with its own connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from accounts.models import Balance, LedgerEntry
from accounts.units import ledger
from accounts.units.ledger import InsufficientUnits
from tests.accounts.factories import make_user
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(calls: list[Callable[[], Any]], threads: int = 10) -> list[Any]:
    """Results, or exceptions, of `calls` made by `threads` threads that start together."""
    gate = threading.Barrier(threads)
    waited = threading.local()

    def run(call: Callable[[], Any]) -> Any:
        if not hasattr(waited, "done"):
            waited.done = True
            gate.wait(timeout=PATIENCE_S)
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, calls))


def test_of_100_reservations_for_40_units_exactly_40_succeed():
    user = make_user(units=40)
    results = at_once(
        [
            lambda n=n: ledger.reserve(user, 1, reference=f"job-{n}", key=f"reserve:{n}")
            for n in range(100)
        ]
    )
    assert sum(isinstance(result, LedgerEntry) for result in results) == 40
    assert sum(isinstance(result, InsufficientUnits) for result in results) == 60
    balance = Balance.objects.get(user=user)
    assert (balance.total, balance.reserved, balance.available) == (40, 40, 0)
    assert ledger.check_ledger() == []


def test_settling_crossed_with_releasing_closes_exactly_once():
    user = make_user(units=50)
    for number in range(50):
        ledger.reserve(user, 1, reference=f"job-{number}", key=f"reserve:{number}")
    calls = []
    for number in range(50):
        pair = [
            lambda n=number: ledger.settle(f"job-{n}", actual=1),
            lambda n=number: ledger.release(f"job-{n}"),
        ]
        calls += pair if number % 2 else reversed(pair)
    results = at_once(calls, threads=2)
    for number in range(50):
        assert sorted(results[2 * number : 2 * number + 2]) == [False, True]
    settled = LedgerEntry.objects.filter(kind="settle").count()
    balance = Balance.objects.get(user=user)
    assert (balance.total, balance.reserved) == (50 - settled, 0)
    assert ledger.check_ledger() == []


def test_the_same_key_at_once_moves_once():
    user = make_user()  # without a balance row: its making races too
    results = at_once([lambda: ledger.grant(user, 7, key="once") for _ in range(20)])
    assert len({result.pk for result in results}) == 1
    assert ledger.available(user) == 7
    assert LedgerEntry.objects.count() == 1


def test_grants_reservations_and_overrides_at_once_lose_nothing():
    user = make_user(units=10)
    calls: list[Callable[[], Any]] = []
    for number in range(30):
        calls.append(lambda n=number: ledger.grant(user, 2, key=f"grant:{n}"))
        calls.append(lambda n=number: ledger.reserve(user, 1, reference=f"j{n}", key=f"r:{n}"))
    calls.append(lambda: ledger.override(user, 5, key="override"))
    results = at_once(calls)
    assert all(isinstance(result, LedgerEntry | InsufficientUnits) for result in results)
    assert ledger.check_ledger() == []
