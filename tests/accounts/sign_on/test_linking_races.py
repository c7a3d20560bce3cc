"""First sign-ons that arrive at once: an e-mail still links one account and no second."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.models import Identity, User
from accounts.sign_on.linking import SignOnRefused, identify

from .issuer import provider
from .test_linking import person

pytestmark = pytest.mark.django_db(transaction=True)

EDC = provider()
AT_ONCE = 8


def at_once(do: Callable[[int], object]) -> list[object]:
    """What `do` returned or raised, called from as many threads."""
    barrier, results = threading.Barrier(AT_ONCE), [None] * AT_ONCE

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = do(number)
        except SignOnRefused as refusal:
            results[number] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("is_known", [True, False])
def test_of_many_accounts_with_one_email_one_is_linked(is_known):
    if is_known:
        User.objects.create_user("ann@example.org")
    results = at_once(lambda number: identify(EDC, person(str(number))))
    assert sum(isinstance(result, Identity) for result in results) == 1
    assert sum(isinstance(result, SignOnRefused) for result in results) == AT_ONCE - 1
    assert User.objects.count() == 1
    assert Identity.objects.exclude(user=None).count() == 1


def test_one_account_that_comes_many_times_at_once_is_one_user():
    results = at_once(lambda number: identify(EDC, person("the same")).user_id)
    assert len(set(results)) == 1
    assert (User.objects.count(), Identity.objects.count()) == (1, 1)
