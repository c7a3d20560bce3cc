"""HEAD is GET without the body, for every endpoint, as the WSGI server gets it."""

from __future__ import annotations

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from hubsite.web.head import HeadMiddleware
from tests.accounts.factories import bearer, make_user
from tests.authorization.endpoints import endpoints

SIGNS_IN = "oidc/callback/"  # a GET that uses up a code: HEAD is refused (405)


def asked(method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    request = RequestFactory().generic(method, path, headers=headers)
    told: list = []
    body = WSGIHandler()(request.environ, lambda status, sent: told.extend((status, sent)))
    try:
        return int(told[0].split()[0]), dict(told[1]), b"".join(body)
    finally:
        body.close()


@pytest.mark.django_db
def test_every_endpoint_answers_head_as_get_without_a_body():
    headers = bearer(make_user(permissions=["manage:cubegens"]))
    seen = set()
    for endpoint in endpoints():
        if endpoint.method != "GET" or endpoint.route in (SIGNS_IN, "logout/"):
            continue
        path = endpoint.path(dict.fromkeys(endpoint.parameters, "x"))
        its = headers if endpoint.is_api else {}
        got, head = asked("GET", path, its), asked("HEAD", path, its)
        assert head[0] == got[0], path
        assert head[2] == b"", path
        assert head[1].get("Content-Type") == got[1].get("Content-Type"), path
        seen.add(head[0])
    assert {200, 404} <= seen, "bodies of answers and of errors are left out"


@pytest.mark.parametrize("path", ["/api/v2/openapi.json", "/api/v2/services", "/nothing"])
@pytest.mark.django_db
def test_the_length_is_that_of_get(path):
    got, head = asked("GET", path, {}), asked("HEAD", path, {})
    assert int(head[1]["Content-Length"]) == len(got[2]) > 0


def test_a_stream_is_not_read():
    def stream():
        raise AssertionError("read")
        yield b""

    answer = HeadMiddleware(lambda request: StreamingHttpResponse(stream()))
    assert b"".join(answer(RequestFactory().head("/"))) == b""


def test_a_get_keeps_its_body():
    answer = HeadMiddleware(lambda request: HttpResponse(b"x"))
    assert answer(RequestFactory().get("/")).content == b"x"
