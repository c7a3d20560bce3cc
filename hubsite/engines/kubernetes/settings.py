"""The settings of the Kubernetes engine: part of the table in `settings_table.py`."""

from __future__ import annotations

from collections.abc import Mapping

from ...configuration.bounds import GIB, LARGEST_INTEGER, LARGEST_NUMBER
from ...configuration.reading import (
    Setting,
    comma_list,
    json_objects,
    key_values,
    label,
    quantity,
    whole_number,
)

KUBERNETES = "Kubernetes engine"


def former_image(environment: Mapping[str, str]) -> str | None:
    """XCUBE_REPO with XCUBE_HASH, which wins unless it is "null", or with XCUBE_TAG."""
    repository, tag, digest = (
        environment.get(name) for name in ("XCUBE_REPO", "XCUBE_TAG", "XCUBE_HASH")
    )
    if not repository:
        return None
    if digest and digest != "null":
        return f"{repository}@{digest}"
    return f"{repository}:{tag}" if tag else repository


KUBERNETES_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "KUBECONFIG",
        str,
        None,
        "The file that describes the cluster, where the hub is not a pod of it.",
        KUBERNETES,
        default_text="`~/.kube/config`",
    ),
    Setting(
        "XCUBE_HUB_KUBE_CONTEXT",
        str,
        None,
        "The context of the kubeconfig.",
        KUBERNETES,
        default_text="the current one",
    ),
    Setting(
        "XCUBE_HUB_NAMESPACE",
        str,
        None,
        "The namespace of all that the hub makes. It must exist.",
        KUBERNETES,
        former=("WORKSPACE_NAMESPACE",),
        default_text="that of the pod or context",
    ),
    Setting(
        "XCUBE_HUB_INSTANCE",
        label,
        "xcube-hub",
        "Marks what this hub makes. Two hubs in one namespace need two names, or each removes the "
        "other's jobs.",
        KUBERNETES,
    ),
    Setting(
        "XCUBE_HUB_POD_PLACES",
        whole_number,
        100,
        "Jobs that may be in the cluster at once, running or waiting for a node.",
        KUBERNETES,
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "XCUBE_HUB_POD_IMAGE",
        str,
        "quay.io/bcdev/xcube:1.14.1",
        "Image with xcube, by tag or digest. It needs /bin/sh and a Python that can import xcube.",
        KUBERNETES,
        former_join=former_image,
        former_text="XCUBE_REPO with XCUBE_TAG or XCUBE_HASH",
    ),
    Setting(
        "XCUBE_HUB_POD_PULL_POLICY",
        str,
        None,
        "When the image is pulled.",
        KUBERNETES,
        former=("XCUBE_GEN_DOCKER_PULL_POLICY",),
        choices=("Always", "IfNotPresent", "Never"),
        default_text="Kubernetes' own",
    ),
    Setting(
        "XCUBE_HUB_POD_PULL_SECRETS",
        comma_list,
        [],
        "Secrets of the namespace that hold the registry's credentials.",
        KUBERNETES,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_POD_PYTHON",
        str,
        None,
        "The Python in the image that can import xcube.",
        KUBERNETES,
        default_text="looked for: on the PATH, then in conda's usual places",
    ),
    Setting(
        "XCUBE_HUB_POD_ENV_SECRET",
        str,
        None,
        "Secret of the namespace whose keys become environment variables of the runs. Runs of "
        "users' own code never get them.",
        KUBERNETES,
        former=("XCUBE_HUB_CFG_SECRET",),
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_POD_ENV_CONFIG_MAP",
        str,
        None,
        "ConfigMap of the namespace, likewise.",
        KUBERNETES,
        former=("XCUBE_HUB_CFG_MAP",),
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_POD_VOLUMES",
        comma_list,
        [],
        "Volumes that runs see, for `file` stores: `claim:/path` all of a PersistentVolumeClaim, "
        "to read only; `claim:/path:per-user` the folder of the job's owner alone, to write too, "
        "for stores that are `per_user`.",
        KUBERNETES,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_POD_ANNOTATIONS",
        key_values,
        {},
        "Annotations of the pods, for what else works in the cluster: `key=value`, separated by "
        "commas.",
        KUBERNETES,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_POD_NODE_SELECTOR",
        key_values,
        {},
        "Labels of the nodes that may take runs: `key=value`, separated by commas.",
        KUBERNETES,
        default_text="any node",
    ),
    Setting(
        "XCUBE_HUB_POD_TOLERATIONS",
        json_objects,
        [],
        "Taints that runs tolerate: a JSON array as in a pod's `tolerations`.",
        KUBERNETES,
        default_text="none",
    ),
    Setting(
        "XCUBE_HUB_POD_PRIORITY_CLASS",
        str,
        None,
        "PriorityClass of the runs.",
        KUBERNETES,
        default_text="the cluster's own",
    ),
    Setting(
        "XCUBE_HUB_POD_RUNTIME_CLASS",
        str,
        None,
        "RuntimeClass of the runs, for instance a sandbox.",
        KUBERNETES,
        default_text="the cluster's own",
    ),
    Setting(
        "XCUBE_HUB_POD_USER_ID",
        whole_number,
        1000,
        "User and group id of the runs; never root.",
        KUBERNETES,
        minimum=1,
        maximum=LARGEST_INTEGER,
    ),
    Setting(
        "XCUBE_HUB_POD_CPU_REQUEST",
        quantity,
        "500m",
        "Cores reserved for a run.",
        KUBERNETES,
    ),
    Setting(
        "XCUBE_HUB_POD_CPU_LIMIT",
        quantity,
        "2",
        "Cores that a run may use.",
        KUBERNETES,
    ),
    Setting(
        "XCUBE_HUB_POD_SCRATCH_BYTES",
        whole_number,
        10 * GIB,
        "Disk space that a run may use for itself, in bytes.",
        KUBERNETES,
        minimum=2**20,
        maximum=LARGEST_NUMBER,
    ),
    Setting(
        "XCUBE_HUB_POD_RETRIES",
        whole_number,
        2,
        "How often a run is begun again that was driven off its node. A run that failed by itself "
        "is not.",
        KUBERNETES,
        minimum=0,
        maximum=20,
    ),
    Setting(
        "XCUBE_HUB_POD_PENDING_S",
        whole_number,
        1800,
        "How long a run may wait for a node, its image or a quota, in seconds, before its job "
        "fails.",
        KUBERNETES,
        minimum=1,
        maximum=LARGEST_INTEGER,
    ),
)
