"""Services in a cluster: a Deployment with a Secret and a Service that it owns. Pure.

`SERVICES` is all that the engine needs to know about them; `facts.py` reads their state.

A changed configuration is a new revision: another Secret, which the new pod reads when it starts.
The old pod is ended first (`Recreate`). So whoever reaches the service sees the configuration that
the fact reports, a pod never serves half of each, and two pods never write to one workspace. The
hub need not reach the pod for it either. Secrets are immutable, so the payload that a revision was
started with cannot be changed by hand.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...facts import ServiceFact
from ...specs import Service
from .. import drift
from ..kinds import (
    DEPLOYMENTS,
    SERVICE_ADDRESSES,
    SERVICE_SECRETS,
    Kind,
    Manifests,
    Resource,
    Watched,
)
from ..labels import REVISION_LABEL, SERVICE_LABEL, labels, ours
from ..pod_options import PodOptions
from ..pods import SCRATCH, TERMINATION_MESSAGE, Additions, pod_template
from ..reading import list_of, object_of, text_of
from ..routes import routes
from . import commands, facts

Json = dict[str, Any]

COMPONENT = "service"
MOST_SECRET_BYTES = 1 << 20
"""The largest Secret that Kubernetes accepts."""
START_S = 300
"""How long a service may take from its start until it is ready; xcube alone imports for seconds."""
_FOLDER = "/etc/xcube-hub/service"
_WORKLOAD = "workload.json.gz"
_PORT = "http"
_PAYLOAD_VOLUME = "service"


class TooLarge(ValueError):
    """The service does not fit into a Secret."""


def manifests(service: Service, options: PodOptions) -> Manifests:
    """The Deployment and what it owns. Raises ValueError."""
    parts = [
        (SERVICE_SECRETS, secret(service, options)),
        (SERVICE_ADDRESSES, address(service, options)),
    ]
    return Manifests(deployment(service, options), [*parts, *_routes(service, options)])


def deployment(service: Service, options: PodOptions) -> Json:
    """The Deployment of a service; without a pod if it is asleep."""
    given = service_labels(service, options)
    pod_labels = {**given, REVISION_LABEL: str(service.revision)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": service.name,
            "labels": given,
            "annotations": _annotations(service) | {facts.PATH: service.path},
        },
        "spec": {
            "replicas": 0 if service.is_asleep else 1,
            "revisionHistoryLimit": 0,
            "strategy": {"type": "Recreate"},
            "progressDeadlineSeconds": max(options.service_pending_s, START_S),
            "selector": {"matchLabels": _selected(service, options)},
            "template": pod_template(
                service.container, options, pod_labels, _additions(service, options)
            ),
        },
    }


def secret(service: Service, options: PodOptions) -> Json:
    """The Secret with the payload of this revision. Raises TooLarge."""
    document = {
        "name": service.name,
        "revision": service.revision,
        "payload": service.payload,
        "path": service.path,
        "probe": service.probe,
        "env": service.container.env,
        "memory_bytes": None,  # the container limits it
    }
    packed = gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0)
    if len(packed) > MOST_SECRET_BYTES:
        raise TooLarge(
            f"The configuration and its stores take {len(packed):,} bytes; Kubernetes allows "
            f"{MOST_SECRET_BYTES:,}."
        )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "immutable": True,
        "metadata": _part_metadata(service, options, name=secret_name(service)),
        "data": {_WORKLOAD: base64.b64encode(packed).decode()},
    }


def secret_name(service: Service) -> str:
    return f"{service.name}-{service.revision}"


def address(service: Service, options: PodOptions) -> Json:
    """The Service, whose address stays while no pod runs."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _part_metadata(service, options, name=service.name),
        "spec": {
            "type": "ClusterIP",
            "selector": _selected(service, options),
            "ports": [
                {"name": _PORT, "port": service.port, "targetPort": _PORT, "protocol": "TCP"}
            ],
        },
    }


