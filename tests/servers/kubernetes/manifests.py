"""Objects from YAML files into the cluster."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from .api import Api

CLUSTER_WIDE = {"Namespace", "Node", "PersistentVolume", "PriorityClass", "RuntimeClass"}
IRREGULAR = {"NetworkPolicy": "networkpolicies"}


def read(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def apply(api: Api, documents: Iterable[dict[str, Any]], *, namespace: str = "") -> None:
    """Make them so, in this namespace unless a document names its own."""
    for document in documents:
        api.apply(path_of(document, namespace=namespace), document)


def path_of(document: dict[str, Any], *, namespace: str = "") -> str:
    """The path of one object in the API."""
    version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if kind not in CLUSTER_WIDE:
        root += f"/namespaces/{metadata.get('namespace', namespace)}"
    plural = IRREGULAR.get(kind) or f"{kind.lower()}{'es' if kind.endswith('ss') else 's'}"
    return f"{root}/{plural}/{metadata['name']}"
