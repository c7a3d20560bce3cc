"""Operators suspend services and resume them, without a restart."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from hubsite import switches
from hubsite.health import parts
from hubsite.refusals import Refused
from hubsite.switches import Switch, SwitchEvent
from jobs.models import Job, Reason, State
from jobs.queue import launching
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

UNTIL = "Maintenance until 14:00 UTC."


@pytest.fixture(autouse=True)
def fresh(read_switches):
    parts.forget()
    yield
    parts.forget()


def suspend(**options):
    return switches.suspend("xcube_gen", message=UNTIL, actor="ann", **options)


def service(*args):
    out = StringIO()
    call_command("service", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_new_work_is_refused_in_the_operators_words():
    switches.require_open("xcube_gen")
    suspend()
    with pytest.raises(Refused, match="Maintenance until 14:00 UTC"):
        switches.require_open("xcube_gen")
    switches.require_open("xcube_server")
    assert switches.resume("xcube_gen", actor="bob")
    assert not switches.resume("xcube_gen", actor="bob")
    switches.require_open("xcube_gen")
    told = [(e.is_suspended, e.message, e.actor) for e in SwitchEvent.objects.order_by("id")]
    assert told == [(True, UNTIL, "ann"), (False, "", "bob")]


def test_it_is_read_seldom_in_one_query(django_assert_num_queries):
    switches.forget()
    with django_assert_num_queries(1):
        for name in ("xcube_gen", "xcube_server", "xcube_gen"):
            assert switches.suspension(name) is None


def test_other_processes_follow_within_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("hubsite.switches.time.monotonic", lambda: now[0])
    switches.forget()
    assert switches.suspension("xcube_gen") is None
    Switch.objects.create(service="xcube_gen", is_suspended=True, message=UNTIL)  # by another
    assert switches.suspension("xcube_gen") is None
    now[0] = switches.KEPT_S + 0.1
    assert switches.suspension("xcube_gen").message == UNTIL


def test_a_new_message_keeps_the_time_since_when():
    suspend()
    since = Switch.objects.get().since
    switches.suspend("xcube_gen", message="Until 15:00.", actor="bob")
    row = Switch.objects.get()
    assert (row.since, row.message, row.actor) == (since, "Until 15:00.", "bob")


@pytest.mark.parametrize(
    ("name", "message", "field"),
    [
        ("nothing", UNTIL, "service"),
        ("xcube_gen", "  ", "message"),
        ("xcube_gen", "x" * 501, "message"),
        ("xcube_gen", "Back\u202esoon", "message"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(name, message, field):
    with pytest.raises(Refused) as refused:
        switches.suspend(name, message=message, actor="ann")
    assert refused.value.errors[0].field == field
    assert not Switch.objects.exists()


def test_it_is_shown_to_everyone(client):
    suspend()
    [told] = [s for s in client.get("/api/v2/services").json() if s["name"] == "xcube_gen"]
    assert told == {"name": "xcube_gen", "status": "Suspended", "message": UNTIL}


class TestCubeGeneration:
    def test_a_submission_is_refused_but_reading_and_cancelling_go_on(self, client):
        user = make_user(units=10, permissions=["manage:cubegens"])
        job = make_job(user)
        suspend()
        headers = bearer(user)
        refused = client.put(
            "/api/v2/cubegens", data={}, content_type="application/json", headers=headers
        )
        assert refused.status_code == 422
        assert refused.json()["message"] == UNTIL
        shown = client.get(f"/api/v2/cubegens/{job.job_id}", headers=headers).json()
        assert UNTIL in shown["message"]
        gone = client.delete(f"/api/v2/cubegens/{job.job_id}", headers=headers)
        assert gone.status_code == 200

    def test_what_waits_does_not_start_until_it_is_resumed(self, monkeypatch):
        monkeypatch.setattr(launching, "launch", lambda engine, jobs: True)
        job = make_job(make_user(units=10))
        suspend()
        assert launching.launch_due() == 0
        switches.resume("xcube_gen", actor="ann")
        assert launching.launch_due() == 1
        job.refresh_from_db()
        assert job.state == State.LAUNCHED

    def test_what_runs_goes_on_or_is_ended_free_of_charge(self):
        user = make_user(units=10)
        running = make_job(user, state=State.RUNNING, units=3)
        launched = make_job(user, state=State.LAUNCHED, units=2)
        queued = make_job(user, units=1)
        assert suspend() == 0
        assert Job.objects.get(pk=running.pk).state == State.RUNNING
        assert suspend(end_work=True) == 2
        for job in (running, launched):
            job.refresh_from_db()
            assert (job.state, job.reason) == (State.FAILED, Reason.OPERATOR)
            assert UNTIL in job.message
            assert job.is_live  # until its object is gone
        queued.refresh_from_db()
        assert queued.state == State.QUEUED
        user.balance.refresh_from_db()
        assert (user.balance.total, user.balance.reserved) == (10, 1)
        assert SwitchEvent.objects.first().ended == 2


class TestCommand:
    def test_suspends_and_resumes(self):
        assert "is suspended. 0 ended." in service(
            "suspend", "xcube_gen", "--message", UNTIL, "--end-work"
        )
        [told] = [s for s in json.loads(service("list", "--json")) if s["name"] == "xcube_gen"]
        assert told["status"] == "Suspended"
        assert SwitchEvent.objects.get().actor.startswith("command line: ")
        assert "open again" in service("resume", "xcube_gen")
        with pytest.raises(SystemExit):
            service("resume", "xcube_gen")

    def test_an_unknown_service_is_told(self):
        with pytest.raises(CommandError, match="xcube_gen"):
            service("suspend", "cube_gen", "--message", UNTIL)


def row_of(answer, service):
    (row,) = [row for row in answer.content.decode().split("<tr>") if f">{service}</a>" in row]
    return row


class TestAdmin:
    @pytest.fixture
    def operator(self, client):
        user = make_user(email="op@example.org", permissions=["operate:hub"], is_staff=True)
        client.force_login(user)
        return user

    def change(self, client, **fields):
        url = reverse("admin:hubsite_switch_change", args=["xcube_gen"])
        return client.post(url, fields, follow=True)

    def test_an_operator_suspends_and_resumes(self, client, operator):
        listed = client.get(reverse("admin:hubsite_switch_changelist"))
        assert "xcube_gen" in listed.content.decode()
        answer = self.change(client, is_suspended="on", message=UNTIL, end_work="on")
        assert "Work in progress that was ended: 0." in answer.content.decode()
        assert switches.suspension("xcube_gen").message == UNTIL
        assert Switch.objects.get(pk="xcube_gen").actor == operator.username
        self.change(client, message=UNTIL)
        assert switches.suspension("xcube_gen") is None

    def test_the_list_shows_what_another_process_changed(self, client, operator):
        """It does not keep what it read for two seconds, as other pages do; and names the actor."""
        url = reverse("admin:hubsite_switch_changelist")
        assert "Suspended" not in row_of(client.get(url), "xcube_gen")
        for is_suspended in (True, False):
            Switch.objects.filter(pk="xcube_gen").update(
                is_suspended=is_suspended, message=UNTIL, actor=operator.username
            )
            row = row_of(client.get(url), "xcube_gen")
            assert ("Suspended" in row) == is_suspended
            assert operator.email in row and operator.username not in row
        assert operator.email in self.change(client, message="").content.decode()

    @pytest.mark.parametrize("message", ["", "x" * 501, "Back\u202esoon"])
    def test_a_message_is_needed(self, client, operator, message):
        client.get(reverse("admin:hubsite_switch_changelist"))
        answer = self.change(client, is_suspended="on", message=message)
        assert "errorlist" in answer.content.decode()
        assert switches.suspension("xcube_gen") is None

    def test_others_cannot(self, client):
        client.force_login(make_user(is_staff=True))
        assert client.get(reverse("admin:hubsite_switch_changelist")).status_code == 403
