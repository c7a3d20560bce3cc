"""The files in deploy/kubernetes: the API server takes them, and the policy of the runs says what
it should.

The test cluster's network does not enforce policies: which addresses ours lets through is
reckoned here, by the rules of the Kubernetes API.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubsite.engines.kubernetes import runs
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.specs import Container, Program, Run
from tests.servers.kubernetes import manifests
from tests.servers.kubernetes.controlplane import Cluster

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
WEB = {"app.kubernetes.io/name": "xcube-hub", "app.kubernetes.io/component": "web"}
ESTIMATOR = {"app.kubernetes.io/name": "xcube-hub", "app.kubernetes.io/component": "estimator"}


@pytest.fixture
def policy() -> Json:
    (policy,) = manifests.read(FOLDER / "network-policy.yaml")
    return policy


@pytest.mark.kubernetes
@pytest.mark.parametrize(
    "file", ["role.yaml", "network-policy.yaml", "services-policy.yaml", "estimator.yaml"]
)
def test_the_api_server_takes_it_as_it_is(cluster: Cluster, namespace: str, file: str) -> None:
    documents = manifests.read(FOLDER / file)
    manifests.apply(cluster.api, documents, namespace=namespace)
    for document in documents:
        made = cluster.api.get(manifests.path_of(document, namespace=namespace))
        if document["kind"] == "NetworkPolicy":  # whose misspelt parts would let all through
            assert made["spec"]["egress"] == _with_protocols(document["spec"]["egress"])
            assert made["spec"]["podSelector"] == document["spec"]["podSelector"]


def test_all_files_are_in_the_kustomization() -> None:
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files


def test_it_is_for_the_pods_of_runs_and_no_others(policy: Json) -> None:
    run = Run("a", 1, Container("ann", Program(b"", "m", "xcube")), {}, 60)
    job = runs.job(run, PodOptions(image="xcube"))
    pods = job["spec"]["template"]["metadata"]["labels"]
    assert _matches(policy["spec"]["podSelector"], pods)
    assert not _matches(policy["spec"]["podSelector"], WEB)
    assert not _matches(policy["spec"]["podSelector"], ESTIMATOR)


def test_nothing_reaches_them(policy: Json) -> None:
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert policy["spec"]["ingress"] == []


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "52.218.0.1", "172.32.0.1", "172.15.255.255", "100.63.0.1", "100.128.0.1",
     "11.0.0.1", "2001:4860:4860::8888", "2a00::1"],
)  # fmt: skip
@pytest.mark.parametrize("port", [80, 443, 9000])
def test_the_outside_is_reached(policy: Json, address: str, port: int) -> None:
    assert _lets(policy, address=address, port=port)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "10.96.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1",
     "100.64.0.1", "100.127.255.255", "169.254.169.254", "fc00::1", "fd12:3456::1", "fe80::1",
     "fd00:ec2::254", "168.63.129.16", "192.0.0.192"],
)  # fmt: skip
@pytest.mark.parametrize("port", [80, 443, 6443, 8080, 10250])
def test_the_cluster_and_the_house_are_not_reached(policy: Json, address: str, port: int) -> None:
    assert not _lets(policy, address=address, port=port)


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_names_are_resolved_wherever_the_server_is(policy: Json, protocol: str) -> None:
    for address in ("10.96.0.10", "169.254.20.10", "8.8.8.8"):
        assert _lets(policy, address=address, port=53, protocol=protocol)


def test_of_the_pods_only_the_web_is_reached_and_only_where_it_listens(policy: Json) -> None:
    assert _lets(policy, address="10.1.2.3", port=8080, labels=WEB)
    assert not _lets(policy, address="10.1.2.3", port=8080, labels=ESTIMATOR)
    assert not _lets(policy, address="10.1.2.3", port=8080, labels={"app": "other"})
    assert not _lets(policy, address="10.1.2.3", port=22, labels=WEB)
    assert not _lets(policy, address="10.1.2.3", port=8080, labels=WEB, is_same_namespace=False)


def test_the_estimators_reach_the_same_outside(policy: Json) -> None:
    """Stores that can be estimated can be read by the run, and the other way round."""
    (other,) = (
        document
        for document in manifests.read(FOLDER / "estimator.yaml")
        if document["kind"] == "NetworkPolicy"
    )
    assert _blocks(other) == _blocks(policy)


def test_services_reach_the_outside_as_runs_do_and_not_the_hub(policy: Json) -> None:
    (services,) = manifests.read(FOLDER / "services-policy.yaml")
    assert _blocks(services) == _blocks(policy)
    assert services["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for labels in (WEB, ESTIMATOR):
        assert not _lets(services, address="10.1.2.3", port=8080, labels=labels)
    assert not _lets(services, address="10.96.0.1", port=443)
    assert _lets(services, address="10.96.0.10", port=53, protocol="UDP")


def _with_protocols(rules: list[Json]) -> list[Json]:
    """As the API server keeps them: TCP where a port does not say."""
    return [
        rule | {"ports": [{"protocol": "TCP"} | port for port in rule["ports"]]}
        if "ports" in rule
        else rule
        for rule in rules
    ]


def _blocks(policy: Json) -> list[Json]:
    return [
        peer["ipBlock"]
        for rule in policy["spec"]["egress"]
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    ]


def _lets(
    policy: Json,
    *,
    address: str,
    port: int,
    protocol: str = "TCP",
    labels: Json | None = None,
    is_same_namespace: bool = True,
) -> bool:
    """Whether a packet of the policy's pods may go there; `labels` if a pod has the address."""
    return any(
        _is_port(rule, port, protocol)
        and ("to" not in rule or any(_is_peer(p, address, labels, is_same_namespace)
                                     for p in rule["to"]))
        for rule in policy["spec"]["egress"]
    )  # fmt: skip


def _is_port(rule: Json, port: int, protocol: str) -> bool:
    return "ports" not in rule or any(
        (given.get("protocol", "TCP"), given["port"]) == (protocol, port) for given in rule["ports"]
    )


def _is_peer(peer: Json, address: str, labels: Json | None, is_same_namespace: bool) -> bool:
    if block := peer.get("ipBlock"):
        ip = ipaddress.ip_address(address)
        return ip in ipaddress.ip_network(block["cidr"]) and not any(
            ip in ipaddress.ip_network(out) for out in block["except"]
        )
    assert set(peer) == {"podSelector"}  # what this reckoning knows
    return labels is not None and is_same_namespace and _matches(peer["podSelector"], labels)


def _matches(selector: Json, labels: Json) -> bool:
    assert set(selector) == {"matchLabels"}
    return selector["matchLabels"].items() <= labels.items()
