"""Notices, preferences and webhooks over the API and in the pages."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client

from accounts.deletion import forget_person
from accounts.models import Notice, NoticeMail, Webhook, WebhookDelivery
from accounts.notices import choices
from accounts.notices.reading import forget_old
from accounts.notices.telling import tell
from accounts.notices.webhooks import targets
from accounts.tasks import send_mails
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

API = "/api/v2/"
KINDS = {"job.succeeded", "job.failed", "service.stops", "units.low", "webhook.off"}
ASKED = {"name": "mine", "url": "https://example.org/hook"}


class Caller:
    """A user who is signed in."""

    def __init__(self) -> None:
        self.user = make_user()
        self.browser = Client()
        self.browser.force_login(self.user)

    def ask(self, method: str, path: str, body=None):
        return self.browser.generic(
            method,
            API + path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
        )

    def tell(self, count: int = 1, kind: str = "job.failed") -> None:
        for _ in range(count):
            tell(self.user, kind, f"s{Notice.objects.count()}", "Some <b>cube</b>", path="/cubes/")


@pytest.fixture
def ann() -> Caller:
    return Caller()


def test_the_list_is_paged_filtered_and_followed_from_an_id(ann, django_assert_max_num_queries):
    ann.tell(5)
    Caller().tell(3)
    ids = [notice["id"] for notice in ann.ask("GET", "notices").json()]
    assert ids == sorted(ids, reverse=True) and len(ids) == 5
    assert ann.ask("PUT", "notices/read", {"ids": ids[3:]}).json() == {"marked": 2, "unread": 3}
    unread = ann.ask("GET", "notices?unread=true&limit=2")
    assert [notice["id"] for notice in unread.json()] == ids[:2]
    assert unread["X-Total-Count"] == "3"
    after = ann.ask("GET", f"notices?order=oldest&after={ids[2]}").json()
    assert [notice["id"] for notice in after] == [ids[1], ids[0]]
    assert after[0]["url"].endswith("/cubes/") and after[0]["url"].startswith("http")
    with django_assert_max_num_queries(6):  # however many there are
        ann.tell(1)
        ann.ask("GET", "notices")


@pytest.mark.parametrize(
    "query", ["unread=yes", "order=newst", "after=-1", "after=x", "after=" + "9" * 30, "limit=1e3"]
)
def test_what_the_list_does_not_know_is_refused(ann, query):
    answer = ann.ask("GET", f"notices?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"up_to": "1"},
        {"up_to": True},
        {"up_to": 2**80},
        {"ids": [1.5]},
        {"ids": list(range(1001))},
        {"ids": "1"},
        {"up_to": 1, "ids": [1]},
    ],
)
def test_marking_needs_numbers(ann, body):
    assert ann.ask("PUT", "notices/read", body).status_code == 400


def test_nobody_marks_what_is_anothers(ann):
    bob = Caller()
    bob.tell(2)
    newest = bob.user.notices.first().pk
    assert ann.ask("PUT", "notices/read", {"up_to": newest}).json()["marked"] == 0
    assert ann.ask("PUT", "notices/read", {"ids": [newest]}).json()["marked"] == 0
    assert bob.user.notices.unread().count() == 2


def test_preferences_are_shown_and_changed(ann):
    shown = ann.ask("GET", "notices/preferences").json()
    assert shown["mail"] is True and set(shown["kinds"]) > KINDS
    mailed = {name for name, kind in shown["kinds"].items() if kind["mail"]}
    assert mailed == {"service.stops", "units.low", "webhook.off"}, "what is lost otherwise"
    body = {"mail": False, "kinds": {"job.failed": {"portal": False, "mail": True}}}
    changed = ann.ask("PUT", "notices/preferences", body).json()
    assert changed["mail"] is False
    assert changed["kinds"]["job.failed"] == {
        "title": "A job failed",
        "portal": False,
        "mail": True,
    }
    assert changed["kinds"]["units.low"] == shown["kinds"]["units.low"]
    assert ann.ask("GET", "notices/preferences").json() == changed


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mail": "yes"}, "mail"),
        ({"mail": 1}, "mail"),
        ({"kinds": []}, "kinds"),
        ({"kinds": {"job.lost": {"portal": True, "mail": True}}}, "kinds.job.lost"),
        ({"kinds": {"webhook.test": {"portal": True, "mail": True}}}, "kinds.webhook.test"),
        ({"kinds": {f"k{n}": {"portal": True, "mail": True} for n in range(101)}}, "kinds"),
    ],
)
def test_a_preference_that_means_nothing_is_refused(ann, body, field):
    answer = ann.ask("PUT", "notices/preferences", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    incomplete = {"kinds": {"job.failed": {"portal": True}}}
    assert ann.ask("PUT", "notices/preferences", incomplete).status_code == 400


def test_a_webhook_is_made_changed_tested_and_deleted(ann):
    made = ann.ask("POST", "webhooks", ASKED)
    assert made.status_code == 201 and made["Cache-Control"] == "no-store"
    webhook = made.json()
    assert webhook["secret"].startswith("whsec_") and webhook["is_on"] and webhook["kinds"] == []
    path = f"webhooks/{webhook['id']}"
    for place in (path, "webhooks"):
        assert "secret" not in ann.ask("GET", place).content.decode().replace("whsec", "secret")
    changed = ann.ask("PUT", path, {**ASKED, "kinds": ["job.failed"], "is_on": False}).json()
    assert (changed["kinds"], changed["is_on"]) == (["job.failed"], False)
    assert ann.ask("POST", f"{path}/test").status_code == 409
    ann.ask("PUT", path, ASKED)
    test = ann.ask("POST", f"{path}/test")
    assert (test.status_code, test.json()["state"]) == (202, "pending")
    assert [row["id"] for row in ann.ask("GET", f"{path}/deliveries").json()] == [test.json()["id"]]
    new = ann.ask("POST", f"{path}/secret")
    assert new.json()["secret"] != webhook["secret"] and new["Cache-Control"] == "no-store"
    assert ann.ask("DELETE", path).json() == webhook["id"]
    assert ann.ask("GET", path).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"url": "http://example.org/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": None}, "url"),
        ({"url": "x" * 501}, "url"),
        ({"kinds": ["no.such"]}, "kinds"),
        ({"kinds": ["webhook.test"]}, "kinds"),
        ({"kinds": "job.failed"}, "kinds"),
        ({"kinds": ["job.failed"] * 101}, "kinds"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused_with_its_field(ann, change, field):
    for method, path in (("POST", "webhooks"), ("PUT", None)):
        if path is None:
            webhook, _ = targets.make(ann.user, name="x", url=ASKED["url"], wanted=[])
            path = f"webhooks/{webhook.webhook_id}"
        answer = ann.ask(method, path, {**ASKED, **change})
        assert answer.status_code == 400, answer.content
        assert answer.json()["errors"][0]["field"].partition("[")[0] == field
    assert Webhook.objects.count() == 1


def test_deliveries_are_listed_without_a_query_each(ann, django_assert_max_num_queries):
    webhook, _ = targets.make(ann.user, name="x", url=ASKED["url"], wanted=[])
    ann.tell(30)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=webhook, notice=notice) for notice in ann.user.notices.all()
    )
    with django_assert_max_num_queries(6):
        assert len(ann.ask("GET", f"webhooks/{webhook.webhook_id}/deliveries").json()) == 30


def test_pages_show_what_is_unread_and_escape_it(ann):
    ann.tell(30)
    page = ann.browser.get("/notices/").content.decode()
    assert page.count('class="row unread"') == 25 and "Older" in page
    assert "Some &lt;b&gt;cube&lt;/b&gt;" in page and "<b>cube" not in page
    assert '<span class="count" title="unread">30' in page
    newest = ann.user.notices.first().pk
    assert ann.browser.post("/notices/", {"up_to": newest}).status_code == 302
    assert 'class="count"' not in ann.browser.get("/").content.decode()
    ann.tell(120)
    assert ">99+<" in ann.browser.get("/notices/").content.decode()
    for odd in ("x", "-1", "9" * 40):
        assert ann.browser.get(f"/notices/?before={odd}").status_code == 200
        assert ann.browser.post("/notices/", {"up_to": odd}).status_code == 302


def test_pages_tell_live_that_something_is_new(ann):
    cursor = ann.browser.get("/changes").json()["cursor"]
    assert ann.browser.get(f"/changes?after={cursor}").status_code == 304
    ann.tell()
    assert ann.browser.get(f"/changes?after={cursor}").status_code == 200


def test_choices_and_webhooks_by_forms(ann, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EMAIL_URL": "smtp://mail.example.org"}
    ann.browser.post("/account/notices/", {"portal": ["job.failed"], "mail": ["job.failed"]})
    by_name = {choice.kind.name: choice for choice in choices.choices_of(ann.user)}
    assert by_name["job.failed"].by_mail and not by_name["units.low"].by_mail
    assert not choices.wants_mail(ann.user)
    made = ann.browser.post("/account/webhooks/", {**ASKED, "kinds": ["job.failed"]})
    assert "whsec_" in made.content.decode()
    webhook = Webhook.objects.get(user=ann.user)
    page = f"/account/webhooks/{webhook.webhook_id}/"
    refused = ann.browser.post(page, {"name": "x", "url": "https://10.0.0.1/"})
    assert refused.status_code == 400 and "A public address is expected" in refused.content.decode()
    assert "whsec_" in ann.browser.post(f"{page}secret").content.decode()
    for action in ("test", "off", "on"):
        assert ann.browser.post(page + action).status_code == 302
    assert "A test of the webhook mine" in ann.browser.get(page).content.decode()
    assert ann.browser.post(f"{page}explode").status_code == 404
    assert Caller().browser.get(page).status_code == 404
    ann.browser.post(f"{page}delete")
    assert not Webhook.objects.exists()


def test_what_is_old_is_deleted_with_its_deliveries(ann, settings):
    webhook, _ = targets.make(ann.user, name="x", url=ASKED["url"], wanted=[])
    ann.tell(2)
    old = ann.user.notices.last()
    WebhookDelivery.objects.create(webhook=webhook, notice=old)
    Notice.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(days=91))
    forget_old()
    assert ann.user.notices.count() == 1 and not WebhookDelivery.objects.exists()


def test_a_deleted_person_leaves_no_notice_webhook_or_choice(ann):
    ann.tell(2, "units.low")
    bob = make_user()
    tell(bob, "shared.with_me", "1", "“My map”", f"{ann.user.email} shares a service with you.")
    tell(bob, "shared.with_me", "2", "“Another”", "eve@example.org shares a service with you.")
    send_mails()
    choices.choose(ann.user, mail=False, wanted={"job.failed": (True, True)})
    webhook, _ = targets.make(ann.user, name="x", url=ASKED["url"], wanted=[])
    targets.test(webhook)
    forget_person(ann.user, actor="test")
    for rows in (NoticeMail, Webhook, WebhookDelivery):
        assert not rows.objects.exists()
    assert [notice.title for notice in Notice.objects.all()] == ["“Another”"]
    assert not ann.user.notice_choices.exists()
