"""Resources of gateways, as far as tests need them: their own definitions accept anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.servers.kubernetes.api import ApiException, until
from tests.servers.kubernetes.controlplane import Cluster

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@contextmanager
def http_routes(cluster: Cluster) -> Iterator[None]:
    """The Gateway API's HTTPRoute, without the checks of its real definition."""
    name = "httproutes.gateway.networking.k8s.io"
    cluster.api.post(_CRDS, _definition(name, "HTTPRoute"))
    try:
        until(lambda: _are_served(cluster), "HTTPRoutes")
        yield
    finally:
        cluster.api.delete(f"{_CRDS}/{name}")
        # Discovery may remember them for some seconds more.
        until(lambda: not cluster.api.exists(f"{_CRDS}/{name}"), "end of HTTPRoutes")


def _are_served(cluster: Cluster) -> bool:
    """At first the API server answers that it does not know them, or not yet."""
    try:
        cluster.api.get("/apis/gateway.networking.k8s.io/v1/httproutes")
    except ApiException:
        return False
    return True


def _definition(name: str, kind: str) -> dict[str, Any]:
    plural, _, group = name.partition(".")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything}}}
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api"}
    return {
        "metadata": {"name": name, "annotations": approved},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
