"""Who may use a service at the edge: every kind of caller, by every kind of credential."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.sharing import giving
from accounts.tokens.hub_tokens import issue_token
from hubsite.start.parts import edge_secret
from services import lifecycle
from services.access import entering, reports
from services.access.decisions import Question, decide
from services.models import EdgeSession, Kind, Reason, ServiceInstance, State
from tests.accounts.factories import make_user
from tests.services import sharing
from tests.services.factories import make_public_link, shares_at

pytestmark = pytest.mark.django_db

MAY = ["manage:cubegens"]


@pytest.fixture
def instance(world) -> ServiceInstance:
    return world.ready()


def session_of(instance: ServiceInstance, user: Any) -> str:
    made = entering.exchange_ticket(instance.instance_id, entering.make_ticket(instance, user))
    assert made is not None
    return made[1]


def ask(instance: ServiceInstance, **question: Any) -> dict[str, Any]:
    return decide(Question(instance.instance_id, **question))


def caller(kind: str, instance: ServiceInstance) -> Any:
    """A user who is that to the instance."""
    if kind in ("owner", "owner switched off"):
        return instance.owner
    if kind == "operator":
        return make_user(permissions=["operate:hub", *MAY])
    user = make_user(permissions=MAY)
    if kind != "other":
        sharing.share_with(instance, user, by=instance.owner)
    return user


def change(kind: str, instance: ServiceInstance, user: Any) -> None:
    """What happens after the session was opened."""
    if kind == "expired share":
        shares_at(instance).update(expires_at=timezone.now() - timedelta(seconds=1))
    elif kind == "revoked share":
        assert giving.withdraw(shares_at(instance).get(), by=instance.owner)
    elif kind.endswith("switched off"):
        user.is_active = False
        user.save()


CALLERS = {
    "owner": True,
    "operator": True,
    "shared": True,
    "expired share": False,
    "revoked share": False,
    "guest switched off": False,
    "owner switched off": False,
    "other": False,
}


@pytest.mark.parametrize(("kind", "may"), CALLERS.items())
@pytest.mark.parametrize("credential", ["session", "bearer", "page", "report"])
def test_each_caller_by_each_credential(world, client, instance, kind, may, credential):
    user = caller(kind, instance)
    token = issue_token(user, scopes=[*MAY, "operate:hub"])
    client.force_login(user)
    if credential in ("session", "report") and kind != "other":
        secret = session_of(instance, user)
        assert ask(instance, session=secret)["allow"]
    change(kind, instance, user)
    instance.refresh_from_db()
    if credential == "bearer":
        assert ask(instance, bearer=token)["allow"] is may
    elif credential == "page":
        answer = client.get(f"/services/{instance.instance_id}/open?next=/viewer/?a=1")
        assert ("/.xcube-hub/enter?ticket=" in answer.get("Location", "")) is may
        if not may:
            assert answer.status_code in (302, 404)
    elif kind == "other":
        assert ask(instance, session="somebody's")["why"] == "sign_in"
    elif credential == "session":
        answer = ask(instance, session=secret)
        assert answer["allow"] is may
        assert may or answer["location"].endswith(f"/services/{instance.instance_id}/open")
    else:
        grant = f"s:{EdgeSession.objects.get().pk}"
        ended = reports.record([], [grant])["ended"]
        assert ended == ([] if may else [grant])


def test_an_answer_says_where_the_service_is(instance):
    answer = ask(instance, session=session_of(instance, instance.owner))
    assert answer == {
        "allow": True,
        "grant": f"s:{EdgeSession.objects.get().pk}",
        "instance": instance.instance_id,
        "state": "READY",
        "address": instance.address,
        "path": "",
        "revision": 1,
        "cache_s": 60,
        "message": "",
        "has_published_viewer": instance.engine == "local",
    }


@pytest.mark.parametrize(
    ("kind", "place", "expected"),
    [
        (Kind.XCUBE_SERVER, "local", True),
        (Kind.XCUBE_SERVER, "kubernetes", False),
        (Kind.CATE_WEBAPI, "local", False),
    ],
)
def test_an_answer_says_whether_the_runner_publishes_its_viewer(instance, kind, place, expected):
    secret = session_of(instance, instance.owner)
    ServiceInstance.objects.filter(pk=instance.pk).update(kind=kind, engine=place)
    assert ask(instance, session=secret)["has_published_viewer"] is expected


def test_an_answer_says_why_the_service_is_not_ready_yet(world, instance):
    ServiceInstance.objects.filter(pk=instance.pk).update(
        state=State.STARTING, message="Waiting for a free place."
    )
    secret = session_of(instance, instance.owner)
    answer = ask(instance, session=secret)
    assert answer["message"] == "Waiting for a free place."
    assert answer["messages"] == {"de": "Wartet auf einen freien Platz."}


def test_a_decision_is_one_query(instance, django_assert_num_queries):
    secret = session_of(instance, instance.owner)
    ask(instance, session=secret)
    with django_assert_num_queries(1):
        assert ask(instance, session=secret)["allow"]


def test_a_session_opens_no_other_service(world, instance):
    other = world.ready()
    assert ask(other, session=session_of(instance, instance.owner))["why"] == "sign_in"
    ticket = entering.make_ticket(instance, instance.owner)
    assert ask(other, ticket=ticket)["why"] == "bad_ticket"
    assert ask(instance, ticket=ticket)["allow"]


def test_a_ticket_works_once_and_for_a_minute(world, instance):
    ticket = entering.make_ticket(instance, instance.owner)
    first = ask(instance, ticket=ticket)
    assert first["allow"]
    assert first["session_s"] > 3600
    assert ask(instance, ticket=ticket)["why"] == "bad_ticket"
    late = entering.make_ticket(instance, instance.owner)
    world.clock.pass_by(seconds=61)
    assert ask(instance, ticket=late)["why"] == "bad_ticket"


def test_a_ticket_of_somebody_whose_right_has_ended_opens_nothing(instance):
    guest = make_user()
    share = sharing.share_with(instance, guest, by=instance.owner)
    ticket = entering.make_ticket(instance, guest)
    giving.withdraw(share, by=instance.owner)
    assert ask(instance, ticket=ticket)["why"] == "forbidden"


def test_a_session_ends_after_twelve_hours(world, instance):
    secret = session_of(instance, instance.owner)
    world.clock.pass_by(hours=11.99)
    assert ask(instance, session=secret)["cache_s"] <= 60
    world.clock.pass_by(hours=0.1)
    assert ask(instance, session=secret)["why"] == "sign_in"


class TestLinks:
    def test_whoever_has_it_may_use_the_service(self, instance):
        _, secret = make_public_link(instance)
        first, second = ask(instance, link=secret), ask(instance, link=secret)
        assert first["session"] != second["session"]
        assert ask(instance, session=first["session"])["allow"]
        assert secret not in str(list(shares_at(instance).values()))

    @pytest.mark.parametrize("how", ["withdrawn", "expired"])
    def test_its_sessions_end_with_it(self, world, instance, how):
        until = timezone.now() + timedelta(minutes=5)
        share, secret = make_public_link(instance, expires_at=until)
        session = ask(instance, link=secret)["session"]
        if how == "withdrawn":
            assert giving.withdraw(share, by=instance.owner)
            assert not giving.withdraw(share, by=instance.owner)
        else:
            world.clock.pass_by(minutes=6)
            share.expires_at = timezone.now() - timedelta(hours=1)  # the database's clock
            share.save()
        assert not ask(instance, session=session)["allow"]
        assert ask(instance, link=secret)["why"] == "bad_ticket"


class TestStates:
    def test_a_request_wakes_it_and_looking_does_not(self, instance):
        lifecycle.sleep(instance, actor="hub")
        secret = session_of(instance, instance.owner)
        assert ask(instance, session=secret)["state"] == "ASLEEP"
        answer = ask(instance, session=secret, wake=True)
        assert (answer["state"], answer["cache_s"]) == ("STARTING", 1)
        assert answer["address"] == instance.address

    def test_a_report_names_what_fell_asleep_so_that_the_edge_asks_before_it_connects(
        self, instance
    ):
        session_of(instance, instance.owner)
        grant = f"s:{EdgeSession.objects.get().pk}"
        lifecycle.sleep(instance, actor="hub")
        told = reports.record([], [grant])
        assert told == {"ended": [], "stopped": [], "asleep": [instance.instance_id]}
        lifecycle.wake(instance, actor="edge", by="a request")
        assert reports.record([], [grant])["asleep"] == []

    @pytest.mark.parametrize("end", ["stop", "fail"])
    def test_what_is_over_says_why(self, instance, end):
        secret = session_of(instance, instance.owner)
        if end == "stop":
            lifecycle.stop(instance, actor="op", reason=Reason.OPERATOR)
        else:
            lifecycle.fail(instance, Reason.OUT_OF_MEMORY, "It needed too much.", actor="observer")
        answer = ask(instance, session=secret)
        assert answer["why"] == ("stopped" if end == "stop" else "failed")
        assert "An operator stopped it." in answer["message"] or "too much" in answer["message"]
        grant = f"s:{EdgeSession.objects.get().pk}"
        told = reports.record([reports.Use(instance.instance_id, 0, "a page")], [grant])
        assert told == {"ended": [grant], "stopped": [instance.instance_id], "asleep": []}

    def test_without_units_it_is_not_woken(self, world):
        from accounts.units import ledger

        world.price = 60
        instance = world.ready()
        secret = session_of(instance, instance.owner)
        lifecycle.sleep(instance, actor="hub")
        ledger.override(world.user, 0, key="nothing")
        answer = ask(instance, session=secret, wake=True)
        assert answer["why"] == "no_units"
        assert "processing units" in answer["message"]


class TestReports:
    def test_uses_move_forward_and_never_back(self, world, instance):
        world.clock.pass_by(minutes=5)  # it was used just now, by the database's clock
        at = timezone.now().timestamp()
        reports.record([reports.Use(instance.instance_id, at, "a tile request")], [])
        instance.refresh_from_db()
        used = instance.last_used_at
        assert (abs(used.timestamp() - at) < 1e-3, instance.last_used_by) == (
            True,
            "a tile request",
        )
        reports.record([reports.Use(instance.instance_id, at - 100, "a page")], [])
        reports.record([reports.Use(instance.instance_id, 1e300, "a page")], [])
        instance.refresh_from_db()
        assert instance.last_used_at >= used
        assert instance.last_used_at <= timezone.now()

    def test_what_is_open_is_used_now(self, world, instance):
        world.clock.pass_by(minutes=20)
        use = reports.Use(
            instance.instance_id, timezone.now().timestamp() - 900, "a request", open=1
        )
        reports.record([use], [])
        instance.refresh_from_db()
        assert (timezone.now() - instance.last_used_at).total_seconds() < 5

    @pytest.mark.parametrize("count", [1, 30])
    def test_its_queries_do_not_grow(self, world, instance, django_assert_num_queries, count):
        grants = []
        for _ in range(count):
            session_of(instance, instance.owner)
        grants = [f"s:{pk}" for pk in EdgeSession.objects.values_list("pk", flat=True)]
        use = reports.Use(instance.instance_id, timezone.now().timestamp(), "a page")
        with django_assert_num_queries(3):
            assert reports.record([use], grants)["ended"] == []

    @pytest.mark.parametrize(
        "grant",
        [
            "", "s:", "s:x", "s:999999", "b:1:2:x", "b:x", "t:1", "s:" + "9" * 100, "s:-1", "s:1\n",
            "t:1:" + "0" * 32, "p:1:1:1:99999999999:1", "p:1:1:1:1:1", "\ud800", "s:²",
        ],
    )  # fmt: skip
    def test_what_is_no_right_has_ended(self, grant):
        assert reports.record([], [grant])["ended"] == [grant]


class TestEndpoints:
    def post(self, client, what, body, secret=None):
        given = edge_secret() if secret is None else secret
        return client.post(
            f"/internal/edge/{what}",
            body if isinstance(body, str | bytes) else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Edge {given}"},
        )

    def test_the_edge_is_answered(self, client, instance):
        secret = session_of(instance, instance.owner)
        asked = {"instance": instance.instance_id, "session": secret, "wake": True}
        assert self.post(client, "decide", asked).json()["allow"]
        told = self.post(client, "report", {"uses": [], "grants": []})
        assert told.json() == {"ended": [], "stopped": [], "asleep": []}

    @pytest.mark.parametrize("what", ["decide", "report"])
    @pytest.mark.parametrize("secret", ["", "wrong", "ü"])
    def test_nobody_else_learns_that_they_exist(self, client, what, secret):
        assert self.post(client, what, {}, secret=secret).status_code == 404
        assert client.get(f"/internal/edge/{what}").status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            "", "[]", "{", "null", '"x"', "[" * 5000,
            {"instance": 1}, {"instance": "x" * 64}, {"instance": "x", "session": ["x"]},
            {"instance": "x", "session": "x" * 129}, {"instance": "a\0b"}, {}, {"instance": ""},
            {"instance": "../x"}, {"instance": "x y"}, {"instance": "X"}, {"instance": "x\n"},
            {"instance": "\ud800"}, {"instance": "x", "session": "\ud800"},
            {"instance": "x", "ticket": "ü"}, {"instance": "x", "link": {}},
            {"instance": "x", "bearer": "x" * 16385}, {"instance": "x", "bearer": "a\rb"},
            '{"instance": "x", "session": "' + "x" * 65536 + '"}', b"\xff\xfe",
        ],
    )  # fmt: skip
    def test_a_wrong_question_is_told(self, client, body):
        assert self.post(client, "decide", body).status_code == 400

    @pytest.mark.parametrize(
        "body",
        [
            {"uses": {}}, {"uses": [1]}, {"uses": [{"at": "x"}]}, {"uses": [{"at": True}]},
            {"uses": [{"instance": "x", "at": 1, "open": "2"}]}, {"grants": [1]},
            {"grants": ["x" * 129]}, {"grants": ["x"] * 5001}, {"uses": [{}] * 501},
            '{"uses": [{"at": NaN}]}', '{"uses": [{"instance": "x", "at": NaN}]}',
            '{"uses": [{"instance": "x", "at": Infinity}]}',
            {"uses": [{"instance": "x", "at": 10**400}]}, {"uses": [{"instance": "x", "at": []}]},
            {"uses": [{"instance": "x", "at": 1, "open": True}]}, {"uses": [{"at": 1}]},
            {"uses": [{"instance": "x", "at": 1, "by": "x" * 41}]}, {"grants": ["\ud800" * 200]},
            {"uses": [{"instance": "x", "at": 1, "by": "\ud800"}]}, {"grants": None},
        ],
    )  # fmt: skip
    def test_a_wrong_report_is_told(self, client, body):
        assert self.post(client, "report", body).status_code == 400

    def test_unknown_and_empty_are_denied(self, client):
        told = self.post(client, "decide", {"instance": "nothing"}).json()
        assert (told["allow"], told["why"]) == (False, "sign_in")
        told = self.post(client, "decide", {"instance": "nothing", "bearer": "x.y.z"}).json()
        assert told["why"] == "sign_in"


class TestSharing:
    def test_it_is_written_into_the_timeline_and_seen_by_both(self, instance):
        guest = make_user()
        share = sharing.share_with(instance, guest, by=instance.owner)
        assert sharing.share_with(instance, guest, by=instance.owner).pk == share.pk
        assert [s.subject for s in giving.shared_with(guest)] == [instance.instance_id]
        assert list(sharing.shares_of(instance)) == [share]
        giving.withdraw(share, by=instance.owner)
        assert not giving.shared_with(guest).exists()
        told = [e.message for e in instance.events.filter(to_state="")]
        assert told == [
            f"Shared with a person (share {share.pk}).", f"Share {share.pk} was withdrawn.",
        ]  # fmt: skip

    def test_what_cannot_be_is_refused(self, instance, monkeypatch):
        from hubsite.refusals import Refused

        with pytest.raises(Refused, match="another person"):
            sharing.share_with(instance, instance.owner, by=instance.owner)
        with pytest.raises(Refused, match="future"):
            sharing.make_link(instance, by=instance.owner, expires_at=timezone.now())
        monkeypatch.setattr(giving, "MOST_SHARES", 1)
        sharing.make_link(instance, by=instance.owner)
        with pytest.raises(Refused, match="withdraw"):
            sharing.make_link(instance, by=instance.owner)
        lifecycle.stop(instance, actor="ann", reason=Reason.OWNER)
        with pytest.raises(Refused, match="over"):
            sharing.make_link(instance, by=instance.owner)


def test_old_tickets_and_sessions_are_deleted(world, instance):
    from services.models import EdgeTicket

    session_of(instance, instance.owner)
    entering.make_ticket(instance, instance.owner)
    world.clock.pass_by(hours=1)
    assert entering.forget_tickets() == 1
    assert entering.forget_sessions() == 0
    world.clock.pass_by(days=2)
    assert entering.forget_sessions() == 1
    assert not EdgeTicket.objects.exists()


def test_a_session_of_a_sleeping_service_survives_its_sleep(world, instance):
    secret = session_of(instance, instance.owner)
    lifecycle.sleep(instance, actor="hub")
    assert ask(instance, session=secret)["state"] == State.ASLEEP
