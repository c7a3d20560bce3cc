"""`manage.py jobs`, and what the worker does now and then."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from hubsite.coordination.lock import Lock
from hubsite.engines.facts import LogChunk
from jobs import tasks
from jobs.models import IdempotencyKey, Job, JobDocument, State
from jobs.running import logs, vault
from tests.accounts.factories import make_user
from tests.jobs.conftest import queued_tasks
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db


def jobs(*args: str) -> str:
    output = StringIO()
    call_command("jobs", *args, stdout=output, stderr=output)
    return output.getvalue()


@pytest.fixture
def user():
    return make_user(email="ann@example.org", units=100)


class TestJobsCommand:
    def test_list_shows_the_newest_first(self, user):
        first, second = make_job(user), make_job(user, state=State.FAILED, reason="DEADLINE")
        text = jobs("list")
        assert text.index(second.job_id) < text.index(first.job_id)
        assert "DEADLINE" in text
        assert "ann@example.org" in text

    def test_list_can_be_narrowed(self, user):
        queued, failed = make_job(user), make_job(user, state=State.FAILED)
        make_job(make_user(units=10))
        listed = json.loads(jobs("list", "--user", "ANN@example.org", "--json"))
        assert [job["job_id"] for job in listed] == [failed.job_id, queued.job_id]
        listed = json.loads(jobs("list", "--state", "queued", "--limit", "1", "--json"))
        assert len(listed) == 1
        assert "No such jobs" in jobs("list", "--state", "running")

    def test_show_tells_the_life_and_the_request(self, user):
        job = make_job(user, message="Waiting.")
        text = jobs("show", job.job_id)
        assert "new       → QUEUED" in text
        assert '"data_id": "demo.zarr"' in text
        assert json.loads(jobs("show", job.job_id, "--json"))["state"] == "QUEUED"

    def test_cancel_ends_jobs_once(self, user, django_capture_on_commit_callbacks):
        job = make_job(user, state=State.RUNNING)
        with django_capture_on_commit_callbacks(execute=True):
            assert "cancelled" in jobs("cancel", job.job_id)
        assert Job.objects.get().state == State.CANCELLED
        assert queued_tasks() == ["remove_objects"]
        out = StringIO()
        with pytest.raises(SystemExit, match="1"):
            call_command("jobs", "cancel", job.job_id, stdout=out)
        assert "is CANCELLED already" in out.getvalue()

    def test_cancel_names_who_did_it(self, user, monkeypatch):
        monkeypatch.setenv("SUDO_USER", "ann")
        job = make_job(user, state=State.QUEUED)
        assert json.loads(jobs("cancel", job.job_id, "--json")) == [
            {"job_id": job.job_id, "cancelled": True, "state": "CANCELLED"}
        ]
        assert job.events.last().actor.startswith("command line: ann@")

    def test_a_short_id_is_enough_if_it_is_the_only_one(self, user):
        job = make_job(user)
        assert job.job_id in jobs("show", job.job_id[-18:])
        twin = make_job(make_user(units=10))
        Job.objects.filter(pk=twin.pk).update(job_id=f"b{job.job_id[1:]}")
        with pytest.raises(CommandError, match="Several jobs"):
            jobs("show", job.job_id[-18:])

    @pytest.mark.parametrize("hostile", ["x[/bold]y.zarr", "x\x1b[2Jy.zarr", "x\u202ey.zarr"])
    def test_names_of_users_are_text_and_nothing_else(self, user, hostile):
        job = make_job(user, message=hostile, output_data_id=hostile)
        for text in (jobs("list"), jobs("show", job.job_id)):
            assert not set(text) & {"\x1b", "\u202e"}
            assert hostile in text or "\\" in text

    def test_a_log_keeps_control_characters_only_for_pipes_and_on_request(self, user):
        job = make_job(user, state=State.RUNNING)
        logs.append(job.pk, [LogChunk(0, ["\x1b[2J"])])
        assert jobs("logs", job.job_id) == "\\x1b[2J\n"
        assert jobs("logs", job.job_id, "--raw") == "\x1b[2J\n"
        assert json.loads(jobs("logs", job.job_id, "--json")) == ["\x1b[2J"]

    def test_no_raw_log_on_a_terminal(self, user):
        class Terminal(StringIO):
            def isatty(self):
                return True

        job = make_job(user, state=State.RUNNING)
        with pytest.raises(CommandError, match="pipes and files"):
            call_command("jobs", "logs", job.job_id, "--raw", stdout=Terminal())

    def test_logs(self, user):
        job = make_job(user, state=State.RUNNING)
        logs.append(job.pk, [LogChunk(0, ["a", "b", "c"])])
        assert jobs("logs", job.job_id) == "a\nb\nc\n"
        assert jobs("logs", job.job_id, "--tail", "1") == "c\n"
        assert jobs("logs", job.job_id, "--tail", "0") == ""

    @pytest.mark.parametrize("action", ["show", "cancel", "logs"])
    def test_an_unknown_job_is_told_in_a_sentence(self, action):
        with pytest.raises(CommandError, match="There is no job 'x'"):
            jobs(action, "x")


class TestTicks:
    def test_objects_wait_while_the_engine_is_away(self, engine):
        engine.is_away = True
        tasks.remove_objects(["a", "b"], "local")
        engine.is_away = False
        tasks.remove_objects(["a", "b"], "local")
        assert engine.deleted == [], "it was away just now, and is left alone for some seconds"
        Lock.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        tasks.remove_objects(["a", "b"], "local")
        assert engine.deleted == ["a", "b"]

    def test_housekeeping_forgets_what_nobody_can_ask_for(self, user):
        long_ago = timezone.now() - timedelta(days=2)
        old = make_job(user, state=State.CANCELLED, finished_at=long_ago)
        ran = make_job(user, state=State.FAILED, finished_at=long_ago, launched_at=long_ago)
        new = make_job(user, state=State.CANCELLED, finished_at=timezone.now())
        JobDocument.objects.update(code=b"PK")
        IdempotencyKey.objects.create(owner=user, key="k", body_hash="", job=old)
        IdempotencyKey.objects.update(created_at=long_ago)
        tasks.forget_code()
        tasks.forget_requests()
        tasks.forget_idempotency_keys()
        documents = {d.job_id: d for d in JobDocument.objects.all()}
        assert (documents[old.pk].code, documents[old.pk].request) == (None, {})
        assert documents[ran.pk].code is None
        assert documents[ran.pk].request, "what ran can be looked up"
        assert bytes(documents[new.pk].code) == b"PK"
        assert not IdempotencyKey.objects.exists()


def test_credentials_are_unreadable_with_another_key(settings):
    sealed = vault.seal({"/a": "secret"})
    assert vault.unseal(sealed) == {"/a": "secret"}
    assert b"secret" not in sealed
    settings.SECRET_KEY = "another key"
    with pytest.raises(vault.Unreadable):
        vault.unseal(sealed)
