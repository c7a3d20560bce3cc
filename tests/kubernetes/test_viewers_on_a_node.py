"""Viewers in pods of a real kubelet: from the row to a tile in a client's hands.

The test network has no proxy for the addresses of Services, so the pods' own are used.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hubsite import engines
from hubsite.engines.facts import Phase, ServiceFact
from hubsite.engines.specs import Program
from jobs.running.runner_package import MODULE, REQUIRES, runner_zip
from services import lifecycle, tasks
from services.edge.limits import LIMITS
from services.edge.serving import Options, running
from services.models import InstanceEvent, Reason, ServiceInstance, State
from services.running.following import make_follower
from services.submission import admission
from tests.accounts.factories import make_user
from tests.patience import PATIENCE_S
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.images import XCUBE
from tests.servers.kubernetes.node import NodeCluster
from tests.services.edge import standins
from tests.services.factories import make_profile

from .engines import MIB, WatchingServices, apply_service, make_engine, service

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xcube,
    pytest.mark.kubernetes,
    pytest.mark.node,
]

Json = dict[str, Any]
PNG = b"\x89PNG\r\n"
CONFIGURATION = {
    "Datasets": [{"Identifier": "demo", "StoreInstanceId": "@demo", "Path": "demo.zarr"}]
}
NOTHING = {
    "kind": "xcube_server",
    "config": {"DataStores": []},
    "viewer": None,
    "public_url": "http://viewer.example.org",
}
EDGE = "edge.example.org"


class World:
    """The hub's worker and follower of services, on the cluster with the real node."""

    def __init__(self) -> None:
        self.engine = engines.get_engine("kubernetes")
        made = make_follower(self.engine, is_stopping=lambda: False)
        assert made is not None
        self.follower = made
        self.user = make_user(units=1000, permissions=["manage:cubegens"])

    def start(self) -> ServiceInstance:
        profile = make_profile(memory_bytes=1 << 30, cpus=2.0)
        return admission.start(
            self.user, profile=profile, configuration=CONFIGURATION, actor=self.user.username
        )

    def until(self, instance: ServiceInstance, state: State) -> ServiceInstance:
        def turn() -> ServiceInstance | None:
            tasks.start_due()
            self.follower.look()
            over = ServiceInstance.objects.live().filter(state__in=["STOPPING", "STOPPED"])
            tasks.remove_objects(list(over.values_list("instance_id", flat=True)), "kubernetes")
            row = ServiceInstance.objects.get(pk=instance.pk)
            assert row.state == state or not row.is_final, self.story(row)
            return row if row.state == state else None

        return until(turn, f"{state} instance")

    @staticmethod
    def story(row: ServiceInstance) -> str:
        """What happened, for whoever reads a failed test."""
        events = InstanceEvent.objects.filter(instance=row).values_list("to_state", "message")
        return f"{row.state} {row.reason} {row.message}: {list(events)}\n{row.document.log}"


@pytest.fixture
def world(
    demo_cube: Path, node_cluster: NodeCluster, node_hub_access: HubAccess, settings: Any
) -> Iterator[World]:
    subprocess.run(["chmod", "-R", "a+rX", demo_cube.parent], check=True)
    node_cluster.make_volume(node_hub_access.namespace, "source", demo_cube.parent)
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ENGINE": "kubernetes",
        "KUBECONFIG": str(node_hub_access.kubeconfig),
        "XCUBE_HUB_NAMESPACE": node_hub_access.namespace,
        "XCUBE_HUB_POD_IMAGE": XCUBE,
        "XCUBE_HUB_POD_PULL_POLICY": "Never",
        "XCUBE_HUB_POD_VOLUMES": [f"source:{demo_cube.parent}"],
        "XCUBE_HUB_POD_CPU_REQUEST": "100m",
        "XCUBE_HUB_SERVICE_ADDRESS": "pod",
        "XCUBE_HUB_EDGE_URL": f"http://*.{EDGE}",
    }
    engines.get_engine.cache_clear()
    made = World()
    yield made
    made.engine.services.stop_watching()
    engines.get_engine.cache_clear()


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def tile_path(base: str) -> str:
    """The path of a tile of the first variable of the only dataset."""
    (dataset,) = json.loads(get(f"{base}/datasets?details=1")[1])["datasets"]
    variable = dataset["variables"][0]["name"]
    return f"/tiles/{dataset['id']}/{variable}/0/0/0?time=first"


