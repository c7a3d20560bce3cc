"""Engines over the test cluster, as the hub would have them: by its own Role."""

from __future__ import annotations

import json
from typing import Any

from hubsite.engines.base import Code, Program, Report, Workload
from hubsite.engines.kubernetes.connection import Source
from hubsite.engines.kubernetes.engine import KubernetesEngine
from hubsite.engines.kubernetes.pod_options import PodOptions
from tests.servers.kubernetes.access import HubAccess

PROGRAM = Program(archive=b"PK\x05\x06" + 18 * b"\0", module="jobs.runner", requires="xcube")
MIB = 1 << 20


def make_engine(access: HubAccess, *, places: int = 100, **options: Any) -> KubernetesEngine:
    """An engine for the namespace of `access`; `options` are those of its pods."""
    return KubernetesEngine(
        name="kubernetes",
        source=lambda: Source(str(access.kubeconfig), None, None),
        options=PodOptions(**{"image": "xcube:test", "cpu_limit": None, **options}),
        places=places,
    )


def simulated(**facts: Any) -> dict[str, dict[str, str]]:
    """Options of an engine whose pods are simulated so (see `simulated.yaml`)."""
    texts = {f"fake/{k}": v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
    return {"node_selector": {"type": "kwok"}, "annotations": texts}


def workload(name: str, **changes: Any) -> Workload:
    url = f"https://hub.test/api/v2/cubegens/{name}/callbacks"
    return Workload(
        **{
            "name": name,
            "attempt": 1,
            "owner": "a0123456789abcdef",
            "payload": {"kind": "cubegen", "request": {}, "stores": {"s": {"key": "top-secret"}}},
            "deadline_s": 60,
            "memory_bytes": 64 * MIB,
            "report": Report(url=url, token="run.t"),
            "program": PROGRAM,
            **changes,
        }
    )


def code(name: str) -> Code:
    return Code(url=f"https://hub.test/api/v2/cubegens/{name}/code", archive=b"zip")
