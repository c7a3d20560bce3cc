"""Simulated nodes (kwok): pods on them run in name only, and end as annotations say.

`simulated.yaml` has the annotations. 500 Jobs of 1 s end within some 11 s.
"""

from __future__ import annotations

from pathlib import Path

from .controlplane import ControlPlane
from .programs import Say, programs

STAGES = Path(__file__).resolve().parent / "simulated.yaml"
NODE = "simulated-1"
CAPACITY = {"cpu": "1000", "memory": "4Ti", "pods": "10000", "ephemeral-storage": "100Ti"}


def start_simulated_node(cluster: ControlPlane, *, say: Say) -> str:
    """Start kwok and its node; the answer is the node's name."""
    kwok = programs(["kwok"], say=say)["kwok"]
    make_node(cluster, NODE)
    cluster.processes.start(
        "kwok",
        kwok,
        f"--kubeconfig={cluster.kubeconfig_of('admin')}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        # Without heartbeats the node is lost after a minute, and its pods are ready no more.
        "--node-lease-duration-seconds=40",
        f"--config={STAGES}",
    )
    cluster.processes.until(lambda: is_ready(cluster, NODE), "simulated node")
    return NODE


def make_node(cluster: ControlPlane, name: str) -> None:
    """A node for kwok to simulate."""
    cluster.api.apply(
        f"/api/v1/nodes/{name}",
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {
                    "type": "kwok",
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                },
                "annotations": {"kwok.x-k8s.io/node": "fake"},
            },
        },
    )
    cluster.api.patch(
        f"/api/v1/nodes/{name}/status",
        {
            "status": {
                "allocatable": CAPACITY,
                "capacity": CAPACITY,
                "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux"},
            }
        },
    )


def is_ready(cluster: ControlPlane, node: str) -> bool:
    """Whether the scheduler may use it."""
    found = cluster.api.get(f"/api/v1/nodes/{node}")
    conditions = found.get("status", {}).get("conditions", [])
    return not found["spec"].get("taints") and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
