"""Small objects that tests put into the cluster."""

from __future__ import annotations

from typing import Any

from tests.servers.kubernetes.api import Api

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, *command: str, image: str = "localhost/none") -> dict[str, Any]:
    """A pod that the Pod Security level `restricted` lets pass."""
    return {"metadata": {"name": name}, "spec": _spec(*command, image=image)}


def job(
    name: str, *command: str, image: str = "localhost/none", **annotations: str
) -> dict[str, Any]:
    """A Job of one such pod, which is not tried again; `annotations` are the pod's."""
    return {
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"annotations": annotations},
                "spec": _spec(*command, image=image),
            },
        },
    }


def pods_of(api: Api, namespace: str, job: str) -> list[dict[str, Any]]:
    selector = f"batch.kubernetes.io/job-name={job}"
    return api.items(f"/api/v1/namespaces/{namespace}/pods", labelSelector=selector)


def _spec(*command: str, image: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": RESTRICTED,
    }
    if command:
        container["command"] = list(command)
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
    }
