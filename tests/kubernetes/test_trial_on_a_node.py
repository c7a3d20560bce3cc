"""The trial run of check_cluster, in a real pod with xcube's image."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.images import XCUBE, XCUBE_CONDA
from tests.servers.kubernetes.node import NodeCluster

from .checked import Check

pytestmark = [pytest.mark.kubernetes, pytest.mark.node, pytest.mark.xcube]


class _Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # noqa: N802
        self.send_response(200 if self.path == "/api/v2/" else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(node_cluster: NodeCluster) -> Iterator[str]:
    """Stands in for a hub where pods reach it."""
    with ThreadingHTTPServer((node_cluster.host_address, 0), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{node_cluster.host_address}:{server.server_port}/api/v2"
        server.shutdown()


@pytest.fixture
def check(settings: Any, node_hub_access: HubAccess, hub: str) -> Check:
    check = Check(settings, node_hub_access.kubeconfig)
    check.set(
        XCUBE_HUB_CALLBACK_URL=hub,
        XCUBE_HUB_POD_PULL_POLICY="Never",
        XCUBE_HUB_POD_CPU_REQUEST="10m",
    )
    return check


@pytest.mark.parametrize("image", [XCUBE, XCUBE_CONDA])
def test_a_pod_finds_xcube_and_the_hub(
    check: Check, node_cluster: NodeCluster, node_namespace: str, image: str
) -> None:
    check.set(XCUBE_HUB_POD_IMAGE=image)
    row = check.row("trial run", "--trial")
    assert row["outcome"] == "ok", row
    print(f"{image}: {row['found']}")
    pods = f"/api/v1/namespaces/{node_namespace}/pods"
    until(lambda: not node_cluster.api.items(pods), "removal of the pod")


def test_a_pod_tells_that_something_else_answers(check: Check, hub: str) -> None:
    check.set(XCUBE_HUB_POD_IMAGE=XCUBE, XCUBE_HUB_CALLBACK_URL=f"{hub}/wrong")
    row = check.row("trial run", "--trial")
    assert (row["outcome"], row["found"]) == (
        "failed",
        f"LAUNCH: From a pod, the hub at {hub}/wrong answers 400",
    )
    check.set(XCUBE_HUB_CALLBACK_URL=hub)
    assert check.row("trial run", "--trial")["outcome"] == "ok"


def test_an_image_that_is_not_there_is_told(check: Check) -> None:
    check.set(XCUBE_HUB_POD_IMAGE="localhost/no-such-image:1")
    row = check.row("trial run", "--trial")
    assert (row["outcome"], row["found"][:6]) == ("failed", "IMAGE:")
    check.set(XCUBE_HUB_POD_IMAGE=XCUBE)
    assert check.row("trial run", "--trial")["outcome"] == "ok"
