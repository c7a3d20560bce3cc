"""A job's page in the admin: all that is known of it, and what operators do with it."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import LedgerEntry
from accounts.units import ledger
from hubsite import switches
from hubsite.engines import draining
from hubsite.engines.facts import LogChunk, Phase, RunFact
from hubsite.health import heartbeat
from jobs.models import DealtWith, Job, JobDocument, JobEvent, Priority, Rerun, State
from jobs.running import engine_looks, logs
from tests.accounts.factories import make_user
from tests.jobs.conftest import run_queued_tasks
from tests.jobs.factories import charged, make_job

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/job/"
QUERIES = 20


def _signed_in(*permissions: str, email: str | None = None) -> Client:
    client = Client()
    client.force_login(make_user(email, permissions=permissions, is_staff=True))
    return client


@pytest.fixture
def operator() -> Client:
    return _signed_in("operate:hub", email="op@example.org")


@pytest.fixture
def support() -> Client:
    return _signed_in("read:hub")


@pytest.fixture
def owner():
    return make_user("ann@example.org", units=1000)


def _page(client: Client, job: Job) -> str:
    return client.get(f"{LIST}{job.pk}/change/").content.decode()


def _act(client: Client, job: Job, do: str, **form: str):
    return client.post(f"{LIST}{job.pk}/act/", {"do": do, **form}, follow=True)


def test_a_job_shows_its_documents_events_and_log(operator, owner):
    job = make_job(owner, progress={"sender": "on_update", "state": {"progress": 0.5}})
    JobDocument.objects.filter(job=job).update(
        request={"input_config": {"store_params": {"secret": "***"}}},
        estimate={"size_estimation": {"num_bytes": 77}},
        credentials=b"sealed",
    )
    JobEvent.objects.create(job=job, from_state="QUEUED", to_state="LAUNCHED", actor="worker")
    logs.append(job.pk, [LogChunk(0, ["<b>first</b>", "second"])])
    text = operator.get(f"{LIST}{job.pk}/change/").content.decode()
    assert "&quot;secret&quot;: &quot;***&quot;" in text
    assert "&quot;num_bytes&quot;: 77" in text
    assert "on_update" in text
    assert "&lt;b&gt;first&lt;/b&gt;\nsecond" in text
    assert "worker" in text
    assert "sealed" not in text


def test_nothing_about_a_job_can_be_edited(operator, owner):
    job = make_job(owner)
    page = operator.get(f"{LIST}{job.pk}/change/")
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert operator.post(f"{LIST}{job.pk}/change/", {"state": "FAILED"}).status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{job.pk}/delete/", {"post": "yes"}).status_code == 403


def test_it_says_why_a_job_failed_who_did_what_and_what_is_related(operator, owner):
    first = make_job(owner, state=State.FAILED, reason="OUT_OF_MEMORY", message="16.2 GB <needed>")
    JobEvent.objects.create(
        job=first, from_state="RUNNING", to_state="FAILED", reason="OUT_OF_MEMORY", actor="follower"
    )
    again = make_job(owner, retry_of=first, output_data_id="again.zarr")
    other = make_job(make_user(units=9), output_data_id="others.zarr")
    page = _page(operator, first)
    assert "Needed more memory" in page and "16.2 GB &lt;needed&gt;" in page
    assert "follower" in page and "ann@example.org" in page and "(owner)" in page
    assert again.output_data_id in page and "repeats this one" in page
    assert other.output_data_id not in page
    assert "repeated by this one" in _page(operator, again)


def test_operators_cancel_repeat_order_and_move_a_job(operator, owner):
    heartbeat.beat("follower", "kubernetes")
    job = make_job(owner)
    assert "Move to kubernetes" in _page(operator, job)
    _act(operator, job, "urgent")
    _act(operator, job, "move", engine="kubernetes")
    job.refresh_from_db()
    assert (job.priority, job.engine) == (Priority.URGENT, "kubernetes")
    assert "no engine" in _act(operator, job, "move", engine="moon").content.decode()
    _act(operator, job, "cancel")
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    audited = [shown.entry for shown in operator.get(f"{LIST}{job.pk}/change/").context["audited"]]
    assert len(audited) >= 3 and {entry.actor_name for entry in audited} == {"op@example.org"}
    failed = make_job(owner, state=State.FAILED, reason="LOST")
    assert "Run it again for its owner" in _page(operator, failed)
    _act(operator, failed, "run_again")
    assert Rerun.objects.get().job == failed
    assert _act(operator, failed, "explode").status_code == 404
    assert operator.get(f"{LIST}{failed.pk}/act/").status_code == 405


def test_a_failure_is_dealt_with_by_a_note_and_opened_again(operator, support, owner):
    job = make_job(owner, state=State.FAILED, reason="LOST")
    assert "Nothing is left to do, because" in _page(operator, job)
    assert "Nothing is left to do" not in _page(support, job)
    assert _act(support, job, "deal_with", note="mine").status_code == 403
    assert "why nothing is left to do" in _act(operator, job, "deal_with").content.decode()
    page = _act(operator, job, "deal_with", note="<b>asked</b>").content.decode()
    assert "&lt;b&gt;asked&lt;/b&gt; (op@example.org, " in page
    assert "&lt;b&gt;asked" in _page(support, job)
    assert "after all</button>" not in _page(support, job)
    assert _act(support, job, "reopen").status_code == 403
    assert "Nothing is left to do, because" in _act(operator, job, "reopen").content.decode()
    waiting = make_job(owner)
    _act(operator, waiting, "deal_with", note="it did not fail")
    assert not DealtWith.objects.exists()


def _refund(client: Client, job: Job, units: object, reason: str = "our fault", key: str = ""):
    form = {"units": units, "reason": reason, "key": key or "k" * 32}
    return client.post(f"{LIST}{job.pk}/refund/", form, follow=True)


def test_units_are_given_back_once_for_each_form_and_never_more_than_charged(operator, owner):
    job = charged(owner)
    key = operator.get(f"{LIST}{job.pk}/change/").context["refund_key"]
    for _ in range(2):  # a double click
        answer = _refund(operator, job, 15, "the store was broken", key=key)
    assert "15 units were given back to ann@example.org" in answer.content.decode()
    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.reference, entry.reason) == (job.job_id, "the store was broken")
    assert entry.actor.email == "op@example.org"
    assert ledger.available(owner) == 1000 - 40 + 15
    assert "at most 25" in _refund(operator, job, 26, key="b" * 32).content.decode()
    _refund(operator, job, 25, key="c" * 32)
    assert ledger.available(owner) == 1000
    page = _page(operator, job)
    assert "the store was broken" in page and "Give units back" not in page
    assert ledger.check_ledger() == []


@pytest.mark.parametrize(
    ("units", "reason", "key", "told"),
    [
        ("0", "x", "k" * 32, "Units: a whole number"),
        ("-5", "x", "k" * 32, "Units: a whole number"),
        ("1.5", "x", "k" * 32, "Units: a whole number"),
        ("9" * 400, "x", "k" * 32, "Units: a whole number"),
        ("\u0663", "x", "k" * 32, "Units: a whole number"),
        ("5", "  ", "k" * 32, "a reason is expected"),
        ("5", "x" * 301, "k" * 32, "at most 300 characters"),
        ("5", "a\u202eb", "k" * 32, "U+202E"),
        ("5", "x", "short", "open the page again"),
    ],
)
def test_a_wrong_form_gives_nothing_back_and_says_what_is_expected(
    operator, owner, units, reason, key, told
):
    job = charged(owner)
    assert told in _refund(operator, job, units, reason, key).content.decode()
    assert not LedgerEntry.objects.filter(kind="refund").exists()


def test_what_was_never_charged_is_not_given_back(operator, owner):
    job = make_job(owner)
    assert "Give units back" not in _page(operator, job)
    assert "at most 0" in _refund(operator, job, 1).content.decode()


def test_support_sees_everything_and_changes_nothing(support, owner):
    job = charged(owner)
    page = _page(support, job)
    assert "40 reserved, 40 charged" in page
    assert 'name="do"' not in page and "Give units back" not in page
    assert _act(support, job, "cancel").status_code == 403
    assert _refund(support, job, 1).status_code == 403
    assert not LedgerEntry.objects.filter(kind="refund").exists()


def test_the_worker_looks_into_the_engine_when_someone_asks(
    support, owner, engine, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(engine_looks, "find_engine", lambda name: engine)
    job = make_job(owner, state=State.RUNNING)
    engine.objects[job.job_id] = RunFact(
        job.job_id, Phase.STUCK, "IMAGE", "<b>no such image</b>", attempt=1
    )
    before = support.get("/changes?of=all-jobs").json()["cursor"]

    def look() -> str:
        with django_capture_on_commit_callbacks(execute=True):
            page = support.post(f"{LIST}{job.pk}/look/", follow=True).content.decode()
        assert "The engine is asked" in page
        run_queued_tasks()
        return _page(support, job)

    page = look()
    assert "STUCK" in page and "IMAGE: &lt;b&gt;no such image&lt;/b&gt;" in page
    assert support.get(f"/changes?of=all-jobs&after={before}").status_code == 200
    engine.is_away = True
    assert "The engine cannot say:" in look()
    engine.is_away = False
    engine.objects.clear()
    assert "There is no object of this job." in look()
    monkeypatch.setattr(engine_looks, "find_engine", lambda name: None)
    assert "knows no engine" in look()
    assert support.get(f"{LIST}{job.pk}/look/").status_code == 405


def test_its_queries_do_not_grow(operator, owner, django_assert_max_num_queries):
    job = make_job(owner)
    _page(operator, job)
    for number in range(12):
        make_job(owner, retry_of=job)
        JobEvent.objects.create(job=job, to_state="QUEUED", actor=f"part {number}")
    logs.append(job.pk, [LogChunk(n, ["a line"]) for n in range(9)])
    switches.forget()
    draining.forget()  # these are kept for two seconds
    with django_assert_max_num_queries(QUERIES):
        _page(operator, job)
