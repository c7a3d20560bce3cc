"""The page that leads a signed-in browser to a service at the edge."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from services import lifecycle
from services.models import EdgeTicket, Reason
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance(world):
    return world.ready()


def url(instance, onward=""):
    return f"/services/{instance.instance_id}/open" + (f"?next={onward}" if onward else "")


def test_an_owner_is_led_to_the_service(client, instance):
    client.force_login(instance.owner)
    answer = client.get(url(instance, "/viewer/%3Fdataset%3Da"))
    assert answer.status_code == 302
    led = urlsplit(answer["Location"])
    assert led.netloc.startswith(f"{instance.instance_id}.localhost")
    assert led.path == "/.xcube-hub/enter"
    assert parse_qs(led.query)["next"] == ["/viewer/?dataset=a"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert EdgeTicket.objects.count() == 1


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example.org", "/\\evil", "https://evil.example.org", "javascript:x",
        "/a%0d%0ab", "%2F%2Fevil",
    ],
)  # fmt: skip
def test_it_leads_nowhere_else(client, instance, onward):
    client.force_login(instance.owner)
    led = urlsplit(client.get(url(instance, onward))["Location"])
    assert parse_qs(led.query)["next"] == ["/viewer/"]


def test_who_is_not_signed_in_signs_in_first(client, instance):
    answer = client.get(url(instance))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=/services/")


def test_a_password_login_leads_on_by_a_page(client, instance):
    """Browsers refuse a form whose redirects end at another host."""
    operator = make_user("op@example.org", password="correct horse", is_staff=True)
    path = url(instance)
    form = {"username": operator.email, "password": "correct horse", "next": path}
    answer = client.post("/login/", form)
    assert answer.status_code == 200
    assert f'content="0; url={path}"' in answer.content.decode()
    elsewhere = client.post("/login/", {**form, "next": "/account/"})
    assert elsewhere["Location"] == "/account/"


def test_it_is_not_there_for_others(client, instance):
    client.force_login(make_user())
    answer = client.get(url(instance))
    assert answer.status_code == 404
    assert "no such service for you" in answer.content.decode()
    assert client.get("/services/nothing/open").status_code == 404
    assert not EdgeTicket.objects.exists()


def test_an_ended_service_says_why(client, instance):
    lifecycle.stop(instance, actor="hub", reason=Reason.AGE)
    client.force_login(instance.owner)
    answer = client.get(url(instance))
    assert answer.status_code == 410
    assert "largest age" in answer.content.decode()
