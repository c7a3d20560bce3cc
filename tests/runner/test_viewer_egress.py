"""Which addresses a viewer reaches: those of operators' stores, and public ones of callers'."""

from __future__ import annotations

import copy
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from .runnerprocess import wait_for
from .viewerclient import TILE, Viewers, fetch, workload

pytestmark = pytest.mark.xcube

DENY = {"deny_private": True, "allow_networks": []}


class Listener:
    """A server on this machine that counts who connects, and says nothing useful."""

    def __init__(self) -> None:
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def viewers(runner) -> Viewers:
    return Viewers(runner)


def s3(identifier: str, endpoint: str) -> dict[str, Any]:
    options = {"anon": True, "client_kwargs": {"endpoint_url": endpoint}}
    return {
        "Identifier": identifier,
        "StoreId": "s3",
        "StoreParams": {"root": "bucket", "storage_options": options},
        "Datasets": [{"Path": "cube.zarr", "Identifier": f"{identifier}-cube"}],
    }


def https(identifier: str, host: str) -> dict[str, Any]:
    """A store whose parameters hold no URL, so only its connections can be refused."""
    return {
        "Identifier": identifier,
        "StoreId": "https",
        "StoreParams": {"root": host},
        "Datasets": [{"Path": "cube.zarr", "Identifier": f"{identifier}-cube"}],
    }


def with_stores(work: dict[str, Any], *stores: dict[str, Any], own: list[str]) -> dict[str, Any]:
    work = copy.deepcopy(work)
    config = work["payload"]["config"]
    config["DataStores"] = [config["DataStores"][0], *stores]
    work["payload"] |= {"egress": DENY, "own_stores": own}
    return work


def is_refused(fact: dict[str, Any], name: str) -> bool:
    return any("not allowed" in why for key, why in fact["broken"].items() if key.startswith(name))


def until_refused(viewers: Viewers, work: dict[str, Any], names: list[str]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        fact = viewers.get(work["name"])

        return fact if all(is_refused(fact, name) for name in names) else None

    return wait_for(look, "refusal of own stores")


def test_a_callers_own_store_reaches_nothing_private(viewers, demo_root, listener):
    hosts = ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"]
    stores = [s3(f"s3-{n}", f"http://{host}:{listener.port}") for n, host in enumerate(hosts)]
    stores.append(s3("metadata", "http://169.254.169.254"))
    named = [store["Identifier"] for store in stores]
    stores.append(https("web", f"localhost:{listener.port}"))
    own = [*named, "web"]
    work = with_stores(workload(demo_root), *stores, own=own)
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    fact = until_refused(viewers, work, named)
    assert any(name.startswith("web") for name in fact["broken"])
    # The caller's other stores are shown nevertheless.
    assert fetch(viewers.socket(work["name"]), TILE)[0] == 200

    # Nor while the configuration changes, nor when the data are opened anew.
    for number in range(4):
        other = s3("operators", f"http://127.0.0.{7 + number}:1")
        work = viewers.change(with_stores(work, other, *stores, own=own))
        viewers.until(work["name"], "RUNNING")
        assert viewers.refresh(work["name"]) == 202
    until_refused(viewers, work, named)
    assert listener.connections == 0
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


def test_an_operators_store_is_reached_and_a_callers_of_the_same_address_is_not(
    viewers, demo_root, listener
):
    place = f"http://127.0.0.1:{listener.port}"
    work = with_stores(workload(demo_root), s3("own", place), s3("operators", place), own=["own"])
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    wait_for(lambda: listener.connections > 0, "connection to the operators' store")
    fact = until_refused(viewers, work, ["own"])
    assert not is_refused(fact, "operators")
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


@pytest.mark.parametrize("egress", [None, {"deny_private": False, "allow_networks": []}])
def test_own_stores_without_rules_are_refused(viewers, demo_root, egress):
    work = with_stores(workload(demo_root), s3("own", "http://example.org"), own=["own"])
    work["payload"]["egress"] = egress
    status, answer = viewers.try_put(work)
    assert status == 400 and "payload.own_stores" in answer["error"]
