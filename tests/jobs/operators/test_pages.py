"""The admin's pages of engines, stores, the task queue and the settings, and who may use them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure

from accounts.admin.base import OperatorAdmin
from hubsite.audit import AuditEntry
from hubsite.configuration.table import SETTINGS
from hubsite.coordination.ticks import Tick, registered
from hubsite.engines import draining
from hubsite.health import heartbeat, queue
from jobs.models import State, StoreListing
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

PAGES = ("engines", "stores", "queue", "settings")


@pytest.fixture(autouse=True)
def read_anew(read_switches, monkeypatch):
    monkeypatch.setattr(draining, "_kept", None)


@pytest.fixture
def operator(client):
    user = make_user("operator@example.org", permissions=["operate:hub"], is_staff=True)
    client.force_login(user)
    return user


@pytest.fixture
def support():
    return make_user("support@example.org", permissions=["read:hub"], is_staff=True)


def text(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize("name", PAGES)
def test_support_reads_it_and_changes_nothing(
    client, support, name: str, django_assert_max_num_queries
):
    path = reverse(f"admin-{name}")
    client.force_login(support)
    with django_assert_max_num_queries(16):
        answer = client.get(path)
    assert answer.status_code == 200
    assert 'method="post"' not in text(answer).partition("content-main")[2].partition("<footer")[0]
    if name in ("engines", "stores"):
        body = {"engine": "local", "message": "x", "store": "demo"}
        assert client.post(path, body).status_code == 403
    assert not draining.Drain.objects.exists()
    client.force_login(make_user(is_staff=True))
    assert client.get(path).status_code == 403
    client.logout()
    assert client.get(path).status_code == 302


def test_the_first_page_leads_to_them(client, operator):
    page = text(client.get("/admin/"))
    for name in PAGES:
        assert f'href="{reverse(f"admin-{name}")}"' in page
    assert "/admin/django_q/" not in page


def test_an_engine_is_drained_and_resumed(client, operator):
    ann = make_user("ann@example.org", units=10)
    make_job(ann, state=State.RUNNING)
    make_job(ann)
    heartbeat.beat("engine", "local", problem="the runner does not answer")
    path = reverse("admin-engines")
    page = text(client.get(path))
    assert "the runner does not answer" in page
    assert "ann@example.org" in page
    assert "1 and 1 waiting" in page
    answer = client.post(path, {"engine": "local", "message": "<b>Until 14:00.</b>"}, follow=True)
    assert "&lt;b&gt;Until 14:00.&lt;/b&gt;" in text(answer)
    assert "operator@example.org drained it" in text(answer)
    for body in ({"engine": "moon", "message": "x"}, {"engine": "local", "message": " "}):
        assert client.post(path, body).status_code == 400
    client.post(path, {"engine": "local", "do": "resume"})
    told = AuditEntry.objects.order_by("pk").values_list("action", "via", "actor")
    assert list(told) == [
        ("engine.drained", "admin", operator.pk),
        ("engine.resumed", "admin", operator.pk),
    ]


def test_a_store_that_is_away_says_so_and_is_asked_anew(client, operator):
    path = reverse("admin-stores")
    assert "not asked yet" in text(client.get(path))
    client.post(path, {"store": "demo"})
    row = StoreListing.objects.get(store="demo")
    assert row.wanted_at is not None
    StoreListing.objects.filter(pk=row.pk).update(
        failures=2,
        failed_at=timezone.now(),
        problem="It did not answer in 8 s.",
        wanted_at=None,
    )
    assert "It did not answer in 8 s." in text(client.get(path))
    client.post(path, {"store": "demo"})
    row.refresh_from_db()
    assert row.wanted_at is not None
    assert list(AuditEntry.objects.values_list("action", "label")) == [
        ("store.probed", "@demo"),
        ("store.probed", "@demo"),
    ]
    assert client.post(path, {"store": "moon"}).status_code == 400


def test_the_task_queue_says_whether_it_is_healthy(client, operator):
    path = reverse("admin-queue")
    assert "is silent" in text(client.get(path))
    heartbeat.beat("worker")
    heartbeat.beat("outside")
    now = timezone.now()
    Tick.objects.all().delete()
    Tick.objects.bulk_create(Tick(task=tick.task, asked_at=now) for tick in registered())
    assert "Healthy: both workers work" in text(client.get(path))
    Tick.objects.filter(task="jobs.tasks.sweep").update(asked_at=now - timedelta(minutes=5))
    Failure.objects.create(
        id="f" * 32,
        name="sweep",
        func="jobs.tasks.sweep",
        started=now,
        stopped=now,
        success=False,
        result="Traceback\n  File x\nValueError: <script>alert(1)</script>",
    )
    page = text(client.get(path))
    assert "Late: jobs.tasks.sweep." in page
    assert "ValueError: &lt;script&gt;" in page


def test_every_tick_says_what_it_does():
    assert [tick.task for tick in registered() if not queue.words_of(tick.task)] == []


def test_settings_are_shown_without_secrets(client, operator, settings):
    secret = "a-secret-that-nobody-may-see"
    names = [row.name for row in SETTINGS if row.secret]
    settings.HUB = {**django_settings.HUB, **dict.fromkeys(names, secret), "XCUBE_HUB_PORT": 4711}
    page = text(client.get(reverse("admin-settings")))
    assert secret not in page
    assert "4711" in page
    assert names[0] in page
    found = text(client.get(reverse("admin-settings"), {"q": "audit"}))
    assert "XCUBE_HUB_AUDIT_DAYS" in found
    assert "XCUBE_HUB_PORT" not in found


def test_every_admin_page_of_a_model_tells_the_audit_of_each_deletion():
    """Django writes the deletions of several objects at once, of which the audit learns nothing."""
    others = [
        model for model, page in admin.site._registry.items() if not isinstance(page, OperatorAdmin)
    ]
    assert others == []
