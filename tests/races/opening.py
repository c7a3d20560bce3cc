"""Services that are opened, woken, stopped and shared at once, on a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from accounts.deletion import forget_person
from accounts.models import LedgerEntry
from accounts.sharing import giving, openings
from accounts.sharing.waiting import claim_waiting
from accounts.units import ledger
from services import lifecycle
from services.access import entering, reports
from services.access.decisions import Question, decide
from services.access.rights import right_of
from services.models import (
    EdgeSession,
    InstanceEvent,
    Reason,
    ServiceInstance,
    State,
)
from tests.accounts.factories import make_user
from tests.services import sharing
from tests.services.factories import make_instance, make_profile, shares_at

from .exact import TRIALS, _on_postgresql  # noqa: F401 - the fixture holds here too
from .parallel import Threads

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = 60
"""Units for an hour: one for each minute."""


def asleep(**fields: Any) -> ServiceInstance:
    owner = make_user(permissions=["manage:cubegens"], units=1000)
    profile = make_profile(units_per_hour=PRICE)
    return make_instance(owner, state=State.ASLEEP, profile=profile, **fields)


def session_of(instance: ServiceInstance) -> str:
    made = entering.exchange_ticket(
        instance.instance_id, entering.make_ticket(instance, instance.owner)
    )
    assert made
    return made[1]


def ask(instance: ServiceInstance, **question: Any) -> dict[str, Any]:
    return decide(Question(instance.instance_id, **question))


def events(instance: ServiceInstance) -> Counter[str]:
    rows = InstanceEvent.objects.filter(instance=instance)
    return Counter(rows.values_list("to_state", flat=True))


def test_of_20_exchanges_of_a_ticket_one_makes_a_session():
    with Threads(20) as threads:
        for trial in range(TRIALS):
            instance = asleep()
            ticket = entering.make_ticket(instance, instance.owner)
            answers = threads.at_once([partial(ask, instance, ticket=ticket)] * 20)
            whys = Counter(answer.get("why", "allowed") for answer in answers)
            assert whys == {"allowed": 1, "bad_ticket": 19}, (trial, whys)
            assert EdgeSession.objects.filter(instance=instance).count() == 1


def test_20_requests_wake_a_service_once():
    with Threads(20) as threads:
        for trial in range(TRIALS):
            instance = asleep()
            session = session_of(instance)
            answers = threads.at_once([partial(ask, instance, session=session, wake=True)] * 20)
            assert {answer.get("state") for answer in answers} == {"STARTING"}, (trial, answers)
            assert events(instance)[State.STARTING] == 1
            instance.refresh_from_db()
            assert (instance.state, instance.revision) == (State.STARTING, 2)
            reserved = LedgerEntry.objects.filter(user=instance.owner, kind="reserve")
            assert reserved.count() == 1
    assert ledger.check_ledger() == []


def test_a_stop_wins_over_10_requests_that_wake():
    """Whoever comes first: in the end it is stopping, and nothing stays reserved."""
    with Threads(11) as threads:
        for trial in range(TRIALS * 3):
            instance = asleep()
            session = session_of(instance)

            def stop(pk=instance.pk) -> dict[str, Any]:
                row = ServiceInstance.objects.select_related("owner", "profile").get(pk=pk)
                return {"stopped": lifecycle.stop(row, actor="ann", reason=Reason.OWNER)}

            wake = partial(ask, instance, session=session, wake=True)
            answers = threads.at_once([*[wake] * 5, stop, *[wake] * 5])
            assert all(isinstance(answer, dict) for answer in answers), (trial, answers)
            assert answers[5] == {"stopped": True}
            ways = {answer.get("why") or answer["state"] for answer in answers if "allow" in answer}
            assert ways <= {"STARTING", "stopped"}, ways
            seen = events(instance)
            assert seen[State.STOPPING] == 1 and seen[State.STARTING] <= 1
            instance.refresh_from_db()
            assert instance.state == State.STOPPING
            instance.owner.balance.refresh_from_db()
            assert instance.owner.balance.reserved == 0, trial
    assert ledger.check_ledger() == []


def test_20_shares_with_a_person_are_one():
    with Threads(20) as threads:
        for _ in range(TRIALS):
            instance, guest = asleep(), make_user()
            answers = threads.at_once(
                [partial(sharing.share_with, instance, guest, by=instance.owner)] * 20
            )
            assert len({row.pk for row in answers}) == 1, answers
            assert shares_at(instance).count() == 1


def test_links_made_at_once_stay_below_the_limit(monkeypatch):
    monkeypatch.setattr(giving, "MOST_SHARES", 5)
    with Threads(20) as threads:
        instance = asleep()
        threads.at_once([lambda: sharing.make_link(instance, by=instance.owner) for _ in range(20)])
        assert sharing.shares_of(instance).count() == 5


def test_reports_of_two_edges_at_once_all_succeed():
    """They name the same services, each in its own order."""
    instances = [asleep() for _ in range(30)]
    with Threads(8) as threads:
        for trial in range(TRIALS):
            uses = [reports.Use(it.instance_id, 0, "a page", open=1) for it in instances]
            orders = [uses, uses[::-1], uses[10:] + uses[:10], uses[20:]] * 2
            calls = [lambda order=order: reports.record(order, []) for order in orders]
            answers = threads.at_once(calls)
            for order, answer in zip(orders, answers, strict=True):
                assert answer["ended"] == answer["stopped"] == [], (trial, answer)
                assert set(answer["asleep"]) == {use.instance for use in order}, trial


def test_what_is_opened_while_a_share_is_withdrawn_is_over_afterwards():
    """Whoever came first: after the withdrawal no session, and no page, goes on by the share."""
    with Threads(12) as threads:
        for _ in range(TRIALS):
            instance, guest = asleep(), make_user(permissions=["manage:cubegens"])
            share = sharing.share_with(instance, guest, by=instance.owner)
            tickets = [entering.make_ticket(instance, guest) for _ in range(8)]
            calls = [partial(ask, instance, ticket=ticket) for ticket in tickets]
            calls += [partial(openings.note_opening, share, guest)] * 2
            calls += [partial(giving.withdraw, share, by=instance.owner)] * 2
            answers = threads.at_once(calls)
            assert not [it for it in answers if isinstance(it, Exception)], answers
            assert sorted(answers[-2:]) == [False, True]
            made = [answer["session"] for answer in answers[:8] if answer.get("allow")]
            assert not [key for key in made if ask(instance, session=key)["allow"]]
            assert right_of(guest, instance) is None
            assert events(instance)[""] == 2, "shared once, withdrawn once"


def test_a_share_with_somebody_who_is_being_deleted_names_nobody():
    with Threads(6) as threads:
        for _ in range(TRIALS):
            instance, guest = asleep(), make_user()
            email, user_id = guest.email, guest.user_id
            calls = [partial(forget_person, guest, actor="op")]
            calls += [partial(sharing.share_with, instance, email, by=instance.owner)] * 3
            calls += [partial(sharing.share_with, instance, user_id, by=instance.owner)] * 2
            answers = threads.at_once(calls)
            assert not [it for it in answers if isinstance(it, Exception)], answers
            left = shares_at(instance)
            assert not [share for share in left if share.user_id is not None], left
            assert left.count() <= 2


def test_a_share_and_the_account_that_it_waits_for_meet():
    """Made at once, they meet at the latest when the person signs in."""
    with Threads(4) as threads:
        for trial in range(TRIALS):
            instance, email = asleep(), f"new{trial}@example.org"
            calls = [partial(make_user, email)]
            calls += [partial(sharing.share_with, instance, email, by=instance.owner)] * 3
            user, *shares = threads.at_once(calls)
            assert len({share.pk for share in shares}) == 1, shares
            claim_waiting(user)
            assert shares_at(instance).get().user == user
            assert right_of(user, instance) is not None
