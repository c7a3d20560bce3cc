"""Settings of the Kubernetes engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hubsite.configuration.bounds import GIB, LARGEST_INTEGER, LARGEST_NUMBER
from hubsite.configuration.reading import (
    comma_list,
    json_objects,
    key_values,
    label,
    quantity,
    url,
    whole_number,
)
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings


def former_image(environment: Mapping[str, str]) -> str | None:
    """The image: XCUBE_REPO with XCUBE_HASH, or with XCUBE_TAG if the hash is unset or "null"."""
    repository, tag, digest = (
        environment.get(name) for name in ("XCUBE_REPO", "XCUBE_TAG", "XCUBE_HASH")
    )
    if not repository:
        return None
    if digest and digest != "null":
        return f"{repository}@{digest}"
    return f"{repository}:{tag}" if tag else repository


class KubernetesSettings(SiteSettings):
    """The cluster, and the pods that the hub makes there."""

    section = "Kubernetes engine"

    kubeconfig: str | None = setting(
        "KUBECONFIG",
        str,
        None,
        default_text="`~/.kube/config`",
    )
    """The file that describes the cluster, if the hub is not a pod in it."""

    kube_context: str | None = setting(
        "XCUBE_HUB_KUBE_CONTEXT",
        str,
        None,
        default_text="the current one",
    )
    """The context of the kubeconfig."""

    namespace: str | None = setting(
        "XCUBE_HUB_NAMESPACE",
        str,
        None,
        former=("WORKSPACE_NAMESPACE",),
        default_text="that of the pod or context",
    )
    """The namespace of all that the hub makes. It must exist."""

    instance: str = setting(
        "XCUBE_HUB_INSTANCE",
        label,
        "xcube-hub",
    )
    """Marks what this hub makes. Two hubs in one namespace need two names, or each removes the
    other's jobs."""

    pod_places: int = setting(
        "XCUBE_HUB_POD_PLACES",
        whole_number,
        100,
        minimum=1,
        maximum=100_000,
    )
    """Jobs that may be in the cluster at once, running or waiting for a node."""

    pod_image: str = setting(
        "XCUBE_HUB_POD_IMAGE",
        str,
        "quay.io/bcdev/xcube:1.14.1",
        former_join=former_image,
        former_text="XCUBE_REPO with XCUBE_TAG or XCUBE_HASH",
    )
    """Image with xcube, by tag or digest. It needs /bin/sh and a Python that can import xcube."""

    pod_pull_policy: str | None = setting(
        "XCUBE_HUB_POD_PULL_POLICY",
        str,
        None,
        former=("XCUBE_GEN_DOCKER_PULL_POLICY",),
        choices=("Always", "IfNotPresent", "Never"),
        default_text="Kubernetes' own",
    )
    """When the image is pulled."""

    pod_pull_secrets: list[str] = setting(
        "XCUBE_HUB_POD_PULL_SECRETS",
        comma_list,
        [],
        default_text="none",
    )
    """Secrets of the namespace that hold the registry's credentials."""

    pod_python: str | None = setting(
        "XCUBE_HUB_POD_PYTHON",
        str,
        None,
        default_text="looked for: on the PATH, then in conda's usual places",
    )
    """The Python in the image that can import xcube."""

    pod_env_secret: str | None = setting(
        "XCUBE_HUB_POD_ENV_SECRET",
        str,
        None,
        former=("XCUBE_HUB_CFG_SECRET",),
        default_text="none",
    )
    """Secret of the namespace whose keys become environment variables of the runs. Runs of
    users' own code never get them."""

    pod_env_config_map: str | None = setting(
        "XCUBE_HUB_POD_ENV_CONFIG_MAP",
        str,
        None,
        former=("XCUBE_HUB_CFG_MAP",),
        default_text="none",
    )
    """ConfigMap of the namespace, likewise."""

    pod_volumes: list[str] = setting(
        "XCUBE_HUB_POD_VOLUMES",
        comma_list,
        [],
        default_text="none",
    )
    """Volumes that runs see, for `file` stores. `claim:/path` is all of a PersistentVolumeClaim,
    read-only. `claim:/path:per-user` is only the folder of the job's owner, writable, for stores
    that are `per_user`."""

    pod_annotations: dict[str, str] = setting(
        "XCUBE_HUB_POD_ANNOTATIONS",
        key_values,
        {},
        default_text="none",
    )
    """Annotations of the pods, for other programs in the cluster: `key=value`, separated by
    commas."""

    pod_node_selector: dict[str, str] = setting(
        "XCUBE_HUB_POD_NODE_SELECTOR",
        key_values,
        {},
        default_text="any node",
    )
    """Labels of the nodes that may take runs: `key=value`, separated by commas."""

    pod_tolerations: list[dict[str, Any]] = setting(
        "XCUBE_HUB_POD_TOLERATIONS",
        json_objects,
        [],
        default_text="none",
    )
    """Taints that runs tolerate: a JSON array as in a pod's `tolerations`."""

    pod_priority_class: str | None = setting(
        "XCUBE_HUB_POD_PRIORITY_CLASS",
        str,
        None,
        default_text="the cluster's own",
    )
    """PriorityClass of the runs."""

    pod_runtime_class: str | None = setting(
        "XCUBE_HUB_POD_RUNTIME_CLASS",
        str,
        None,
        default_text="the cluster's own",
    )
    """RuntimeClass of the runs, for instance a sandbox."""

    pod_user_id: int = setting(
        "XCUBE_HUB_POD_USER_ID",
        whole_number,
        1000,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """User and group id of the runs; never root."""

    pod_cpu_request: str = setting(
        "XCUBE_HUB_POD_CPU_REQUEST",
        quantity,
        "500m",
    )
    """Cores reserved for a run."""

    pod_cpu_limit: str = setting(
        "XCUBE_HUB_POD_CPU_LIMIT",
        quantity,
        "2",
    )
    """Cores that a run may use."""

    pod_scratch_bytes: int = setting(
        "XCUBE_HUB_POD_SCRATCH_BYTES",
        whole_number,
        10 * GIB,
        minimum=2**20,
        maximum=LARGEST_NUMBER,
    )
    """Disk space that a run may use for itself, in bytes."""

    pod_retries: int = setting(
        "XCUBE_HUB_POD_RETRIES",
        whole_number,
        2,
        minimum=0,
        maximum=20,
    )
    """How often a run is started again after its pod was evicted from its node. A run that failed
    by itself is not started again."""

    pod_pending_s: int = setting(
        "XCUBE_HUB_POD_PENDING_S",
        whole_number,
        1800,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """How long a run may wait for a node, its image or a quota, in seconds, before its job
    fails."""

    pod_services: int = setting(
        "XCUBE_HUB_POD_SERVICES",
        whole_number,
        100,
        minimum=0,
        maximum=100_000,
    )
    """Services that may be awake in the cluster at once."""

    service_pending_s: int = setting(
        "XCUBE_HUB_SERVICE_PENDING_S",
        whole_number,
        600,
        minimum=1,
        maximum=LARGEST_INTEGER,
    )
    """How long a service may wait for a node, its image or a quota, in seconds, before it fails."""

    service_workspace: str | None = setting(
        "XCUBE_HUB_SERVICE_WORKSPACE",
        str,
        None,
        default_text="none",
    )
    """`claim:/path` of a PersistentVolumeClaim for files of users. A service sees only the folder
    of its owner, and can write there. It sees the volumes of XCUBE_HUB_POD_VOLUMES read-only."""

    service_routes: str = setting(
        "XCUBE_HUB_SERVICE_ROUTES",
        str,
        "none",
        choices=("none", "gateway", "traefik", "ingress"),
    )
    """Routes for a gateway of the cluster's own, made for each service: `gateway` an HTTPRoute of
    the Gateway API, `traefik` an IngressRoute, `ingress` an Ingress with the annotations of
    ingress-nginx, which is retired. `none`: all requests go through the hub's edge."""

    service_routes_via: str = setting(
        "XCUBE_HUB_SERVICE_ROUTES_VIA",
        str,
        "",
        default_text="none; needed with routes",
    )
    """The Gateway as `namespace/name`, Traefik's entry point, or the Ingress class."""

    service_routes_edge: str = setting(
        "XCUBE_HUB_SERVICE_ROUTES_EDGE",
        url,
        "http://xcube-hub-edge:8081",
    )
    """Where Traefik or an Ingress controller reaches the edge, to ask who may pass; in another
    namespace for instance `http://xcube-hub-edge.cubes.svc:8081`."""

    service_address: str = setting(
        "XCUBE_HUB_SERVICE_ADDRESS",
        str,
        "service",
        choices=("service", "pod"),
    )
    """Where the edge reaches a service: `service` is the address of its Service, which stays the
    same; `pod` is that of its pod, for an edge outside of the cluster, in a network that routes to
    pods only."""
