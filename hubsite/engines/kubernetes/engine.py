"""The engine that runs workloads as Jobs of one namespace of a Kubernetes cluster."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from ..base import (
    Engine,
    EngineFull,
    EngineUnavailable,
    Gone,
    LaunchRefused,
    Level,
    LogChunk,
    NotYet,
    Observation,
    Program,
    Workload,
)
from . import manifests
from .client import Api, Refused
from .connection import Source, load, namespace_of
from .manifests import CONTAINER, GRACE_S, JOB_NAME_LABEL
from .news import News, job_of, name_of
from .observations import observe
from .pod_options import PodOptions

if TYPE_CHECKING:
    from kubernetes.client import Configuration

logger = logging.getLogger(__name__)

Json = dict[str, Any]

PROGRAM_KEPT_S = 60.0
LOG_LINES = 7000
LOGS_AGAIN_S = 60.0


class KubernetesEngine(Engine):
    """Web never makes one: it has no credentials of the cluster."""

    log_is_cheap = False
    delete_is_lasting = False
    launches_at_once = 8
    """Each makes two objects, and most of its time is the API server's."""

    def __init__(
        self,
        *,
        name: str,
        source: Callable[[], Source],
        options: PodOptions,
        places: int,
    ) -> None:
        self.name = name
        self.options = options
        self._source = source
        self._places = places
        self._api = Api(self._configuration)
        self._namespace: str | None = None
        self._program_until: dict[str, float] = {}
        self._news: News | None = None
        self._logs_again_at = 0.0

    @property
    def places(self) -> int:
        return self._places

    @property
    def namespace(self) -> str:
        if self._namespace is None:
            source = self._source()
            self._namespace = namespace_of(source)
            logger.info(
                "the engine %s uses %s, namespace %s", self.name, source.text, self._namespace
            )
        return self._namespace

    def launch(self, workload: Workload) -> None:
        """Job first, then its Secret, which belongs to it; the pod waits for both."""
        assert workload.program is not None
        try:
            # Before the Job: what does not fit into a Secret is refused while nothing exists.
            secret = manifests.secret(workload, job_uid="", instance=self.options.instance)
            self._bring_program(workload.program)
            job = self._make_job(workload)
            secret["metadata"]["ownerReferences"][0]["uid"] = job["metadata"]["uid"]
            self._create("secrets", secret)
        except ValueError as error:
            raise LaunchRefused(str(error)) from error
        except Refused as refused:
            raise _launch_error(refused) from refused

    def delete(self, name: str) -> None:
        """Foreground: the Job is there, and keeps its place, until its pods have ended."""
        body = {"propagationPolicy": "Foreground", "gracePeriodSeconds": GRACE_S}
        try:
            self._api.delete(self._path("jobs", name), body)
        except Refused as refused:
            if refused.status != 404:
                raise EngineUnavailable(f"{name} cannot be deleted: {refused}") from refused

    def level(self) -> Level:
        asked_at = timezone.now()
        try:
            jobs, pods = self._list("jobs"), self._list("pods")
        except Refused as refused:
            raise EngineUnavailable(str(refused)) from refused
        by_job: dict[str, list[Json]] = defaultdict(list)
        for pod in pods:
            by_job[job_of(pod)].append(pod)
        return Level([self._observe(job, by_job[name_of(job)]) for job in jobs], asked_at=asked_at)

    def exists(self, name: str) -> bool:
        try:
            self._api.get(self._path("jobs", name))
        except Refused as refused:
            if refused.status == 404:
                return False
            raise EngineUnavailable(str(refused)) from refused
        return True

    def watch(self, *, wait_s: float) -> Iterator[Level | Observation | Gone]:
        if self._news is None:
            self._news = News(
                self._api,
                path=self._path,
                selector=manifests.selector(self.options.instance),
                observe=self._observe,
            )
            self._news.start()
        return self._news.wait(wait_s)

    def close(self) -> None:
        """End the watch; a next one begins anew."""
        if self._news is not None:
            self._news.stop()
            self._news = None

    def log(self, name: str) -> Sequence[LogChunk]:
        """Where a kubelet does not answer, none is asked for a while: others wait for this."""
        if time.monotonic() < self._logs_again_at:
            return []
        try:
            lines = self._log_lines(name)
        except (Refused, EngineUnavailable) as error:
            logger.warning("the log of %s cannot be had: %s", name, error)
            if isinstance(error, EngineUnavailable):
                self._logs_again_at = time.monotonic() + LOGS_AGAIN_S
            return []
        return [LogChunk(0, lines)] if lines else []

    def _log_lines(self, name: str) -> list[str]:
        query = {"labelSelector": f"{JOB_NAME_LABEL}={name}"}
        pods = self._api.get(self._path("pods"), **query)["items"]
        if not pods:
            return []
        newest = name_of(max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"]))
        path = f"{self._path('pods', newest)}/log"
        return self._api.text(path, container=CONTAINER, tailLines=LOG_LINES).splitlines()

    def _list(self, kind: str) -> list[Json]:
        query = {"labelSelector": manifests.selector(self.options.instance)}
        pages = self._api.pages(self._path(kind), **query)
        return [item for page in pages for item in page["items"]]

    def _make_job(self, workload: Workload) -> Json:
        try:
            return self._create("jobs", manifests.job(workload, self.options))
        except Refused as refused:
            if not _already_exists(refused):
                raise
        found = self._api.get(self._path("jobs", workload.name))
        if not manifests.is_ours(found, workload, instance=self.options.instance):
            raise LaunchRefused(f"another Job is called {workload.name}")
        if found["metadata"].get("deletionTimestamp"):
            raise NotYet("its former Job is still being deleted")
        return found

    def _create(self, kind: str, body: Json) -> Json:
        """Make it; a Secret or ConfigMap that is there already is the one that we mean."""
        try:
            return self._api.create(self._path(kind), body)
        except Refused as refused:
            if kind != "jobs" and _already_exists(refused):
                return body
            raise

    def _bring_program(self, program: Program) -> None:
        name = manifests.program_name(program)
        if self._program_until.get(name, 0.0) > time.monotonic():
            return
        self._create("configmaps", manifests.program_config_map(program))
        self._program_until = {name: time.monotonic() + PROGRAM_KEPT_S}

    def _observe(
        self,
        job: Json,
        pods: Sequence[Json],
        refusal: str | None = None,
        known_until: datetime | None = None,
    ) -> Observation:
        return observe(
            job,
            pods,
            now=known_until or timezone.now(),
            pending_s=self.options.pending_s,
            refusal=refusal,
        )

    def _configuration(self) -> Configuration:
        return load(self._source())

    def _path(self, kind: str, name: str = "") -> str:
        """Of a kind (its plural) in our namespace, or of one object of it."""
        group = "/apis/batch/v1" if kind == "jobs" else "/api/v1"
        tail = f"/{name}" if name else ""
        return f"{group}/namespaces/{self.namespace}/{kind}{tail}"


def _already_exists(refused: Refused) -> bool:
    """409 also means that a quota was just being counted, which is worth another try."""
    return refused.status == 409 and refused.reason == "AlreadyExists"


def _launch_error(refused: Refused) -> Exception:
    """Which refusals are for good: those of the object itself, as it is. An admission webhook may
    say so with 403 too: what it denies to one Job must not keep all others waiting behind it."""
    if refused.status in (400, 413, 422) or (
        refused.status == 403 and "denied the request" in str(refused)
    ):
        return LaunchRefused(str(refused))
    if refused.status == 403 and "exceeded quota" in str(refused):
        return EngineFull(f"the namespace's quota is used up: {refused}")
    return EngineUnavailable(f"the cluster refuses to make it: {refused}")
