"""The engine that runs workloads as Jobs of one namespace of a Kubernetes cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from ..base import (
    MADE,
    Applied,
    EngineFull,
    EngineUnavailable,
    Gone,
    Level,
    LogChunk,
    Outcome,
    Place,
    Program,
    Removal,
    Run,
    RunFact,
)
from . import manifests
from .client import Api, Refused
from .connection import Source, load, namespace_of
from .manifests import CONTAINER, GRACE_S, JOB_NAME_LABEL
from .news import News, name_of
from .observations import observe
from .pod_options import PodOptions

if TYPE_CHECKING:
    from kubernetes.client import Configuration

logger = logging.getLogger(__name__)

Json = dict[str, Any]

PROGRAM_KEPT_S = 60.0
LOGS_AGAIN_S = 60.0


class KubernetesEngine:
    """One namespace of a cluster. Web never makes one: it has no credentials of the cluster."""

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
        self.runs = KubernetesRuns(name=name, source=source, options=options, places=places)


class KubernetesRuns(Place[Run, RunFact]):
    """Runs as Jobs. An apply makes two objects, and most of its time is the API server's."""

    calls_at_once = 8

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
    def capacity(self) -> int:
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

    def apply_one(self, spec: Run) -> Applied:
        """Job first, then its Secret, which belongs to it; the pod waits for both."""
        assert spec.container.program is not None
        try:
            # Before the Job: what does not fit into a Secret is refused while nothing exists.
            secret = manifests.secret(spec, job_uid="", instance=self.options.instance)
            self._bring_program(spec.container.program)
            job = self._make_job(spec)
            if isinstance(job, Applied):
                return job
            secret["metadata"]["ownerReferences"][0]["uid"] = job["metadata"]["uid"]
            self._create("secrets", secret)
        except ValueError as error:
            return Applied(Outcome.REFUSED, str(error))
        except Refused as refused:
            return outcome_of(refused)
        return MADE

    def remove_one(self, name: str) -> Removal:
        """Foreground: the Job is there, and keeps its place, until its pods have ended."""
        body = {"propagationPolicy": "Foreground", "gracePeriodSeconds": GRACE_S}
        try:
            self._api.delete(self._path("jobs", name), body)
        except Refused as refused:
            if refused.status != 404:
                raise EngineUnavailable(f"{name} cannot be deleted: {refused}") from refused
            return Removal.MAY_STILL_APPEAR
        return Removal.ENDING

    def look(self, name: str) -> RunFact | None:
        try:
            job = self._api.get(self._path("jobs", name))
            query = {"labelSelector": f"{JOB_NAME_LABEL}={name}"}
            pods = self._api.get(self._path("pods"), **query)["items"]
        except Refused as refused:
            if refused.status == 404:
                return None
            raise EngineUnavailable(str(refused)) from refused
        return self._observe(job, pods)

    def exists(self, name: str) -> bool:
        try:
            self._api.get(self._path("jobs", name))
        except Refused as refused:
            if refused.status == 404:
                return False
            raise EngineUnavailable(str(refused)) from refused
        return True

    def watch(self, *, wait_s: float) -> Iterator[Level[RunFact] | RunFact | Gone]:
        if self._news is None:
            self._news = News(
                self._api,
                path=self._path,
                selector=manifests.selector(self.options.instance),
                observe=self._observe,
            )
            self._news.start()
        return self._news.wait(wait_s)

    def stop_watching(self) -> None:
        """End the watch. The next one begins anew."""
        if self._news is not None:
            self._news.stop()
            self._news = None

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        """A node has the log. After one did not answer, none is asked for a while."""
        if wait_s <= 0 or time.monotonic() < self._logs_again_at:
            return []
        try:
            lines = self._log_lines(name, most_lines=most_lines, wait_s=wait_s)
        except (Refused, EngineUnavailable) as error:
            logger.warning("the log of %s cannot be had: %s", name, error)
            if isinstance(error, EngineUnavailable):
                self._logs_again_at = time.monotonic() + LOGS_AGAIN_S
            return []
        return [LogChunk(0, lines)] if lines else []

    def _log_lines(self, name: str, *, most_lines: int, wait_s: float) -> list[str]:
        query = {"labelSelector": f"{JOB_NAME_LABEL}={name}"}
        pods = self._api.get(self._path("pods"), **query)["items"]
        if not pods:
            return []
        newest = name_of(max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"]))
        path = f"{self._path('pods', newest)}/log"
        query = {"container": CONTAINER, "tailLines": most_lines}
        return self._api.text(path, wait_s=wait_s, **query).splitlines()

    def _make_job(self, run: Run) -> Json | Applied:
        """The Job of this run, or why there is none."""
        wanted = manifests.job(run, self.options)
        try:
            return self._create("jobs", wanted)
        except Refused as refused:
            if not _already_exists(refused):
                raise
        found = self._api.get(self._path("jobs", run.name))
        if not manifests.is_ours(found, run, instance=self.options.instance):
            return Applied(Outcome.REFUSED, f"another Job is called {run.name}")
        if found["metadata"].get("deletionTimestamp"):
            why = "its former Job is still being deleted"
            return Applied(Outcome.WAITS, why, why)
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
    ) -> RunFact:
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


def outcome_of(refused: Refused) -> Applied:
    """The outcome of an apply that the API server refused.

    Only what it says about the object itself is for good. An admission webhook may deny with
    403, too: what it denies to one Job must not stop all others behind it. Raises
    EngineUnavailable if no Job can be made now.
    """
    if refused.status in (400, 413, 422) or (
        refused.status == 403 and "denied the request" in str(refused)
    ):
        return Applied(Outcome.REFUSED, str(refused))
    if refused.status == 403 and "exceeded quota" in str(refused):
        raise EngineFull(f"the namespace's quota is used up: {refused}") from refused
    raise EngineUnavailable(f"the cluster refuses to make it: {refused}") from refused
