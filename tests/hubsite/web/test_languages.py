"""Pages are in the language that the reader chose, else the browser's; all else is English."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import OperationalError
from django.test import Client
from django.utils import translation

from hubsite.console import home
from tests.accounts.factories import make_user

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}


def language_of(answer) -> str:
    text = answer.content.decode()
    assert answer["Content-Language"] in text[:200]
    return answer["Content-Language"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        ("de-CH;q=0.8, fr", "de"),
        ("fr, es;q=0.9", "en"),
        ("en-GB, de;q=0.5", "en"),
        ("", "en"),
        ("de" * 5000, "en"),
        ("../../de, \x00", "en"),
    ],
)
@pytest.mark.django_db
def test_a_stranger_reads_what_the_browser_asks_for(header, language):
    answer = Client(HTTP_ACCEPT_LANGUAGE=header).get("/")
    assert language_of(answer) == language
    assert {"Accept-Language", "Cookie"} <= set(answer["Vary"].split(", "))
    assert ("Anmelden" in answer.content.decode()) == (language == "de")


@pytest.mark.django_db
def test_a_choice_of_a_stranger_is_a_cookie():
    client = Client(**GERMAN)
    answer = client.post("/language", {"language": "en", "next": "/login/?next=/cubes/"})
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/cubes/")
    cookie = answer.cookies["hub_language"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/", True, "Lax")
    assert language_of(client.get("/login/")) == "en"
    client.cookies["hub_language"] = "xx"
    assert language_of(client.get("/login/")) == "de"


@pytest.mark.django_db
def test_a_choice_of_a_user_comes_with_them_to_another_browser():
    user = make_user()
    here, there = Client(**GERMAN), Client(HTTP_ACCEPT_LANGUAGE="en")
    here.force_login(user)
    there.force_login(user)
    assert language_of(there.get("/account/")) == "en"
    here.post("/language", {"language": "de"})
    assert language_of(there.get("/account/")) == "de"
    there.cookies["hub_language"] = "en"
    assert language_of(there.get("/account/")) == "de"  # the cookie is of who was there before


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/" * 9,
    ]
    + ["/cubes/?" + "a" * 3000],
)
@pytest.mark.django_db
def test_a_choice_leads_nowhere_else(elsewhere):
    answer = Client().post("/language", {"language": "de", "next": elsewhere})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("language", ["xx", "", "de-x", "EN", "de\x00", "d" * 10000])
@pytest.mark.django_db
def test_another_language_is_refused(language):
    answer = Client().post("/language", {"language": language})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "language", "message": "expected one of en, de"}]
    assert not answer.cookies


@pytest.mark.django_db
def test_a_choice_is_a_post_of_our_own_page():
    assert Client().get("/language").status_code == 405
    other = Client(enforce_csrf_checks=True, **GERMAN)
    answer = other.post("/language", {"language": "en"})
    assert answer.status_code == 403
    assert language_of(answer) == "de"


@pytest.mark.django_db
def test_the_answer_to_a_form_offers_the_page_of_the_form():
    client = Client(HTTP_REFERER="http://testserver/login/?next=/cubes/")
    text = client.post("/login/", {"username": "a@b.example", "password": "wrong"}).content.decode()
    assert 'name="next" value="/login/?next=/cubes/"' in text
    client = Client(HTTP_REFERER="https://evil.example/login/")
    text = client.post("/login/", {"username": "a@b.example", "password": "wrong"}).content.decode()
    assert "evil.example" not in text


@pytest.mark.django_db
def test_pages_of_errors_are_in_the_language_too(monkeypatch):
    client = Client(raise_request_exception=False, **GERMAN)
    assert language_of(client.get("/nothing-here")) == "de"
    for error, status in ((RuntimeError("ours"), 500), (OperationalError("locked"), 503)):

        def fail(error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(home.parts, "look", fail)
        answer = client.get("/")
        assert (answer.status_code, language_of(answer)) == (status, "de")


@pytest.mark.django_db
def test_without_a_database_the_page_that_says_so_is_in_the_browsers_language(monkeypatch):
    client = Client(raise_request_exception=False, **GERMAN)
    client.force_login(make_user(language="en"))

    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    answer = client.get("/account/")
    assert (answer.status_code, language_of(answer)) == (503, "de")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/",
        "/api/v2/nothing-here",
        "/api/v2/openapi.json",
        "/health/ready",
        "/metrics",
        "/changes",
        "/.well-known/oauth-authorization-server",
        "/webapi/count",
    ],
)
@pytest.mark.django_db
def test_programs_are_answered_in_english(path):
    german = Client(HTTP_COOKIE="hub_language=de", **GERMAN).get(path)
    assert "Content-Language" not in german
    assert "Accept-Language" not in german.get("Vary", "")
    assert (german.status_code, german.get("Content-Type")) == (
        (english := Client().get(path)).status_code,
        english.get("Content-Type"),
    )
    if path.startswith("/api/v2/") and english.get("Content-Type", "").endswith("json"):
        drop = ("serverCurrentTime", "serverStartTime")
        strip = [{k: v for k, v in it.json().items() if k not in drop} for it in (german, english)]
        assert strip[0] == strip[1]


@pytest.mark.django_db
def test_the_changes_endpoint_confirms_the_same_cursor_in_each_language():
    user = make_user()
    german, english = Client(**GERMAN), Client()
    german.force_login(user)
    english.force_login(user)
    cursor = german.get("/changes").json()["cursor"]
    same = english.get("/changes", {"after": cursor})
    assert (same.status_code, same.content) == (304, b"")
    assert "Content-Language" not in same


@pytest.mark.django_db
def test_a_page_leaves_no_language_behind_in_its_thread():
    Client(**GERMAN).get("/")
    assert translation.get_language() == "en"
    assert not mail.outbox
    assert (
        Client(HTTP_AUTHORIZATION="Bearer x", **GERMAN).get("/api/v2/users/me").status_code == 401
    )


@pytest.mark.django_db
def test_the_language_costs_strangers_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        Client(**GERMAN).get("/signed-out/")


@pytest.mark.parametrize("referer", ["http://[", "http://[::1", "//\x00", "x" * 5000, ""])
@pytest.mark.django_db
def test_the_answer_to_a_form_does_not_depend_on_its_referer(referer):
    client = Client(enforce_csrf_checks=True, HTTP_REFERER=referer)
    assert client.post("/login/").status_code == 403
    assert Client(HTTP_REFERER=referer).post("/login/").status_code == 400
