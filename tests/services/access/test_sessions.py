"""Sessions at the edge live no longer than those at the hub that they came from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.sharing import giving
from services.access import entering, reports
from services.access.decisions import Question, decide
from services.models import EdgeSession, EdgeTicket, ServiceInstance
from tests.accounts.factories import make_user
from tests.services import sharing
from tests.services.factories import make_public_link

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance(world) -> ServiceInstance:
    return world.ready()


def opened(client: Client, instance: ServiceInstance) -> str:
    """The ticket that the hub gives to this browser."""
    answer = client.get(f"/services/{instance.instance_id}/open")
    assert answer.status_code == 302, answer.content
    return parse_qs(urlsplit(answer["Location"]).query)["ticket"][0]


def ask(instance: ServiceInstance, **credential: str) -> dict[str, Any]:
    return decide(Question(instance.instance_id, **credential))


@pytest.fixture
def entered(client, instance) -> str:
    """The owner's session at the edge, from the hub's page."""
    client.force_login(instance.owner)
    answer = ask(instance, ticket=opened(client, instance))
    assert answer["allow"]
    assert ask(instance, session=answer["session"])["allow"]
    return answer["session"]


def goes_on(instance: ServiceInstance, session: str) -> bool:
    """Whether a decision and a report say the same of it, and what they say."""
    allowed = ask(instance, session=session)["allow"]
    grant = f"s:{EdgeSession.objects.latest('pk').pk}"
    assert (reports.record([], [grant])["ended"] == []) is allowed
    return allowed


def test_a_sign_out_at_the_hub_ends_it(client, instance, entered):
    client.logout()
    assert not goes_on(instance, entered)


def test_a_hub_session_that_expires_or_is_deleted_ends_it(client, instance, entered):
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not goes_on(instance, entered)


def test_a_new_password_ends_it(instance, entered):
    instance.owner.set_password("a new one")
    instance.owner.save()
    assert not goes_on(instance, entered)


def test_a_new_password_makes_tickets_useless(client, instance):
    client.force_login(instance.owner)
    ticket = opened(client, instance)
    instance.owner.set_password("a new one")
    instance.owner.save()
    assert ask(instance, ticket=ticket)["why"] == "forbidden"


def test_the_same_person_who_signs_on_again_goes_on(client, instance, entered):
    """As a provider confirms each sign-on every few minutes."""
    client.force_login(instance.owner)
    assert goes_on(instance, entered)
    client.logout()
    assert not goes_on(instance, entered)


def test_another_person_who_signs_on_in_the_browser_ends_it(client, instance, entered):
    client.force_login(make_user())
    assert not goes_on(instance, entered)


def test_a_sign_out_in_another_browser_changes_nothing(instance, entered):
    other = Client()
    other.force_login(instance.owner)
    opened(other, instance)
    other.logout()
    assert goes_on(instance, entered)


def test_an_ended_session_of_the_edge_is_refused(instance, entered):
    EdgeSession.objects.update(ended_at=timezone.now())
    assert not goes_on(instance, entered)


def test_a_deleted_session_is_refused(instance, entered):
    EdgeSession.objects.all().delete()
    assert ask(instance, session=entered)["why"] == "sign_in"


def test_a_shorter_life_of_hub_sessions_shortens_it(instance, monkeypatch):
    class Hub:
        session_lifetime_s = 600

    monkeypatch.setattr(entering, "hub", Hub)
    ticket = entering.make_ticket(instance, instance.owner)
    assert 590 < ask(instance, ticket=ticket)["session_s"] <= 600


def test_a_role_that_is_taken_ends_an_operators_session(instance):
    operator = make_user(permissions=["operate:hub"])
    session = ask(instance, ticket=entering.make_ticket(instance, operator))["session"]
    assert goes_on(instance, session)
    operator.user_permissions.clear()
    assert not goes_on(instance, session)


@pytest.mark.parametrize("count", [1, 12])
def test_decisions_and_reports_take_one_query_for_whoever_asks(
    world, django_assert_num_queries, count
):
    instance = world.ready()
    sessions = []
    for _ in range(count):
        guest, operator, former = make_user(), make_user(permissions=["operate:hub"]), make_user()
        share = sharing.share_with(instance, former, by=instance.owner)
        sharing.share_with(instance, guest, by=instance.owner)
        for user in (guest, operator, former, instance.owner):
            made = ask(instance, ticket=entering.make_ticket(instance, user))
            sessions.append((made["session"], user is not former))
        giving.withdraw(share, by=instance.owner)
    _, link = make_public_link(instance)
    sessions.append((ask(instance, link=link)["session"], True))
    for session, may in sessions[-5:]:
        with django_assert_num_queries(1):
            assert ask(instance, session=session)["allow"] is may
    grants = [f"s:{pk}" for pk in EdgeSession.objects.values_list("pk", flat=True)]
    with django_assert_num_queries(2):
        assert len(reports.record([], grants)["ended"]) == count


def test_thousands_of_rights_fit_into_one_report(instance, django_assert_num_queries):
    rows = [
        EdgeSession(
            token_hash=f"{number:064}",
            instance=instance,
            user=instance.owner,
            expires_at=timezone.now() + timedelta(hours=number - 1000),
        )
        for number in range(3000)
    ]
    EdgeSession.objects.bulk_create(rows)
    pks = EdgeSession.objects.order_by("expires_at").values_list("pk", flat=True)
    grants = [f"s:{pk}" for pk in pks]
    uses = [reports.Use(f"x{number}", 1.0, "a page", open=1) for number in range(499)]
    uses.append(reports.Use(instance.instance_id, timezone.now().timestamp(), "a tile request"))
    with django_assert_num_queries(3):
        told = reports.record(uses, grants)
    assert set(told["ended"]) == set(grants[:1001])
    instance.refresh_from_db()
    assert instance.last_used_by == "a tile request"


def test_a_link_that_is_opened_too_often_makes_no_more_sessions(instance, monkeypatch):
    monkeypatch.setattr(entering, "LINK_SESSIONS", 3)
    _, link = make_public_link(instance)
    whys = [ask(instance, link=link).get("why", "") for _ in range(5)]
    assert whys == ["", "", "", "busy", "busy"]
    assert EdgeSession.objects.count() == 3
    _, another = make_public_link(instance)
    assert ask(instance, link=another)["allow"]


@pytest.mark.parametrize("kind", ["link", "ticket"])
def test_a_link_or_ticket_that_is_none_makes_no_row(instance, kind):
    assert ask(instance, **{kind: "x" * 43})["why"] == "bad_ticket"
    assert not EdgeSession.objects.exists() and not EdgeTicket.objects.exists()


def test_only_owner_and_operators_share(instance):
    from hubsite.refusals import Refused

    guest = make_user(permissions=["manage:cubegens"])
    sharing.share_with(instance, guest, by=instance.owner)
    for share in (lambda: sharing.make_link(instance, by=guest),
                  lambda: sharing.share_with(instance, make_user(), by=guest)):  # fmt: skip
        with pytest.raises(Refused, match="Only its owner"):
            share()
    operator = make_user(permissions=["operate:hub"])
    assert sharing.make_link(instance, by=operator)