async def through_the_edge(instance: ServiceInstance, path: str) -> tuple[int, bytes, int]:
    """A tile by the edge: status, content, and the status for someone without a right."""
    hub = standins.Hub(address=instance.address)
    await hub.start()
    options = Options(
        address="127.0.0.1",
        port=0,
        hub_url=hub.url,
        secret=standins.SECRET,
        public_url=f"http://*.{EDGE}",
        limits=replace(LIMITS, report_s=0.1),
    )
    host = {"Host": f"{instance.instance_id}.{EDGE}"}
    cookie = {"Cookie": f"xcube-hub={standins.SESSION}"}
    try:
        async with running(options) as edge, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{edge.port}{path}"
            async with session.get(url, headers=host) as answer:
                denied = answer.status
            async with session.get(url, headers={**host, **cookie}) as answer:
                return answer.status, await answer.read(), denied
    finally:
        await hub.stop()


def test_a_viewer_serves_a_tile_sleeps_wakes_and_goes(
    world: World, node_cluster: NodeCluster, node_hub_access: HubAccess
) -> None:
    instance = world.until(world.start(), State.READY)
    assert instance.address.startswith("http://10.200.")
    path = tile_path(instance.address)
    status, tile = get(instance.address + path)
    assert (status, tile[: len(PNG)]) == (200, PNG)
    assert asyncio.run(through_the_edge(instance, path)) == (200, tile, 401)
    assert get(f"{instance.address}/maintenance/kill")[0] == 404
    world.engine.services.refresh([instance.instance_id])
    assert get(instance.address + path) == (200, tile)

    pods = f"/api/v1/namespaces/{node_hub_access.namespace}/pods"
    assert lifecycle.sleep(instance, actor="test", reason=Reason.IDLE)
    asleep = world.until(instance, State.ASLEEP)
    until(lambda: not node_cluster.api.items(pods), "end of the pod")
    assert lifecycle.wake(asleep, actor="test", by="a test")
    awake = world.until(asleep, State.READY)
    assert get(awake.address + path) == (200, tile)

    assert lifecycle.stop(awake, actor="test", reason=Reason.OWNER)
    stopped = world.until(awake, State.STOPPED)
    assert "serves revision" in stopped.document.log
    core = f"/api/v1/namespaces/{node_hub_access.namespace}"
    for kind in (f"{core}/pods", f"{core}/services", f"{core}/secrets"):
        selector = f"xcube-hub/service={instance.instance_id}"
        until(
            lambda kind=kind, selector=selector: (
                not node_cluster.api.items(kind, labelSelector=selector)
            ),
            f"removal of {kind}",
        )


def test_what_cannot_serve_says_why(node_hub_access: HubAccess, node_cluster: NodeCluster) -> None:
    """All at once, because the kubelet waits ever longer before it starts one again."""
    program = Program(archive=runner_zip(), module=MODULE, requires=REQUIRES)
    engine = make_engine(
        node_hub_access,
        image=XCUBE,
        pull_policy="Never",
        cpu_request="50m",
        reaches_pods=True,
    )
    specs = {
        "ximage": service("ximage", program=program, image="localhost/none:1"),
        "xmemory": service("xmemory", program=program, memory_bytes=48 * MIB, payload=NOTHING),
        "xwrong": service("xwrong", program=program, memory_bytes=512 * MIB, payload={"a": 1}),
        "xpython": service("xpython", program=replace(program, requires="not_there")),
    }
    for spec in specs.values():
        apply_service(engine, spec)
    watching = WatchingServices(engine)
    facts: dict[str, ServiceFact] = {}

    def are_over() -> bool:
        for name, fact in watching.facts().items():
            if fact.phase in (Phase.FAILED, Phase.STUCK) and name not in facts:
                facts[name] = fact
                engine.services.remove([name])  # as the hub does; else it starts ever again
        return facts.keys() == specs.keys()

    until(are_over, "end of all")
    watching.stop()
    found = {name: (facts[name].phase.value, facts[name].reason) for name in specs}
    assert found == {
        "ximage": ("STUCK", "IMAGE"),
        "xmemory": ("FAILED", "OUT_OF_MEMORY"),
        "xwrong": ("FAILED", "LAUNCH"),
        "xpython": ("FAILED", "IMAGE"),
    }
    assert facts["xmemory"].restarts >= 3
    assert "payload" in (facts["xwrong"].message or "")
    assert "cannot be had" in (facts["ximage"].message or "")
