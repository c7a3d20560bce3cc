"""Hostile configurations through the API: a clear 4xx each, and nothing is started."""

from __future__ import annotations

import json

import pytest

from services.models import ServiceInstance
from tests.accounts.factories import bearer, make_user

from .examples import one
from .test_configuration import DATASETS, HUGE, WHOLE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]

CORPUS = [
    *(one(**dataset) for dataset, _ in DATASETS),
    *(configuration for configuration, _ in WHOLE),
    *(None, [], "x", 5, True, {}),
]
RAW = [
    b"", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"null", b"NaN", b"x" * 2_000_000,
    b'{"user_id": "%s", "cfg": {"a": 1, "a": 2}}', b"!!python/object/apply:os.system [id]",
]  # fmt: skip


@pytest.fixture
def put(client):
    user = make_user(permissions=["manage:cubegens"])
    headers = bearer(user, ["manage:cubegens"])

    def call(body: bytes):
        return client.put(
            "/api/v2/xcube", data=body, content_type="application/json", headers=headers
        )

    call.user = user
    return call


def is_plain_json(value: object) -> bool:
    """Whether it has no NaN, infinity or endless number: the parser refuses those."""
    try:
        return "0" * 40 not in json.dumps(value, allow_nan=False)
    except ValueError:
        return False


def test_each_of_the_corpus_is_answered_400_with_its_field(put) -> None:
    for configuration in CORPUS:
        answer = put(json.dumps({"user_id": put.user.username, "cfg": configuration}).encode())
        assert answer.status_code == 400, (configuration, answer.content)
        if not is_plain_json(configuration):
            continue  # the body is refused as a whole
        errors = answer.json().get("errors")
        assert errors, (str(configuration)[:200], answer.content)
        assert all(error["field"].startswith("cfg") for error in errors), errors
    assert not ServiceInstance.objects.exists()


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_one_is_answered_4xx(put, name) -> None:
    try:
        body = json.dumps({"user_id": put.user.username, "cfg": HUGE[name]}).encode()
    except RecursionError:
        body = b'{"user_id": "x", "cfg": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert put(body).status_code in (400, 403, 413)
    assert not ServiceInstance.objects.exists()


@pytest.mark.parametrize("body", RAW, ids=range(len(RAW)))
def test_what_is_no_json_is_answered_4xx(put, body) -> None:
    assert put(body).status_code in (400, 403, 413)
