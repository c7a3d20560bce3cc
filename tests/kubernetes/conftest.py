"""Fixtures: a real cluster per test run, a namespace per test, the hub's own access to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.conftest import endless  # noqa: F401 - a fixture of the suites here
from tests.servers.kubernetes import access, node
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.controlplane import Cluster, ControlPlane, given_cluster
from tests.servers.kubernetes.faults import FaultProxy
from tests.servers.kubernetes.node import NodeCluster
from tests.servers.kubernetes.programs import ProgramsMissing, Say
from tests.servers.kubernetes.simulated import start_simulated_node
from tests.servers.missing import missing


@pytest.fixture(scope="session")
def say(pytestconfig: pytest.Config) -> Say:
    """Tell whoever waits in front of the screen, past pytest's capture."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    return say


@pytest.fixture(scope="session")
def cluster(say: Say) -> Iterator[Cluster]:
    """A cluster: the one that TEST_KUBECONFIG names, else one of our own on loopback."""
    if given := given_cluster():
        yield given
        return
    with _programs_or_missing():
        own = ControlPlane(say=say)
    yield own
    own.close()


@pytest.fixture
def control_plane(cluster: Cluster) -> Iterator[ControlPlane]:
    """The cluster as one that may be broken; whatever was ended runs again after the test."""
    own = _own(cluster)
    yield own
    own.start()


@pytest.fixture(scope="session")
def simulated_node(cluster: Cluster, say: Say) -> str:
    """A node where pods run in name only (see `simulated.yaml`): its name."""
    with _programs_or_missing():
        return start_simulated_node(_own(cluster), say=say)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace for this test, which enforces the Pod Security level `restricted`.

    It goes with our own cluster: its removal would ask for everything that may be in it.
    """
    name = access.new_namespace(cluster)
    yield name
    if not isinstance(cluster, ControlPlane):
        cluster.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def hub_access(cluster: Cluster, namespace: str, tmp_path: Path) -> HubAccess:
    """The namespace as the hub sees it: with its own ServiceAccount and Role."""
    return access.hub_access(cluster, namespace, folder=tmp_path)


@pytest.fixture
def fault_proxy(cluster: Cluster) -> Iterator[FaultProxy]:
    """A proxy before the API server, sound at first."""
    with FaultProxy(upstream=cluster.url, ca=cluster.ca) as proxy:
        yield proxy


@pytest.fixture
def faulty_access(
    cluster: Cluster, namespace: str, fault_proxy: FaultProxy, tmp_path: Path
) -> HubAccess:
    """As `hub_access`, by the proxy."""
    return access.hub_access(cluster, namespace, folder=tmp_path, url=fault_proxy.url)


@pytest.fixture(scope="session")
def node_cluster(say: Say, xcube_python: Path) -> Iterator[NodeCluster]:
    """Another cluster, with one real node: pods run, and reach its `host_address` only."""
    if lacking := node.lacks():
        missing(lacking)
    with _programs_or_missing():
        own = NodeCluster(say=say, xcube_python=xcube_python)
    yield own
    own.close()


@pytest.fixture
def node_namespace(node_cluster: NodeCluster) -> Iterator[str]:
    """As `namespace`, in the cluster with the real node."""
    name = access.new_namespace(node_cluster)
    yield name
    node_cluster.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def node_hub_access(node_cluster: NodeCluster, node_namespace: str, tmp_path: Path) -> HubAccess:
    """As `hub_access`, in the cluster with the real node."""
    return access.hub_access(node_cluster, node_namespace, folder=tmp_path)


def _own(cluster: Cluster) -> ControlPlane:
    if not isinstance(cluster, ControlPlane):
        pytest.skip("TEST_KUBECONFIG names a cluster that is not ours to change")
    return cluster


@contextlib.contextmanager
def _programs_or_missing() -> Iterator[None]:
    try:
        yield
    except ProgramsMissing as error:
        missing(str(error))
