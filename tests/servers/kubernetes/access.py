"""A namespace for one test, and the hub's own account in it: never admin."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

from . import manifests
from .api import Api, until, write_kubeconfig
from .controlplane import Cluster

ROLE = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes" / "role.yaml"
ACCOUNT = "xcube-hub-engine"
TOKEN_LIVES_S = 3600  # 600 is the least that the API server gives


@dataclasses.dataclass(frozen=True)
class HubAccess:
    """What the hub knows of the cluster."""

    kubeconfig: Path
    namespace: str
    token: str
    api: Api


def new_namespace(cluster: Cluster, *, enforce: str = "restricted", name: str = "") -> str:
    """A namespace that enforces this level of Pod Security, ready for pods."""
    name = name or f"test-{secrets.token_hex(4)}"
    labels = {"pod-security.kubernetes.io/enforce": enforce}
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    until(lambda: cluster.api.exists(account), f"default account in {name}")
    return name


def hub_access(cluster: Cluster, namespace: str, *, folder: Path, url: str = "") -> HubAccess:
    """Give the hub its Role in the namespace; `url` if the hub is to call through a proxy."""
    manifests.apply(cluster.api, manifests.read(ROLE), namespace=namespace)
    token = request_token(cluster, namespace)
    kubeconfig = write_kubeconfig(
        folder / f"hub-{namespace}{'-by-proxy' if url else ''}.kubeconfig",
        url=url or cluster.url,
        ca=None if url else cluster.ca,
        user={"token": token},
        namespace=namespace,
    )
    return HubAccess(kubeconfig, namespace, token, Api(kubeconfig))


def request_token(cluster: Cluster, namespace: str) -> str:
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{ACCOUNT}"
    asked = {"spec": {"expirationSeconds": TOKEN_LIVES_S}}
    return cluster.api.post(f"{account}/token", asked)["status"]["token"]
