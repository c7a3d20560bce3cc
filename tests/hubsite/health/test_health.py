"""Health tells the truth: readiness, services, the front page and metrics are views of one."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

import jobs.health
from hubsite.coordination.lock import Lock
from hubsite.engines.local.connection import Reply, call
from hubsite.health import heartbeat, metrics, parts, site
from hubsite.health.heartbeat import Heartbeat, beat, heard
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.patience import PATIENCE_S
from tests.servers.missing import missing

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch):
    """Each test looks anew, each time."""
    monkeypatch.setattr(parts, "KEPT_S", 0.0)
    monkeypatch.setattr(site, "_busy_since", None)
    monkeypatch.setattr(site, "WRITE_WITHIN_S", 0.01)  # a test's transaction holds the lock
    parts.forget()
    metrics.forget()
    yield
    parts.forget()
    metrics.forget()


@pytest.fixture
def whole(monkeypatch):
    """Every part was heard just now. The runner is a stand-in: real ones are in
    tests/processes/test_health.py."""
    for part, name in (
        ("worker", ""),
        ("outside", ""),
        ("follower", "local"),
        ("engine", "local"),
        ("edge", ""),
        ("service follower", "local"),
    ):
        beat(part, name)
    monkeypatch.setattr(jobs.health, "call", lambda *_, **__: Reply(200, {"ready": True}))


def get(path: str):
    return Client().get(path)


def service() -> dict[str, str]:
    services = get("/api/v2/services").json()
    return next(service for service in services if service["name"] == "xcube_gen")


def says_no(part: str, words: str) -> None:
    """All four views say that cubes cannot be generated, and why."""
    told = get("/health/ready").json()
    assert told["status"] in ("degraded", "not ready")
    assert told["parts"][part]["ok"] is False
    assert words in told["parts"][part]["message"]
    assert told["parts"][part]["remedy"] and told["parts"][part]["since"]
    assert (service()["status"], service()["name"]) == ("Error", "xcube_gen")
    assert words in service()["message"]
    assert words in get("/").content.decode()
    assert get("/health/all").status_code == 503
    text = get("/metrics").content.decode()
    assert f'hub_part_up{{part="{part}"}} 0.0' in text
    assert 'hub_service_ready{service="xcube_gen"} 0.0' in text


def test_where_everything_works_all_views_say_so(whole):
    answer = get("/health/ready")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "ready"
    assert told["checks"] == {"database": {"ok": True}, "migrations": {"ok": True}}
    site = ["database", "migrations", "disk", "outside"]
    names = [*site, "estimator", "follower", "engine", "worker", "edge", "service follower"]
    names.append("geoserver")
    assert list(told["parts"]) == names
    assert all(part["ok"] and part["since"].endswith("Z") for part in told["parts"].values())
    assert told["queue"] == {"jobs_waiting": 0, "jobs_placed": 0, "tasks": 0}
    assert service() == {
        "name": "xcube_gen",
        "status": "Ready",
        "message": "Cubes can be generated.",
    }
    assert "Cubes can be generated." in get("/").content.decode()
    assert get("/health/all").status_code == 200
    text = get("/metrics").content.decode()
    assert 'hub_service_ready{service="xcube_gen"} 1.0' in text


def test_what_operators_switched_off_is_suspended_not_broken(whole, settings):
    settings.HUB = {**settings.HUB, "CUBEGENS_SILENT": True}
    assert service()["status"] == "Suspended"
    assert "switched off" in get("/").content.decode()
    assert get("/health/ready").json()["status"] == "ready"


# The parts


def test_a_runner_that_is_dead(whole, monkeypatch):
    monkeypatch.setattr(jobs.health, "call", call)
    says_no("estimator", "The runner does not answer")
    assert get("/health/ready").status_code == 200  # web serves: runs report, users read


def test_a_runner_that_hangs_keeps_nobody_waiting(whole, monkeypatch, tmp_path):
    path = tmp_path / "runner.sock"
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(path))
        hanging.listen()
        monkeypatch.setattr(jobs.health, "call", call)
        monkeypatch.setattr(jobs.health, "control_socket", lambda: path)
        monkeypatch.setattr(jobs.health, "ANSWER_WITHIN_S", 0.1)
        says_no("estimator", "The runner does not answer")


def test_estimators_elsewhere_that_nobody_reaches(whole, settings):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ESTIMATOR_URL": "http://127.0.0.1:9",
        "XCUBE_HUB_ESTIMATOR_SECRET": "s" * 32,
    }
    says_no("estimator", "The estimator does not answer")


@pytest.mark.parametrize("part", ["worker", "follower", "engine"])
@pytest.mark.parametrize("state", ["never", "silent", "clock ahead"])
def test_a_part_that_is_not_heard(whole, part, state):
    rows = Heartbeat.objects.filter(part=part)
    if state == "never":
        rows.delete()
    elif state == "silent":
        rows.update(at=timezone.now() - 2 * heartbeat.STALE_AFTER)
    else:
        rows.update(at=timezone.now() + timedelta(days=1))
    told = get("/health/ready").json()
    assert told["parts"][part]["ok"] is False
    assert told["status"] == "degraded"
    assert service()["status"] == "Error"
    if state == "clock ahead":
        beat(part, "" if part == "worker" else "local")  # the clock was corrected
        assert get("/health/ready").json()["status"] == "ready"


def test_the_worker_is_not_blamed_while_nobody_gives_it_work(whole):
    long_ago = timezone.now() - timedelta(hours=1)
    Heartbeat.objects.filter(part__in=["worker", "follower"]).update(at=long_ago)
    told = get("/health/ready").json()["parts"]
    assert "follower, which gives it work, is silent" in told["worker"]["message"]
    assert "was heard last at" in told["follower"]["message"]
    assert told["follower"]["since"][:16] == long_ago.isoformat()[:16]


def test_an_engine_that_the_follower_cannot_reach(whole):
    beat("engine", "local", problem="what runs the jobs cannot be reached just now")
    says_no("engine", "cannot be reached just now")


def test_the_engine_that_is_chosen_counts(whole, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_ENGINE": "kubernetes"}
    assert get("/health/ready").json()["parts"]["engine"]["ok"] is False


# The database and the disk


def test_a_hub_without_its_tables_is_not_ready(whole, monkeypatch):
    site._all_applied.cache_clear()
    monkeypatch.setattr(site.MigrationExecutor, "migration_plan", lambda *_: [("jobs", False)])
    answer = get("/health/ready")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "migrate" in answer.json()["parts"]["migrations"]["remedy"]
    assert answer.json()["parts"]["worker"]["ok"] is False


def test_a_hub_without_its_database_is_alive_but_not_ready(whole, monkeypatch):
    def fail():
        raise OperationalError("secret host name")

    monkeypatch.setattr(site, "_write", fail)
    answer = get("/health/ready")
    assert answer.status_code == 503
    assert "secret" not in answer.content.decode()
    assert answer.json()["parts"]["worker"]["message"].endswith("the database cannot be asked.")
    assert get("/health/live").status_code == 200
    assert service()["status"] == "Error"


@pytest.mark.parametrize("now", ["replaced", "deleted"])
def test_a_database_file_that_is_replaced_below_the_hub(whole, monkeypatch, tmp_path, now):
    file, other = tmp_path / "hub.sqlite3", tmp_path / "backup"
    for path in (file, other):
        path.touch()
    look = SimpleNamespace(vendor="sqlite", settings_dict={"NAME": file})
    with monkeypatch.context() as patch:
        patch.setattr(site, "connection", look)
        patch.setattr(site, "_opened", None)
        assert not site._was_replaced()
        file.write_text("grows")
        assert not site._was_replaced()
        if now == "replaced":
            other.rename(file)
        else:
            file.unlink()
        assert site._was_replaced()
    monkeypatch.setattr(site, "_was_replaced", lambda: True)
    says_no("database", "was moved, replaced or deleted while the hub ran")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_another_program_holds_is_told_if_that_lasts(whole, monkeypatch):
    holder = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert get("/health/ready").json()["status"] == "ready"  # a writer among others
        monkeypatch.setattr(site, "BUSY_FOR_S", 0.0)
        says_no("database", "it is locked by another program")
        assert get("/health/ready").status_code == 503
    finally:
        holder.close()
    assert get("/health/ready").json()["status"] == "ready"


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        missing("mounting a small file system needs root: run the tests as root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_of_the_data_folder(whole, settings, small_disk):
    settings.DATA_DIR = small_disk
    assert get("/health/ready").json()["status"] == "ready"
    (small_disk / "cube").write_bytes(bytes(60 * 2**20))
    says_no("disk", "is full: 4 MiB are left")
    (small_disk / "cube").unlink()
    assert get("/health/ready").json()["status"] == "ready"


def test_a_data_folder_that_became_read_only(whole, settings, small_disk):
    settings.DATA_DIR = small_disk
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    says_no("disk", "is read-only")


def test_a_data_folder_that_went_away(whole, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"
    says_no("disk", "cannot be used: No such file")


# Views


def test_a_live_process_says_so():
    assert get("/health/live").json() == {"status": "alive"}


def test_looking_is_cheap_and_one_thread_does_it(whole, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(parts, "KEPT_S", 60.0)
    with django_assert_max_num_queries(18):
        view = parts.look()
    with django_assert_max_num_queries(0):
        assert parts.look() is view
        assert service()["status"] == "Ready"
    monkeypatch.setattr(parts, "_kept", (0.0, view))  # too old
    with parts._lock:  # another thread looks just now
        seen: list[parts.View] = []
        thread = threading.Thread(target=lambda: seen.append(parts.look()))
        thread.start()
        thread.join(timeout=PATIENCE_S)
    assert seen == [view]


def test_a_part_that_fails_does_not_hide_the_others(whole, monkeypatch):
    def broken():
        raise RuntimeError("x")

    monkeypatch.setitem(parts._parts, "broken", parts.Part("broken", broken))
    told = get("/health/ready").json()
    assert told["parts"]["broken"]["message"] == "It cannot be looked at."
    assert told["parts"]["worker"]["ok"]
    assert service()["status"] == "Ready"  # nothing needs it


def test_readiness_shows_the_followers_leases(whole):
    expires_at = timezone.now() + timedelta(minutes=10)
    Lock.objects.create(name="observer-local", holder="me", expires_at=expires_at)
    Lock.objects.create(name="launching")
    (follower,) = get("/health/ready").json()["observers"]
    assert follower["name"] == "observer-local"
    assert follower["active"]
    assert 300 < follower["lease_ends_in_s"] <= 600


# Heartbeats


def test_since_is_kept_while_a_part_says_the_same_without_a_gap():
    beat("worker")
    earlier = timezone.now() - timedelta(seconds=20)
    Heartbeat.objects.update(at=earlier, since=earlier)
    beat("worker")
    assert heard("worker").since == earlier
    beat("worker", problem="it has a problem")
    assert heard("worker").since > earlier
    Heartbeat.objects.update(at=timezone.now() - timedelta(days=1), since=earlier)
    beat("worker", problem="it has a problem")
    assert heard("worker").since > earlier


def test_a_pulse_writes_seldom_but_tells_news_at_once(django_assert_num_queries):
    pulse = heartbeat.Pulse("engine", "local")
    pulse.beat()
    with django_assert_num_queries(0):
        pulse.beat()
    pulse.beat("away")
    assert heard("engine", "local").problem == "away"
    pulse.beat()
    assert heard("engine", "local").problem == ""


# Metrics


def test_metrics_are_for_this_machines_scraper():
    answer = get("/metrics")
    assert answer.status_code == 200
    assert b"python_info" in answer.content


def test_metrics_tell_what_waits_and_runs(whole):
    user = make_user(units=50)
    now = timezone.now()
    make_job(user, state="QUEUED", created_at=now - timedelta(seconds=100))
    make_job(user, state="FAILED", reason="DEADLINE", is_live=False)
    make_job(
        user,
        state="RUNNING",
        launched_at=now - timedelta(seconds=30),
        made_at=now - timedelta(seconds=28),
        seen_at=now - timedelta(seconds=27),
    )
    text = get("/metrics").content.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("hub_"))
    assert values['hub_jobs{state="QUEUED"}'] == "1.0"
    assert values['hub_jobs{state="CANCELLED"}'] == "0.0"
    assert values['hub_jobs_failed{reason="DEADLINE"}'] == "1.0"
    assert 100 <= float(values["hub_oldest_queued_job_seconds"]) < 200
    assert values['hub_places_used{engine="local"}'] == "1.0"
    assert float(values['hub_places{engine="local"}']) >= 1
    assert values['hub_job_lag_seconds{statistic="max",step="launch"}'] == "2.0"
    assert values['hub_job_lag_seconds{statistic="median",step="observe_begin"}'] == "1.0"
    assert float(values['hub_units{kind="total"}']) >= 50
    assert values["hub_metrics_missing"] == "0.0"


def test_metrics_without_a_database_tell_the_rest(whole, monkeypatch, caplog):
    def fail():
        error = OperationalError("x")
        raise error

    monkeypatch.setattr(site, "_write", fail)
    monkeypatch.setattr(metrics._ours, "_kept_s", {metrics.of_parts: 0.0, fail: 0.0})
    text = get("/metrics").content.decode()
    assert "hub_metrics_missing 1.0" in text
    assert 'hub_part_up{part="database"} 0.0' in text
    assert "Traceback" not in caplog.text


def test_metrics_are_refused_to_others():
    far = {"REMOTE_ADDR": "203.0.113.7"}
    assert Client().get("/metrics", **far).status_code == 403
    passed_on = Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert passed_on.status_code == 403


def test_metrics_are_shown_to_operators():
    far = {"REMOTE_ADDR": "203.0.113.7"}
    client = Client()
    client.force_login(make_user(permissions=["manage:cubegens"]))
    assert client.get("/metrics", **far).status_code == 403
    client.force_login(make_user(permissions=["operate:hub"]))
    assert client.get("/metrics", **far).status_code == 200
