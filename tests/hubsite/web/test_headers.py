"""Headers that name codecs, or hold what no database takes, as anybody may send them."""

from __future__ import annotations

import io

import pytest
from django.db import connection

from hubsite.coordination.failures import TryCount
from tests.patience import times_the_work

pytestmark = pytest.mark.django_db

LOGIN = "/login/"
TOKEN = "/api/v2/oauth/token"  # noqa: S105
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def _a_request_leaves_the_transaction_of_the_test_open(monkeypatch):
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)


def serve(path: str, content_type: str, body: bytes = b"", **environ: str) -> int:
    """The status that gunicorn's application answers a POST with."""
    from hubsite.web.wsgi import application

    statuses: list[str] = []
    response = application(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            **environ,
        },
        lambda status, headers: statuses.append(status),
    )
    response.close()
    return int(statuses[0][:3])


@pytest.mark.parametrize(
    "codec", ["base64", "rot13", "hex", "zip", "idna", "undefined", "utf-16", "punycode", "none"]
)
@pytest.mark.parametrize(
    "parameter", ["charset={}", 'charset="{}"', "charset*={}''x", "x*={}''%ff", "x*0*={}''%ff"]
)
def test_no_codec_is_taken_from_the_content_type(codec, parameter):
    content_type = f"{FORM}; {parameter.format(codec)}"
    body = b"client_id=%C3%A4&client_secret=x"
    assert serve(TOKEN, content_type, body) == 401
    assert serve(TOKEN, content_type, body, QUERY_STRING="x=%ff") == 401


def test_a_content_type_is_read_quickly():
    """Nearly as quickly as a harmless one of the same length."""

    def all_of(kind: str, filling: str, body: bytes = b"client_id=" + b"a" * 500_000) -> None:
        TryCount.objects.all().delete()  # else too many tries would be refused unread
        serve(TOKEN, f"{FORM}; charset={kind}", body)
        serve(TOKEN, f"{FORM}; x*={kind}''" + "a" * 15_000)
        serve(TOKEN, f'{FORM}; x="' + filling * 15_000)

    assert times_the_work(lambda: all_of("punycode", ";"), lambda: all_of("utf-8", "a")) < 10


def test_pages_read_no_multipart_form():
    part = b"--b\r\nX: y; z*=punycode''" + b"a" * 950 + b"\r\n\r\n\r\n"
    token = "a" * 32

    def send(parts: int) -> None:
        status = serve(
            LOGIN,
            "multipart/form-data; boundary=b",
            part * parts + b"--b--\r\n",
            HTTP_COOKIE=f"csrftoken={token}",
        )
        assert status in (400, 403)

    assert times_the_work(lambda: send(2_000), lambda: send(20)) < 10


@pytest.mark.parametrize("name", ["sessionid", "csrftoken"])
@pytest.mark.parametrize("value", [r'"abcdefgh\000ijk"', "ä" * 10, "a b", "abcdefgh'", ""])
def test_cookies_that_are_none_of_ours_are_not_read(client, monkeypatch, name, value):
    loaded = []
    monkeypatch.setattr(
        "django.contrib.sessions.backends.db.SessionStore._get_session_from_db",
        lambda self: loaded.append(self.session_key),
    )
    response = client.get(LOGIN, headers={"Cookie": f"{name}={value}"})
    assert response.status_code == 200
    assert name not in response.wsgi_request.COOKIES
    assert not loaded


def test_a_session_of_ours_is_read(client, admin_user):
    client.force_login(admin_user)
    assert client.get("/").wsgi_request.user == admin_user
