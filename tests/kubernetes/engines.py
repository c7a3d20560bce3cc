"""Engines over the test cluster, as the hub would have them: by its own Role."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from hubsite.engines.facts import Level, RunFact, ServiceFact
from hubsite.engines.kubernetes.connection import Source
from hubsite.engines.kubernetes.engine import KubernetesEngine
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.outcomes import Applied, Outcome
from hubsite.engines.specs import Code, Container, Program, Report, Run, Service
from tests.servers.kubernetes.access import HubAccess

PROGRAM = Program(archive=b"PK\x05\x06" + 18 * b"\0", module="jobs.runner", requires="xcube")
MIB = 1 << 20
CONTAINER_FIELDS = {field.name for field in fields(Container)}


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


def workload(name: str, **changes: Any) -> Run:
    """A run; `changes` are fields of it or of its container."""
    url = f"https://hub.test/api/v2/cubegens/{name}/callbacks"
    container = {"owner": "a0123456789abcdef", "memory_bytes": 64 * MIB, "program": PROGRAM}
    container |= {field: changes.pop(field) for field in CONTAINER_FIELDS & changes.keys()}
    return Run(
        **{
            "name": name,
            "attempt": 1,
            "container": Container(**container),
            "payload": {"kind": "cubegen", "request": {}, "stores": {"s": {"key": "top-secret"}}},
            "deadline_s": 60,
            "report": Report(url=url, token="run.t"),
            **changes,
        }
    )


def service(name: str, **changes: Any) -> Service:
    """A service; `changes` are fields of it or of its container."""
    container = {
        "owner": "a0123456789abcdef",
        "memory_bytes": 64 * MIB,
        "cpus": 0.5,
        "program": PROGRAM,
    }
    container |= {field: changes.pop(field) for field in CONTAINER_FIELDS & changes.keys()}
    return Service(
        **{
            "name": name,
            "revision": 1,
            "container": Container(**container),
            "payload": {"kind": "xcube_server", "config": {"DataStores": [{"key": "top-secret"}]}},
            "probe": "/datasets",
            **changes,
        }
    )


def apply_service(engine: KubernetesEngine, spec: Service) -> None:
    (applied,) = engine.services.apply([spec])
    assert applied.outcome is Outcome.MADE, applied


class WatchingServices:
    """What an engine reports of its services, as a follower hears it."""

    def __init__(self, engine: KubernetesEngine) -> None:
        self._engine = engine
        self._seen: dict[str, ServiceFact] | None = None

    def facts(self) -> dict[str, ServiceFact]:
        """Of each service, the newest; the first time there is a whole level."""
        while True:
            for fact in self._engine.services.watch(wait_s=0.2):
                if isinstance(fact, Level):
                    self._seen = {each.name: each for each in fact.facts}
                elif self._seen is not None and isinstance(fact, ServiceFact):
                    self._seen[fact.name] = fact
                elif self._seen is not None:
                    self._seen.pop(fact.name, None)
            if self._seen is not None:
                return self._seen

    def stop(self) -> None:
        self._engine.services.stop_watching()


def apply(engine: KubernetesEngine, run: Run) -> Applied:
    (applied,) = engine.runs.apply([run])
    return applied


def launch(engine: KubernetesEngine, run: Run) -> None:
    applied = apply(engine, run)
    assert applied.outcome is Outcome.MADE, applied


class Watching:
    """What engines tell of their runs, as a follower hears it."""

    def __init__(self) -> None:
        self._seen: dict[KubernetesEngine, dict[str, RunFact]] = {}

    def facts(self, engine: KubernetesEngine) -> dict[str, RunFact]:
        """Of each run, the newest; the first time there is a whole level."""
        is_first = engine not in self._seen
        seen = self._seen.setdefault(engine, {})
        while True:
            for fact in engine.runs.watch(wait_s=0.2):
                if isinstance(fact, Level):
                    seen.clear()
                    seen |= {each.name: each for each in fact.facts}
                    is_first = False
                elif isinstance(fact, RunFact):
                    seen[fact.name] = fact
                else:
                    seen.pop(fact.name, None)
            if not is_first:
                return seen

    def stop(self) -> None:
        for engine in self._seen:
            engine.runs.stop_watching()


def code(name: str) -> Code:
    return Code(url=f"https://hub.test/api/v2/cubegens/{name}/code", archive=b"zip")
