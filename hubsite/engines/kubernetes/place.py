"""A place for one kind of work in a cluster; `kinds.py` defines the kind."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone

from ..base import (
    MADE,
    Applied,
    EngineUnavailable,
    FactT,
    Gone,
    Level,
    LogChunk,
    Outcome,
    Place,
    Removal,
    SpecT,
)
from .client import Refused
from .cluster import Cluster, already_exists, outcome_of
from .kind_watch import KindWatch
from .kinds import PODS, Kind, Seen
from .labels import is_ours, name_of, selector
from .pod_options import PodOptions
from .pods import CONTAINER, GRACE_S

logger = logging.getLogger(__name__)

Json = dict[str, Any]

LOGS_AGAIN_S = 60.0


class KubernetesPlace(Place[SpecT, FactT]):
    """Makes, watches and removes the objects of one kind."""

    calls_at_once = 8
    """Many, because an apply makes two or more objects and mostly waits for the API server."""

    def __init__(
        self, cluster: Cluster, kind: Kind[SpecT, FactT], options: PodOptions, *, capacity: int
    ) -> None:
        self._cluster = cluster
        self._kind = kind
        self._options = options
        self._capacity = capacity
        self._watch: KindWatch[FactT] | None = None
        self._logs_again_at = 0.0

    @property
    def capacity(self) -> int:
        return self._capacity

    def apply_one(self, spec: SpecT) -> Applied:
        """Create the root, then the parts that it owns. Pods wait until all of them exist."""
        try:
            # Build all manifests before the first call, so an impossible spec creates nothing.
            manifests = self._kind.manifests(spec, self._options)
            if spec.container.program is not None:
                self._cluster.bring_program(spec.container.program)
            root = self._make_root(manifests.root)
            if isinstance(root, Applied):
                return root
            for resource, part in manifests.parts:
                part["metadata"]["ownerReferences"][0]["uid"] = root["metadata"]["uid"]
                self._cluster.ensure(resource, part)
        except ValueError as error:
            return Applied(Outcome.REFUSED, str(error))
        except Refused as refused:
            return outcome_of(refused)
        return MADE

    def remove_one(self, name: str) -> Removal:
        """Delete in the foreground: the root stays, and keeps its place, until its pods ended."""
        body = {"propagationPolicy": "Foreground", "gracePeriodSeconds": GRACE_S}
        try:
            self._cluster.api.delete(self._path(name), body)
        except Refused as refused:
            if refused.status != 404:
                raise EngineUnavailable(f"{name} cannot be deleted: {refused}") from refused
            return Removal.MAY_STILL_APPEAR
        return Removal.ENDING

    def look(self, name: str) -> FactT | None:
        try:
            root = self._cluster.api.get(self._path(name))
            pods = self._pods_of(name)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise EngineUnavailable(str(refused)) from refused
        return self._kind.observe(Seen(root, pods, timezone.now()), self._options)

    def exists(self, name: str) -> bool:
        try:
            self._cluster.api.get(self._path(name))
        except Refused as refused:
            if refused.status == 404:
                return False
            raise EngineUnavailable(str(refused)) from refused
        return True

    def watch(self, *, wait_s: float) -> Iterator[Level[FactT] | FactT | Gone]:
        if self._watch is None:
            self._watch = KindWatch(self._cluster, self._kind, self._options)
            self._watch.start()
        return self._watch.wait(wait_s)

    def stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def log(self, name: str, *, most_lines: int, wait_s: float) -> Sequence[LogChunk]:
        """Read the log from the node. After a node did not answer, none is called for a while."""
        if wait_s <= 0 or time.monotonic() < self._logs_again_at:
            return []
        try:
            lines = self._log_lines(name, most_lines=most_lines, wait_s=wait_s)
        except (Refused, EngineUnavailable) as error:
            logger.warning("the log of %s cannot be read: %s", name, error)
            if isinstance(error, EngineUnavailable):
                self._logs_again_at = time.monotonic() + LOGS_AGAIN_S
            return []
        return [LogChunk(0, lines)] if lines else []

    def _log_lines(self, name: str, *, most_lines: int, wait_s: float) -> list[str]:
        newest = max(self._pods_of(name), key=_birth, default=None)
        if newest is None:
            return []
        path = f"{self._cluster.path(PODS, name_of(newest))}/log"
        query = {"container": CONTAINER, "tailLines": most_lines}
        return self._cluster.api.text(path, wait_s=wait_s, **query).splitlines()

    def _pods_of(self, name: str) -> list[Json]:
        ours = selector(component=self._kind.component, instance=self._options.instance)
        query = {"labelSelector": f"{ours},{self._kind.pod_label}={name}"}
        return self._cluster.api.get(self._cluster.path(PODS), **query)["items"]

    def _make_root(self, wanted: Json) -> Json | Applied:
        """The root, created now or earlier; or the outcome that says why there is none of ours.

        An existing object is left as it is, because a run never changes. A kind that can change
        would be patched here.
        """
        try:
            return self._cluster.create(self._kind.root, wanted)
        except Refused as refused:
            if not already_exists(refused):
                raise
        kind, name = wanted["kind"], name_of(wanted)
        found = self._cluster.api.get(self._path(name))
        if not is_ours(found, wanted):
            return Applied(Outcome.REFUSED, f"another {kind} is called {name}")
        if found["metadata"].get("deletionTimestamp"):
            why = f"its former {kind} is still being deleted"
            return Applied(Outcome.WAITS, why, why)
        return found

    def _path(self, name: str) -> str:
        return self._cluster.path(self._kind.root, name)


def _birth(item: Json) -> str:
    return item["metadata"]["creationTimestamp"]
