"""Tries are counted before they are checked: in threads at once, too."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from hubsite.coordination import failures
from hubsite.coordination.failures import Limit, TooManyTries, TryCount, count

LOGIN = Limit("login 192.0.2.1 op@example.org", most=5, window_s=86_400)
ADDRESS = Limit("login 192.0.2.1", most=6, window_s=86_400)


@pytest.mark.django_db(transaction=True)
def test_of_40_tries_at_once_exactly_5_are_counted():
    def attempt(_: int) -> bool:
        try:
            count([LOGIN, ADDRESS])
        except TooManyTries:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(40))) == 5
    assert sorted(TryCount.objects.values_list("tries", flat=True)) == [5, 5]


@pytest.mark.django_db
def test_a_refused_try_counts_for_none_of_its_limits():
    for _ in range(5):
        count([LOGIN, ADDRESS])
    with pytest.raises(TooManyTries) as caught:
        count([ADDRESS, LOGIN])
    assert 1 <= caught.value.retry_after_s <= 86_400
    count([ADDRESS])
    with pytest.raises(TooManyTries):
        count([ADDRESS])


@pytest.mark.django_db
def test_what_succeeded_is_given_back():
    for _ in range(20):
        count([LOGIN]).give_back()
    tries = count([LOGIN])
    tries.give_back()
    tries.give_back()  # never below nothing
    assert TryCount.objects.get().tries == 0


@pytest.mark.django_db
def test_a_new_window_begins_anew_and_old_rows_go(monkeypatch):
    for _ in range(5):
        count([LOGIN])
    TryCount.objects.update(ends_at=timezone.now() - timedelta(hours=2))
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(failures.time, "time", lambda: tomorrow)
    count([LOGIN])
    assert TryCount.objects.get().tries == 1
