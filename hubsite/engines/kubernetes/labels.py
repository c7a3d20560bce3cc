"""The labels of all objects that the hub makes in a cluster, and selectors that find them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

Json = dict[str, Any]

MANAGER = "xcube-hub"
NAME = "xcube"
OWNER_LABEL = "xcube-hub/owner"
ATTEMPT_LABEL = "xcube-hub/attempt"
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
SERVICE_LABEL = "xcube-hub/service"
REVISION_LABEL = "xcube-hub/revision"


def ours(*, component: str, instance: str) -> dict[str, str]:
    """The labels that all objects of one kind have, and no others: `instance` is this hub."""
    return {
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": component,
    }


def selector(*, component: str, instance: str) -> str:
    """The label selector that finds these objects."""
    return ",".join(f"{k}={v}" for k, v in ours(component=component, instance=instance).items())


def labels(owner: str, *, component: str, instance: str) -> dict[str, str]:
    """The labels of an object that belongs to the user `owner`."""
    return {
        "app.kubernetes.io/name": NAME,
        **ours(component=component, instance=instance),
        OWNER_LABEL: label_value(owner),
    }


def label_value(text: str) -> str:
    """`text` if it can be the value of a label, otherwise a digest of it."""
    if re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def is_ours(found: Json, wanted: Json) -> bool:
    """Whether the existing object `found` is the one that we want to make.

    It must have all labels of `wanted`: those of this hub, of the owner and of the attempt.
    """
    given = (found.get("metadata") or {}).get("labels") or {}
    return all(given.get(k) == v for k, v in wanted["metadata"]["labels"].items())


def name_of(item: Json) -> str:
    return item["metadata"]["name"]


def kept_metadata(item: Json, *names: str) -> Json:
    """The metadata that a watch cache stores; of the labels only those in `names`."""
    metadata = item["metadata"]
    given = metadata.get("labels") or {}
    return {
        "name": metadata["name"],
        "creationTimestamp": metadata.get("creationTimestamp"),
        "deletionTimestamp": metadata.get("deletionTimestamp"),
        "labels": {label: given[label] for label in names if label in given},
    }
