"""A hub over a cluster with a simulated node, each part by itself; and what is seen of its pods."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.jobs.factories import cubegen_request
from tests.servers.kubernetes import access
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.controlplane import Cluster
from tests.servers.kubernetes.faults import FaultProxy

from .hub import Hub, Server, Session
from .replayed import ReplayedEstimates
from .shares import Step

SUBMITTERS = 4
SIMULATED = {
    "XCUBE_HUB_POD_NODE_SELECTOR": "type=kwok",
    "XCUBE_HUB_POD_ANNOTATIONS": "fake/run=1s",
}


class Event(NamedTuple):
    """What a watcher was sent; `at` is when it came."""

    at: float
    kind: str
    told: str
    job: str
    phase: str


class Probe(NamedTuple):
    """A change of a pod that a bare watcher was sent at `at`, `lag` seconds after it was made."""

    at: float
    lag: float


class ClusterHub:
    """Web, whose way to the API server is a proxy that counts; observer; and a worker that is there
    while jobs are to be launched, so that all of them can be waiting before."""

    def __init__(
        self,
        stack: ExitStack,
        *,
        folder: Path,
        cluster: Cluster,
        runner: Path,
        places: int,
        database_url: str | None,
        xcube_python: Path,
        demo_cube: Path,
    ) -> None:
        self.cluster = cluster
        self.namespace = access.new_namespace(cluster)
        stack.callback(cluster.api.delete, f"/api/v1/namespaces/{self.namespace}")
        self.proxy = stack.enter_context(FaultProxy(upstream=cluster.url, ca=cluster.ca))
        direct = access.hub_access(cluster, self.namespace, folder=folder)
        self.by_proxy = access.hub_access(
            cluster, self.namespace, folder=folder, url=self.proxy.url
        )
        data = folder / "hub"
        self.web = Hub(
            data,
            xcube_python=xcube_python,
            demo_cube=demo_cube,
            only=("web",),
            settings={
                **SIMULATED,
                **({"DATABASE_URL": database_url} if database_url else {}),
                "XCUBE_HUB_ENGINE": "kubernetes",
                "KUBECONFIG": str(self.by_proxy.kubeconfig),
                "XCUBE_HUB_POD_PLACES": str(places),
                "XCUBE_HUB_CALLBACK_URL": "http://hub.test:8080/api/v2",
                "XCUBE_HUB_PROCESS_LIMIT": "100000",
            },
        )
        stack.callback(self.web.stop)
        self.estimates = ReplayedEstimates(data / "estimate.sock", runner=runner)
        stack.callback(self.estimates.close)
        self.environment = {**self.web.environment, "KUBECONFIG": str(direct.kubeconfig)}
        self.observer = self._start("observer")
        stack.callback(self.observer.stop)
        self.seen = folder / "seen.txt"
        runs = Server(
            [sys.executable, "-m", "tests.benchmarks.simulated_runs", str(cluster.kubeconfig),
             self.namespace, str(self.seen)],
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "hubsite.settings"},
            log=folder / "runs.log",
        )  # fmt: skip
        stack.callback(runs.stop)
        until(lambda: self.observer.running("observe") and self.seen.exists(), "observer")

    @property
    def observer_pid(self) -> int:
        return self.observer.running("observe")[-1]

    @contextmanager
    def worker(self) -> Iterator[Server]:
        server = self._start("worker,outside")
        try:
            yield server
        finally:
            server.stop()

    def make_users(self, count: int) -> list[Session]:
        printed = self.web.python("-m", "tests.benchmarks.crowd", str(count), "1000000")
        return [Session(self.web.port, token) for token in json.loads(printed)]

    def submit(self, jobs: list[Session]) -> float:
        """PUT a job for each of these, one after the other; how many were accepted a second."""

        def put(session: Session) -> None:
            mine = session.another()
            try:
                mine.submit(cubegen_request())
            finally:
                mine.close()

        began = time.monotonic()
        with ThreadPoolExecutor(SUBMITTERS) as pool:
            list(pool.map(put, jobs))
        return len(jobs) / (time.monotonic() - began)

    def history(self, *, ended: int) -> list[Step]:
        """Wait until so many jobs have ended, and are out of the cluster: the steps of all."""
        printed = self.web.python("-m", "tests.benchmarks.history", str(ended), timeout_s=700)
        jobs = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
        until(lambda: not self.cluster.api.items(jobs, limit=1), "end of all Jobs")
        return [Step(*step) for step in json.loads(printed)]

    def events(self) -> list[Event]:
        """All that a watcher has been sent of Jobs and their pods until now."""
        return [Event(float(at), *rest) for at, *rest in self._lines() if rest[0] != "probe"]

    def probes(self) -> list[Probe]:
        """How late the watcher heard of changes whose time is known, until now."""
        told = [line for line in self._lines() if line[1] == "probe"]
        return [Probe(float(at), float(at) - float(changed)) for at, *_, changed in told]

    def _lines(self) -> list[list[str]]:
        return [line.split(" ") for line in self.seen.read_text().splitlines()]

    def _start(self, part: str) -> Server:
        argv = [sys.executable, "manage.py", "start", "--only", part, "--no-migrate"]
        log = self.web.folder / f"{part}.log"
        return Server(argv, env=self.environment, log=log)
