"""How the API answers whatever is asked of it: one shape of errors, limits, no surprises."""

import json

import pytest

from tests.accounts.factories import bearer, make_user

pytestmark = pytest.mark.django_db

API = "/api/v2"
PROBLEM = "application/problem+json"


def assert_problem(response, status):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == PROBLEM
    body = response.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["detail"] == body["message"]
    assert "Traceback" not in response.content.decode()
    return body


@pytest.mark.parametrize("path", [f"{API}/nothing", f"{API}/cubegens/a/b/c", f"{API}/services/x"])
def test_unknown_paths_are_problems(client, path):
    assert_problem(client.get(path), 404)


def test_unknown_pages_are_html(client):
    response = client.get("/nothing")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/cubegens"),
        ("get", "/oauth/token"),
        ("put", "/oauth/token"),
        ("post", "/openapi.json"),
        ("delete", "/ui/"),
        ("options", "/ui"),
    ],
)
def test_wrong_methods_are_405(client, method, path):
    user = make_user(permissions=["manage:cubegens"])
    headers = bearer(user, ["manage:cubegens"])
    response = getattr(client, method)(API + path, headers=headers)
    assert_problem(response, 405)
    assert response["Allow"]


@pytest.mark.parametrize("path", [API, f"{API}/"])
def test_the_base_answers_with_and_without_a_slash(client, path):
    body = client.get(path).json()
    assert body["name"] == "xcube-gen-api"
    assert body["serverStartTime"].endswith("Z")


def test_services_are_public_objects(client):
    services = client.get(f"{API}/services").json()
    assert [service["name"] for service in services] == [
        "xcube_gen",
        "xcube_serve",
        "cate",
        "xcube_geoserv",
    ]
    for service in services:
        assert set(service) == {"name", "status", "message"}
    states = {service["name"]: service["status"] for service in services}
    assert states.pop("cate") == "Suspended", "no Cate is configured"
    assert states.pop("xcube_geoserv") == "Suspended", "no GeoServer is configured"
    assert set(states.values()) == {"Error"}, "neither worker, runner nor edge is there"


def test_a_body_larger_than_any_endpoint_takes_is_refused_by_its_header(client):
    response = client.generic(
        "PUT", f"{API}/cubegens", b"", content_type="application/json", CONTENT_LENGTH=str(10**8)
    )
    assert_problem(response, 413)


def test_a_body_without_a_length_is_refused(client):
    response = client.generic(
        "PUT", f"{API}/cubegens", b"", headers={"Transfer-Encoding": "chunked"}
    )
    assert_problem(response, 411)


@pytest.mark.parametrize("length", ["many", "-1", "²"])
def test_a_length_that_is_no_number_is_refused(client, length):
    response = client.generic("PUT", f"{API}/cubegens", b"", CONTENT_LENGTH=length)
    assert_problem(response, 400)


def test_an_unknown_host_is_refused_without_a_page(client, settings):
    settings.ALLOWED_HOSTS = ["hub.example"]
    assert client.get(f"{API}/", headers={"Host": "evil.example"}).status_code == 400


def test_our_own_faults_are_told_without_details(client, monkeypatch):
    client.raise_request_exception = False

    def fail(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("jobs.estimates.asking.versions", fail)
    response = client.get(f"{API}/cubegens/version")
    body = assert_problem(response, 500)
    assert "secret" not in json.dumps(body)


def test_the_session_needs_a_csrf_token_to_change_anything():
    from django.test import Client

    user = make_user(permissions=["manage:cubegens"])
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get(f"{API}/cubegens").status_code == 200
    assert_problem(browser.delete(f"{API}/cubegens"), 403)


def test_a_bad_token_is_not_saved_by_a_good_session(client):
    client.force_login(make_user(permissions=["manage:cubegens"]))
    assert_problem(client.get(f"{API}/cubegens", headers={"Authorization": "Bearer x"}), 401)


def test_whatever_is_accepted_json_is_answered(client):
    response = client.get(f"{API}/", headers={"Accept": "text/xml"})
    assert response["Content-Type"] == "application/json"


def test_pages_forbid_foreign_scripts(client):
    policy = client.get("/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


class TestCors:
    def test_only_configured_origins(self, settings):
        from django.http import HttpResponse
        from django.test import RequestFactory

        from hubsite.api.cors import CorsMiddleware

        settings.HUB = {**settings.HUB, "XCUBE_HUB_CORS_ORIGINS": ["https://cate.example"]}
        answer = CorsMiddleware(lambda request: HttpResponse())

        def origin_allowed(origin):
            request = RequestFactory().get(f"{API}/", headers={"Origin": origin})
            return answer(request).get("Access-Control-Allow-Origin")

        assert origin_allowed("https://cate.example") == "https://cate.example"
        assert origin_allowed("https://evil.example") is None

    def test_pages_are_not_shared(self, client):
        response = client.get("/", headers={"Origin": "https://cate.example"})
        assert "Access-Control-Allow-Origin" not in response


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "x"])
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
def test_an_encoded_body_is_refused_and_not_taken_for_wrong_text(client, encoding, content_type):
    answer = client.post(
        "/api/v2/oauth/token", b"\x1f\x8b", content_type, headers={"Content-Encoding": encoding}
    )
    assert answer.status_code == 415
    assert "Content-Encoding" in answer.json()["detail"]
