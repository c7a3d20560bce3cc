"""Services in a real API server, under the hub's own Role; their pods are simulated."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hubsite.engines.facts import Phase, ServiceFact
from hubsite.engines.kubernetes.engine import KubernetesEngine
from hubsite.engines.kubernetes.labels import SERVICE_LABEL
from hubsite.engines.kubernetes.routes import RouteOptions
from hubsite.engines.outcomes import Outcome
from hubsite.engines.specs import Command
from tests.servers.kubernetes import manifests
from tests.servers.kubernetes.access import ROLE, HubAccess
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.controlplane import Cluster

from .crds import http_routes
from .engines import WatchingServices, apply_service, make_engine, service, simulated

pytestmark = pytest.mark.kubernetes

Json = dict[str, Any]
NAME = "xviewer"
ROUTES = ROLE.parent / "routes" / "role.yaml"


class Objects:
    """The objects of services in a namespace, as an admin sees them."""

    def __init__(self, cluster: Cluster, access: HubAccess) -> None:
        self.api = cluster.api
        core, apps = (
            f"/{group}/namespaces/{access.namespace}" for group in ("api/v1", "apis/apps/v1")
        )
        self.paths = {
            "deployments": f"{apps}/deployments",
            "replicasets": f"{apps}/replicasets",
            "secrets": f"{core}/secrets",
            "services": f"{core}/services",
            "pods": f"{core}/pods",
        }

    def path(self, kind: str, name: str = NAME) -> str:
        return f"{self.paths[kind]}/{name}"

    def get(self, kind: str, name: str = NAME) -> Json:
        return self.api.get(self.path(kind, name))

    def exists(self, kind: str, name: str = NAME) -> bool:
        return self.api.exists(self.path(kind, name))

    def names(self, kind: str) -> list[str]:
        """Those that belong to services."""
        items = self.api.items(self.paths[kind], labelSelector=SERVICE_LABEL)
        return sorted(item["metadata"]["name"] for item in items)

    def pod(self) -> Json | None:
        items = self.api.items(self.paths["pods"], labelSelector=f"{SERVICE_LABEL}={NAME}")
        return next((pod for pod in items if not pod["metadata"].get("deletionTimestamp")), None)


@pytest.fixture
def objects(cluster: Cluster, hub_access: HubAccess) -> Objects:
    return Objects(cluster, hub_access)


@pytest.fixture
def engine(hub_access: HubAccess, simulated_node: str) -> KubernetesEngine:
    return make_engine(hub_access, **simulated())


@pytest.fixture
def watching(engine: KubernetesEngine) -> Iterator[WatchingServices]:
    watching = WatchingServices(engine)
    yield watching
    watching.stop()


def until_fact(
    watching: WatchingServices, is_wanted: Callable[[ServiceFact], bool], what: str
) -> ServiceFact:
    def look() -> ServiceFact | None:
        fact = watching.facts().get(NAME)
        return fact if fact and is_wanted(fact) else None

    return until(look, what)


def until_running(watching: WatchingServices, revision: int = 1) -> ServiceFact:
    return until_fact(
        watching,
        lambda fact: fact.phase is Phase.RUNNING and fact.revision == revision,
        f"ready service of revision {revision}",
    )


def payload_of(secret: Json) -> Json:
    return json.loads(gzip.decompress(base64.b64decode(secret["data"]["workload.json.gz"])))


def test_a_service_becomes_ready_and_goes_without_a_trace(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    apply_service(engine, service(NAME))
    fact = until_running(watching)
    made = objects.get("services")
    assert fact.address == f"http://{made['spec']['clusterIP']}:8080"
    assert fact.ready_since is not None
    assert fact.restarts == 0
    found = engine.services.look(NAME)
    assert found is not None and found.fingerprint == fact.fingerprint
    assert objects.names("secrets") == [f"{NAME}-1"]
    engine.services.remove([NAME])
    until(lambda: not watching.facts(), "fact that it is gone")
    for kind in objects.paths:
        until(lambda kind=kind: not objects.names(kind), f"removal of {kind}")
    engine.services.remove([NAME])  # gone is success


def test_nothing_secret_is_outside_of_the_secret(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    apply_service(engine, service(NAME))
    until_running(watching)
    assert "top-secret" in json.dumps(payload_of(objects.get("secrets", f"{NAME}-1")))
    for kind in ("deployments", "replicasets", "services", "pods"):
        assert "top-secret" not in json.dumps(objects.api.items(objects.paths[kind]))


def test_it_sleeps_at_the_same_address_and_wakes(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    apply_service(engine, service(NAME))
    address = until_running(watching).address
    apply_service(engine, service(NAME, revision=2, is_asleep=True))
    asleep = until_fact(watching, lambda f: f.phase is Phase.ASLEEP, "sleep")
    assert (asleep.revision, asleep.address, asleep.ready_since) == (2, address, None)
    until(lambda: not objects.names("pods"), "end of its pod")
    apply_service(engine, service(NAME, revision=3))
    assert until_running(watching, revision=3).address == address
    assert objects.names("secrets") == [f"{NAME}-3"]


def test_a_changed_configuration_is_ready_only_in_a_pod_that_has_read_it(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    apply_service(engine, service(NAME))
    first = until_running(watching)
    old = objects.pod()
    apply_service(engine, service(NAME, revision=2, payload={"kind": "other"}))
    second = until_running(watching, revision=2)
    new = objects.pod()
    assert old and new and old["metadata"]["uid"] != new["metadata"]["uid"]
    assert second.ready_since >= first.ready_since
    (volume,) = (v for v in new["spec"]["volumes"] if v["name"] == "service")
    assert volume["secret"]["secretName"] == f"{NAME}-2"
    assert payload_of(objects.get("secrets", f"{NAME}-2"))["payload"] == {"kind": "other"}
    assert objects.names("secrets") == [f"{NAME}-2"]


def test_a_late_apply_of_a_lower_revision_is_ignored(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    apply_service(engine, service(NAME, revision=2))
    until_running(watching, revision=2)
    before = objects.get("deployments")["metadata"]["generation"]
    apply_service(engine, service(NAME, revision=1, is_asleep=True))
    apply_service(engine, service(NAME, revision=2))
    assert objects.get("deployments")["spec"]["replicas"] == 1
    assert objects.get("deployments")["metadata"]["generation"] == before
    assert objects.names("secrets") == [f"{NAME}-2"]


REPLACED = {"spec": {"template": {"spec": {"containers": [{"name": "xcube", "image": "evil"}]}}}}
HANDS: dict[str, Callable[[Objects], Any]] = {
    "replicas": lambda o: o.api.patch(o.path("deployments"), {"spec": {"replicas": 3}}),
    "put to sleep": lambda o: o.api.patch(o.path("deployments"), {"spec": {"replicas": 0}}),
    "image": lambda o: o.api.patch(
        o.path("deployments"),
        {"spec": {"template": {"spec": {"containers": [container_with(o, image="evil")]}}}},
    ),
    "variable": lambda o: o.api.patch(
        o.path("deployments"),
        {
            "spec": {
                "template": {
                    "spec": {"containers": [container_with(o, env=[{"name": "A", "value": "b"}])]}
                }
            }
        },
    ),
    "labels": lambda o: o.api.patch(
        o.path("deployments"), {"metadata": {"labels": {"app.kubernetes.io/instance": None}}}
    ),
    "what was applied": lambda o: o.api.patch(
        o.path("deployments"), {"metadata": {"annotations": {"xcube-hub/applied": "{"}}}
    ),
    "ports": lambda o: o.api.patch(
        o.path("services"), {"spec": {"ports": [{"port": 9, "name": "http"}]}}
    ),
    "selector": lambda o: o.api.patch(o.path("services"), {"spec": {"selector": {"a": "b"}}}),
    "owner": lambda o: o.api.patch(o.path("services"), {"metadata": {"ownerReferences": None}}),
    "no Service": lambda o: o.api.delete(o.path("services")),
    "no Secret": lambda o: o.api.delete(o.path("secrets", f"{NAME}-1")),
    "no Deployment": lambda o: o.api.delete(o.path("deployments")),
}


def container_with(objects: Objects, **changes: Any) -> Json:
    (container,) = objects.get("deployments")["spec"]["template"]["spec"]["containers"]
    return {**container, **changes}


def essence(objects: Objects) -> Json:
    """What the hub sets in Deployment and Service, without what changes by itself."""
    deployment, address = objects.get("deployments"), objects.get("services")
    return {
        "deployment": deployment["spec"],
        "labels": deployment["metadata"]["labels"],
        "ports": address["spec"]["ports"],
        "selector": address["spec"]["selector"],
        "owned": address["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"],
    }


@pytest.mark.parametrize("hand", HANDS)
def test_what_someone_edits_or_deletes_is_repaired(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects, hand: str
) -> None:
    """As the hub does: it applies what is gone, and what the fact reports as revision 0."""
    apply_service(engine, service(NAME))
    until_running(watching)
    if hand == "no Secret":
        time.sleep(4)  # parts of a younger one may still be on their way
    before = essence(objects)
    HANDS[hand](objects)
    began = time.monotonic()
    repaired_after: list[float] = []

    def is_repaired() -> bool:
        fact = watching.facts().get(NAME)
        if fact is None or fact.revision == 0:
            (applied,) = engine.services.apply([service(NAME)])
            assert applied.outcome in (Outcome.MADE, Outcome.WAITS), applied
            repaired_after.append(time.monotonic() - began)
        return (
            bool(repaired_after)
            and fact is not None
            and (fact.revision, fact.phase) == (1, Phase.RUNNING)
            and objects.exists("secrets", f"{NAME}-1")
        )

    until(is_repaired, "repair")
    assert essence(objects) == before
    print(f"{hand}: noticed and applied after {repaired_after[0]:.1f} s")


def test_what_others_add_beside_it_is_left_alone(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    """Webhooks and operators may add labels, annotations and defaults of their own."""
    apply_service(engine, service(NAME))
    until_running(watching)
    added = {"metadata": {"labels": {"team": "a"}, "annotations": {"seen-by": "scanner"}}}
    for kind in ("deployments", "services"):
        objects.api.patch(objects.path(kind), added)
    until(lambda: objects.get("services")["metadata"]["labels"].get("team"), "the label")
    found = engine.services.look(NAME)
    assert found is not None and found.revision == 1


def test_an_object_of_that_name_that_is_not_ours_is_left_alone(
    hub_access: HubAccess, objects: Objects
) -> None:
    other = make_engine(hub_access, instance="another-hub")
    apply_service(other, service(NAME))
    (refused,) = make_engine(hub_access).services.apply([service(NAME, revision=2)])
    assert refused.outcome is Outcome.REFUSED
    assert "another Deployment is called" in refused.message
    assert objects.names("secrets") == [f"{NAME}-1"]


@pytest.mark.parametrize(
    ("facts", "phase", "reason"),
    [
        ({"waiting": "CrashLoopBackOff", "restarts": "3"}, Phase.FAILED, "CRASH_LOOP"),
        (
            {"waiting": "CrashLoopBackOff", "restarts": "3", "exit": "137"},
            Phase.FAILED,
            "OUT_OF_MEMORY",
        ),
        ({"waiting": "CrashLoopBackOff", "restarts": "1"}, Phase.PENDING, "CRASH_LOOP"),
        (
            {"waiting": "CrashLoopBackOff", "restarts": "1", "exit": "137"},
            Phase.PENDING,
            "OUT_OF_MEMORY",
        ),
        ({"waiting": "ErrImageNeverPull"}, Phase.STUCK, "IMAGE"),
        ({"waiting": "ImagePullBackOff"}, Phase.PENDING, "IMAGE"),
        ({"waiting": "CreateContainerConfigError"}, Phase.PENDING, "LAUNCH"),
    ],
)
def test_what_does_not_become_ready_says_why(
    hub_access: HubAccess, simulated_node: str, facts: Json, phase: Phase, reason: str
) -> None:
    engine = make_engine(hub_access, **simulated(**facts))
    watching = WatchingServices(engine)
    apply_service(engine, service(NAME))
    fact = until_fact(watching, lambda f: f.reason is not None, "reason")
    watching.stop()
    assert (fact.phase, fact.reason) == (phase, reason)
    assert fact.restarts == int(facts.get("restarts", "0"))
    assert fact.message


CATE = {
    "program": None,
    "command": Command(
        arguments=("/bin/sh", "-c", "exec cate-webapi-start -p {port} -a {address}"),
        keeps="a0123456789abcdef-cate",
    ),
    "image": "cate:test",
    "is_untrusted": True,
    "port": 4000,
    "probe": "/",
}


def test_a_command_of_an_image_is_started_anew_by_another_payload(
    engine: KubernetesEngine, watching: WatchingServices, objects: Objects
) -> None:
    apply_service(engine, service(NAME, **CATE, payload={"started_at": "first"}))
    first = until_running(watching)
    assert first.address.endswith(":4000")
    pod = until(objects.pod, "pod")
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "cate:test"
    assert container["command"][-1] == "exec cate-webapi-start -p 4000 -a 0.0.0.0"
    apply_service(engine, service(NAME, **CATE, revision=2, payload={"started_at": "second"}))
    again = until_running(watching, revision=2)
    assert again.address == first.address
    assert until(objects.pod, "pod")["metadata"]["uid"] != pod["metadata"]["uid"]
    apply_service(engine, service(NAME, **CATE, revision=3, is_asleep=True))
    until_fact(watching, lambda f: f.phase is Phase.ASLEEP, "sleep")


def test_a_command_that_needs_too_much_memory_says_so_while_it_starts_again(
    hub_access: HubAccess, simulated_node: str
) -> None:
    facts = {"waiting": "CrashLoopBackOff", "restarts": "1", "exit": "137"}
    engine = make_engine(hub_access, **simulated(**facts))
    watching = WatchingServices(engine)
    apply_service(engine, service(NAME, **CATE))
    fact = until_fact(watching, lambda f: f.reason is not None, "reason")
    watching.stop()
    assert (fact.phase, fact.reason, fact.restarts) == (Phase.PENDING, "OUT_OF_MEMORY", 1)


def test_what_no_node_takes_waits_and_is_stuck_after_a_while(hub_access: HubAccess) -> None:
    nowhere = {"pool": "none"}
    engine = make_engine(hub_access, node_selector=nowhere)
    watching = WatchingServices(engine)
    apply_service(engine, service(NAME))
    waits = until_fact(watching, lambda f: f.reason is not None, "reason")
    watching.stop()
    assert (waits.phase, waits.reason) == (Phase.PENDING, "UNSCHEDULABLE")
    impatient = WatchingServices(
        make_engine(hub_access, node_selector=nowhere, service_pending_s=0)
    )
    stuck = until_fact(impatient, lambda f: f.phase is Phase.STUCK, "end of the patience")
    impatient.stop()
    assert stuck.reason == "UNSCHEDULABLE"
    assert "No node can take the service" in (stuck.message or "")


def test_a_quota_that_refuses_the_pod_is_told_by_the_fact(
    cluster: Cluster, engine: KubernetesEngine, watching: WatchingServices, hub_access: HubAccess
) -> None:
    path = f"/api/v1/namespaces/{hub_access.namespace}/resourcequotas"
    cluster.api.post(path, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    until(lambda: cluster.api.get(f"{path}/none").get("status", {}).get("hard"), "the quota")
    apply_service(engine, service(NAME))
    fact = until_fact(watching, lambda f: f.reason is not None, "refusal")
    assert (fact.phase, fact.reason) == (Phase.PENDING, "REJECTED")
    assert "exceeded quota" in (fact.message or "")
    cluster.api.delete(f"{path}/none")


def test_what_can_never_be_made_is_refused_before_anything_is_made(
    engine: KubernetesEngine, objects: Objects
) -> None:
    huge = {"noise": [str(number * 7919 % 1000003) for number in range(500_000)]}
    (refused,) = engine.services.apply([service(NAME, payload=huge)])
    assert refused.outcome is Outcome.REFUSED
    assert "Kubernetes allows" in refused.message
    assert objects.names("deployments") == []


@pytest.mark.parametrize("kind", ["gateway", "ingress"])
def test_routes_come_change_and_go_with_the_service(
    cluster: Cluster, hub_access: HubAccess, objects: Objects, kind: str
) -> None:
    manifests.apply(cluster.api, manifests.read(ROUTES), namespace=hub_access.namespace)
    given = RouteOptions(
        kind, "*.services.example.org", "some-gateway", "http://xcube-hub-edge:8081"
    )
    engine = make_engine(hub_access, routes=given)
    group, plural = {
        "gateway": ("gateway.networking.k8s.io/v1", "httproutes"),
        "ingress": ("networking.k8s.io/v1", "ingresses"),
    }[kind]
    path = f"/apis/{group}/namespaces/{hub_access.namespace}/{plural}"

    def is_made() -> bool:
        (applied,) = engine.services.apply([service(NAME)])
        return applied.outcome is Outcome.MADE

    with http_routes(cluster) if kind == "gateway" else contextlib.nullcontext():
        until(is_made, "service, once the Role is known")
        made = cluster.api.get(f"{path}/{NAME}")["spec"]
        assert f"{NAME}.services.example.org" in json.dumps(made)
        evil = {"gateway": {"hostnames": ["evil"]}, "ingress": {"rules": [{"host": "evil.org"}]}}
        cluster.api.patch(f"{path}/{NAME}", {"spec": evil[kind]})
        apply_service(engine, service(NAME, revision=2))
        assert cluster.api.get(f"{path}/{NAME}")["spec"] == made
        engine.services.remove([NAME])
        until(lambda: not cluster.api.items(path), "removal of its routes")


def test_where_only_pods_are_reachable_the_address_is_the_pods(
    hub_access: HubAccess, simulated_node: str, objects: Objects
) -> None:
    engine = make_engine(hub_access, reaches_pods=True, **simulated())
    watching = WatchingServices(engine)
    apply_service(engine, service(NAME, port=9000))
    fact = until_running(watching)
    pod = objects.pod()
    assert pod and fact.address == f"http://{pod['status']['podIP']}:9000"
    apply_service(engine, service(NAME, port=9000, revision=2, is_asleep=True))
    assert until_fact(watching, lambda f: f.phase is Phase.ASLEEP, "sleep").address == ""
    watching.stop()
