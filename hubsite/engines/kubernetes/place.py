"""A place for one kind of work in a cluster; `kinds.py` defines the kind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.utils import timezone

from ..facts import Described, FactT, Gone, Level, LogChunk
from ..outcomes import MADE, Applied, EngineUnavailable, Outcome, Removal
from ..place import Place
from ..specs import SpecT
from . import drift
from .client import Refused
from .cluster import Cluster, already_exists, is_conflict, outcome_of
from .describing import described
from .kind_watch import KindWatch
from .kinds import EVENTS, PODS, Kind, Manifests, Resource, Seen
from .labels import is_ours, name_of, selector
from .pod_options import PodOptions
from .pods import CONTAINER, GRACE_S

logger = logging.getLogger(__name__)

Json = dict[str, Any]

LOGS_AGAIN_S = 60.0
MOST_DESCRIBED = 3
"""Of the pods of one object, the newest are described."""
TRIES = 3
"""How often a change is tried, because the cluster may change the object's status meanwhile."""


class KubernetesPlace(Place[SpecT, FactT]):
    """Makes, changes, watches and removes the objects of one kind."""

    calls_at_once = 8
    """Many, because an apply makes two or more objects and mostly waits for the API server."""

    def __init__(
        self, cluster: Cluster, kind: Kind[SpecT, FactT], options: PodOptions, *, capacity: int
    ) -> None:
        self._cluster = cluster
        self.kind = kind
        self.options = options
        self._capacity = capacity
        self._watch: KindWatch[FactT] | None = None
        self._logs_again_at = 0.0

    @property
    def capacity(self) -> int:
        return self._capacity

    def apply_one(self, spec: SpecT) -> Applied:
        """Create the root, then the parts that it owns; pods wait until all of them exist.

        If the root exists and may change, its parts come first, because its new pods need them.
        """
        try:
            # Build all manifests before the first call, so an impossible spec creates nothing.
            manifests = self.kind.manifests(spec, self.options)
            if spec.container.program is not None:
                self._cluster.bring_program(spec.container.program)
            for _ in range(TRIES - 1):
                try:
                    return self._apply(manifests)
                except Refused as refused:
                    if not is_conflict(refused):
                        raise
            return self._apply(manifests)
        except ValueError as error:
            return Applied(Outcome.REFUSED, str(error))
        except Refused as refused:
            if is_conflict(refused):
                return Applied(Outcome.WAITS, "it is being changed just now", str(refused))
            return outcome_of(refused)

    def _apply(self, manifests: Manifests) -> Applied:
        """Raises Refused; it may be repeated."""
        made = self._make_root(manifests.root)
        if isinstance(made, Applied):
            return made
        root, is_new = made
        if drift.revision_of(root) > drift.revision_of(manifests.root):
            return MADE  # a newer spec has been applied since
        for resource, part in manifests.parts:
            part["metadata"]["ownerReferences"][0]["uid"] = root["metadata"]["uid"]
            self._make_part(resource, part)
        if self.kind.is_mutable and not is_new:
            self._change_root(root, manifests.root)
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
        seen = self.read(name)
        return None if seen is None else self.kind.observe(seen, self.options)

    def read(self, name: str) -> Seen | None:
        """Everything about one object, as the API server has it now; None if there is none.

        Raises EngineUnavailable.
        """
        try:
            root = self._find(self.kind.root, name)
            if root is None:
                return None
            pods = self._pods_of(name)
            parts = {
                watched.resource.plural: self._find(watched.resource, name, watched.keep)
                for watched in self.kind.watched(self.options)
            }
        except Refused as refused:
            raise EngineUnavailable(str(refused)) from refused
        return Seen(self.kind.keep_root(root), pods, timezone.now(), parts=parts)

    def describe(self, name: str) -> list[Described]:
        """The root and its newest pods, each with its events."""
        try:
            root = self._find(self.kind.root, name)
            pods = sorted(self._pods_of(name), key=_birth, reverse=True)[:MOST_DESCRIBED]
            items = [*([root] if root else []), *pods]
            return [described(item, self._events_of(item)) for item in items]
        except Refused as refused:
            raise EngineUnavailable(str(refused)) from refused

    def _events_of(self, item: Json) -> list[Json]:
        query = {"fieldSelector": f"involvedObject.uid={item['metadata']['uid']}", "limit": 100}
        return self._cluster.api.get(self._cluster.path(EVENTS), **query)["items"]

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
            self._watch = KindWatch(self._cluster, self.kind, self.options)
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
        ours = selector(component=self.kind.component, instance=self.options.instance)
        query = {"labelSelector": f"{ours},{self.kind.pod_label}={name}"}
        return self._cluster.api.get(self._cluster.path(PODS), **query)["items"]

    def _find(
        self, resource: Resource, name: str, keep: Callable[[Json], Json] = lambda item: item
    ) -> Json | None:
        """The object as it is now, or None. Raises Refused."""
        try:
            return keep(self._cluster.api.get(self._cluster.path(resource, name)))
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def _make_root(self, wanted: Json) -> tuple[Json, bool] | Applied:
        """The root, and whether it was created now; or why there is none of ours."""
        try:
            body = drift.marked(wanted) if self.kind.is_mutable else wanted
            return self._cluster.create(self.kind.root, body), True
        except Refused as refused:
            if not already_exists(refused):
                raise
        kind, name = wanted["kind"], name_of(wanted)
        found = self._cluster.api.get(self._path(name))
        if not is_ours(found, wanted) and not is_ours(drift.applied(found), wanted):
            return Applied(Outcome.REFUSED, f"another {kind} is called {name}")
        if found["metadata"].get("deletionTimestamp"):
            why = f"its former {kind} is still being deleted"
            return Applied(Outcome.WAITS, why, why)
        return found, False

    def _make_part(self, resource: Resource, wanted: Json) -> None:
        """Create a part, or repair it if it exists and may change. Raises Refused."""
        if wanted.get("immutable") or not self.kind.is_mutable:
            self._cluster.ensure(resource, wanted)
            return
        try:
            self._cluster.create(resource, drift.marked(wanted))
        except Refused as refused:
            if not already_exists(refused):
                raise
            self._cluster.change(resource, self._find(resource, name_of(wanted)), wanted)

    def _change_root(self, found: Json, wanted: Json) -> None:
        """Change the root, then remove the parts that only the former revision needed."""
        if not self._cluster.change(self.kind.root, found, wanted):
            return
        needed = set(self.kind.unreadable(drift.marked(wanted)))
        for resource, name in self.kind.unreadable(found):
            if (resource, name) not in needed:
                self._cluster.discard(resource, name)

    def _path(self, name: str) -> str:
        return self._cluster.path(self.kind.root, name)


def _birth(item: Json) -> str:
    return item["metadata"]["creationTimestamp"]