def _routes(service: Service, options: PodOptions) -> Iterator[tuple[Resource, Json]]:
    """Routes of the cluster's own gateway, if operators chose some."""
    for resource, manifest in routes(service, options.routes) if options.routes else ():
        given = manifest.get("metadata", {})
        made = _part_metadata(service, options, name=given.get("name", service.name))
        made["annotations"] |= given.get("annotations", {})
        yield resource, {**manifest, "metadata": made}


def service_labels(service: Service, options: PodOptions) -> dict[str, str]:
    given = labels(service.container.owner, component=COMPONENT, instance=options.instance)
    return {**given, SERVICE_LABEL: service.name}


def unreadable(root: Json) -> Iterator[tuple[Resource, str]]:
    """The Secret that the pod of this Deployment needs."""
    spec = object_of(drift.applied(root).get("spec"))
    pod = object_of(object_of(spec.get("template")).get("spec"))
    for volume in map(object_of, list_of(pod.get("volumes"))):
        name = text_of(object_of(volume.get("secret")).get("secretName"))
        if name and volume.get("name") == _PAYLOAD_VOLUME:
            yield SERVICE_SECRETS, name


def _selected(service: Service, options: PodOptions) -> dict[str, str]:
    """The labels by which Deployment and Service find the pod, whatever its revision."""
    return {**ours(component=COMPONENT, instance=options.instance), SERVICE_LABEL: service.name}


def _annotations(service: Service) -> dict[str, str]:
    return {drift.REVISION: str(service.revision)}


def _part_metadata(service: Service, options: PodOptions, *, name: str) -> Json:
    return {
        "name": name,
        "labels": service_labels(service, options),
        "annotations": _annotations(service),
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": service.name,
                "uid": "",
                "controller": True,
            }
        ],
    }


def _additions(service: Service, options: PodOptions) -> Additions:
    """What differs from a run: it listens, is started again, and is ready by its real path."""
    ready = {"httpGet": {"path": f"{service.path}{service.probe}", "port": _PORT}}
    command = service.container.command
    kind = commands.additions(service, command, options) if command else _program(service, options)
    return replace(
        kind,
        volumes=[
            {
                "name": _PAYLOAD_VOLUME,
                "secret": {
                    "secretName": secret_name(service),
                    "items": [{"key": _WORKLOAD, "path": _WORKLOAD}],
                },
            },
            *kind.volumes,
        ],
        mounts=[{"name": _PAYLOAD_VOLUME, "mountPath": _FOLDER, "readOnly": True}, *kind.mounts],
        container={
            "ports": [{"name": _PORT, "containerPort": service.port, "protocol": "TCP"}],
            "startupProbe": {
                **ready,
                "periodSeconds": 1,
                "timeoutSeconds": 5,
                "failureThreshold": START_S,
            },
            # Patient, because a service that computes answers late, but it answers.
            "readinessProbe": {
                **ready,
                "periodSeconds": 10,
                "timeoutSeconds": 10,
                "failureThreshold": 3,
            },
            "livenessProbe": {
                **ready,
                "periodSeconds": 30,
                "timeoutSeconds": 20,
                "failureThreshold": 6,
            },
        },
    )


def _program(service: Service, options: PodOptions) -> Additions:
    return Additions(
        arguments=(
            f"viewer --workload {_FOLDER}/{_WORKLOAD} --address 0.0.0.0 --port {service.port} \\\n"
            f"    --scratch-dir {SCRATCH} --termination-message {TERMINATION_MESSAGE}"
        ),
        restarts="Always",
        only_reads=True,
        workspace=options.workspace,
    )


def _watched(options: PodOptions) -> Sequence[Watched]:
    return (Watched(SERVICE_ADDRESSES, facts.kept_address),)


SERVICES: Kind[Service, ServiceFact] = Kind(
    component=COMPONENT,
    root=DEPLOYMENTS,
    parts=(SERVICE_SECRETS, SERVICE_ADDRESSES),
    manifests=manifests,
    pod_label=SERVICE_LABEL,
    keep_root=facts.kept_deployment,
    observe=facts.observe_service,
    is_mutable=True,
    watched=_watched,
    unreadable=unreadable,
)
