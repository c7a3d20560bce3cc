"""Services, from the least to everything, and their objects as the API server shows them."""

from __future__ import annotations

import copy
from dataclasses import fields
from datetime import timedelta
from typing import Any

from hubsite.engines.facts import ServiceFact
from hubsite.engines.kubernetes import drift
from hubsite.engines.kubernetes.kinds import Seen
from hubsite.engines.kubernetes.labels import REVISION_LABEL, SERVICE_LABEL
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.kubernetes.services.facts import (
    kept_address,
    kept_deployment,
    observe_service,
)
from hubsite.engines.kubernetes.services.manifests import address, deployment
from hubsite.engines.specs import Container, Program, Service

from ..objects import BORN, at
from ..workloads import options

Json = dict[str, Any]

CONTAINER_FIELDS = {field.name for field in fields(Container)}
NAME = "xq2w3e4r5t6z7u2i3o4p5a6s7d2"
SECRETS = ("store-key-x7", "bucket-x7", "env-x7")
PAYLOAD = {
    "kind": "xcube_server",
    "config": {
        "DataStores": [
            {
                "Identifier": "own",
                "StoreId": "s3",
                "StoreParams": {
                    "root": "bucket-x7",
                    "storage_options": {"key": "store-key-x7"},
                },
            }
        ]
    },
    "viewer": None,
    "public_url": f"http://{NAME}.localhost:8081",
}


def service(**given: Any) -> Service:
    """A service; `given` are fields of it or of its container."""
    container = {
        "owner": "a1b2",
        "program": Program(b"a zip", module="jobs.runner", requires="xcube"),
        "cpus": 1.0,
        "memory_bytes": 1 << 30,
    }
    container |= {name: given.pop(name) for name in CONTAINER_FIELDS & given.keys()}
    return Service(
        **{
            "name": NAME,
            "revision": 1,
            "container": Container(**container),
            "payload": PAYLOAD,
            "probe": "/datasets",
            **given,
        }
    )


def live_deployment(spec: Service | None = None, *conditions: Json, born: float = 0) -> Json:
    """A Deployment as the API server shows it, with defaults of its own."""
    made = copy.deepcopy(drift.marked(deployment(spec or service(), options())))
    made["metadata"] |= {"uid": "u1", "creationTimestamp": at(born), "deletionTimestamp": None}
    made["spec"]["template"]["spec"] |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default"}
    made["spec"]["paused"] = False
    made["status"] = {"conditions": list(conditions)}
    return made


def live_address(spec: Service | None = None, *, ip: str = "10.96.7.7") -> Json:
    """A Service as the API server shows it."""
    part = address(spec or service(), options())
    part["metadata"]["ownerReferences"][0]["uid"] = "u1"
    made = copy.deepcopy(drift.marked(part))
    made["metadata"]["creationTimestamp"] = at(0)
    made["spec"] |= {"clusterIP": ip, "clusterIPs": [ip], "sessionAffinity": "None"}
    return made


def of_service(pod: Json, *, revision: int | str = 1, **container: Any) -> Json:
    """A pod of `objects.py` as one of a service; `container` changes its container's status."""
    made = copy.deepcopy(pod)
    made["metadata"]["labels"] = {SERVICE_LABEL: NAME, REVISION_LABEL: str(revision)}
    for status in made["status"]["containerStatuses"]:
        status |= {"restartCount": 0, **container}
    return made


def look(
    *pods: Json,
    root: Json | None = None,
    part: Json | None = None,
    has_part: bool = True,
    is_lacking: bool = False,
    after: float = 100,
    opts: PodOptions | None = None,
) -> ServiceFact:
    """The fact, `after` seconds after the Deployment was made."""
    kept = kept_address(part or live_address()) if has_part else None
    seen = Seen(
        kept_deployment(root or live_deployment()),
        pods,
        BORN + timedelta(seconds=after),
        parts={"services": kept},
        is_lacking=is_lacking,
    )
    return observe_service(seen, opts or options())
