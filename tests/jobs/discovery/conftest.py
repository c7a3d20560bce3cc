"""Stores of a test's own, and a store reader that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from hubsite.engines.local.connection import Reply, SocketUnavailable
from jobs.discovery import asking, parameters
from tests.accounts.factories import bearer, make_user

STORES = """
sea:
  title: The sea
  description: Temperatures
  store_id: s3
  store_params: {root: sea-bucket, storage_options: {key: hidden-key, secret: hidden-secret}}
  cost_params: {input_pixels_per_punit: 1000, output_pixels_per_punit: 1000}
  writable: false
mine:
  store_id: file
  store_params: {root: users}
  cost_params: {scheme: free}
  per_user: true
drop:
  store_id: s3
  store_params: {root: drop}
  readable: false
plugin:
  store_id: cds
  store_params: {api_key: hidden-key}
  writable: false
"""


class Reader:
    """Stands for the store readers; the real ones are in tests/runner and test_with_xcube.py.

    `ids` by root of a store; `answer` replaces any answer; `is_gone` as of no runner.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.ids: dict[str, list[list[str]]] = {}
        self.descriptions: dict[str, dict[str, Any]] = {}
        self.answer: dict[str, Any] | None = None
        self.is_gone = False
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, body: dict[str, Any], *, timeout_s: float) -> Reply:
        self.asked.append(body)
        self.meanwhile()
        if self.is_gone:
            raise SocketUnavailable("stores.sock: no such file")
        if self.answer is not None:
            return Reply(200, self.answer)
        root = body["stores"][body["store"]]["store_params"].get("root", "")
        if body["do"] == "list":
            ids = self.ids.get(root.rpartition("/")[2], [])
            return Reply(200, {"status": "ok", "ids": ids, "is_complete": True, "has_root": True})
        found = self.descriptions.get(body["data_id"])
        if found is None:
            return Reply(200, failure("missing", 404, "There is no such data set."))
        return Reply(200, {"status": "ok", "description": found})


def failure(kind: str, status_code: int, message: str) -> dict[str, Any]:
    return {"status": "error", "kind": kind, "status_code": status_code, "message": message}


LATE = failure("store", 504, "The data store did not answer in time.")
AWAY = failure("store", 502, 'Cannot reach the data store "sea": no route')


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any) -> Reader:
    path = tmp_path / "stores.yaml"
    path.write_text(STORES)
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    settings.DATA_DIR = tmp_path
    reader = Reader()
    monkeypatch.setattr(asking, "_call", reader)
    monkeypatch.setattr(parameters, "_kept", {})
    return reader


@pytest.fixture
def user(db: None) -> User:
    return make_user(permissions=["manage:cubegens"], units=100)


@pytest.fixture
def get(client: Any) -> Callable[..., Any]:
    """GET a path below /api/v2/stores as a user."""

    def ask(user: User, path: str = "", headers: Any = None, **query: Any) -> Any:
        return client.get(
            f"/api/v2/stores{path}", query, headers={**bearer(user), **(headers or {})}
        )

    return ask
