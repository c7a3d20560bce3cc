"""Facts about all objects of one kind, from two informers: one of the roots, one of their pods.

Data flows one way: API server → `Informer` → `Changes` → `KindWatch` → `Kind.observe` → fact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Generic

from django.utils import timezone

from ..base import FactT, Gone, Level, SpecT
from .changes import Changes
from .cluster import Cluster
from .informer import Informer
from .kinds import EVENTS, PODS, Kind, Seen
from .labels import name_of, selector
from .pod_facts import kept_pod
from .pod_options import PodOptions
from .refusals import Refusals

LEVEL_EVERY_S = 10.0
"""How often all objects are read again, because some facts change by time alone."""


class KindWatch(Generic[FactT]):
    """Gives facts about changed objects, and sometimes about all objects (the level).

    The informers do not wait for each other: a pod may be seen before its root, and the end of a
    root before the end of its pod. So an observation says until when both are known.
    """

    def __init__(self, cluster: Cluster, kind: Kind[SpecT, FactT], options: PodOptions) -> None:
        self._kind = kind
        self._options = options
        self._changes = Changes()
        self._refusals = Refusals(cluster.api, path=lambda: cluster.path(EVENTS))
        self._next_level = 0.0
        selected = selector(component=kind.component, instance=options.instance)
        self._roots = Informer(
            f"watch of {kind.root.plural}",
            cluster.api,
            path=lambda: cluster.path(kind.root),
            selector=selected,
            group=name_of,
            keep=kind.keep_root,
            changes=self._changes,
            is_root=True,
        )
        self._pods = Informer(
            "watch of pods",
            cluster.api,
            path=lambda: cluster.path(PODS),
            selector=selected,
            group=kind.root_of,
            keep=kept_pod,
            changes=self._changes,
            is_root=False,
        )

    def start(self) -> None:
        self._roots.start()
        self._pods.start()

    def stop(self) -> None:
        """Give nothing any more. Calls in progress end by themselves."""
        self._roots.stop()
        self._pods.stop()

    def wait(self, wait_s: float) -> Iterator[Level[FactT] | FactT | Gone]:
        """Wait for changes and give their facts; gives nothing if none came for `wait_s`."""
        self._changes.wait(
            lambda: self._is_level_due or self._has_changes,
            timeout_s=wait_s,
        )
        is_level = self._is_level_due
        names: set[str] = set()
        if is_level:
            self._changes.take_list()
            self._next_level = time.monotonic() + LEVEL_EVERY_S
        if is_level or self._has_changes:
            names = self._changes.take()
        if is_level:
            yield self._level()
        # Also after a level, because it does not say which objects were deleted since `asked_at`.
        for name in names:
            fact = self._fact(name)
            if fact is not None and (not is_level or isinstance(fact, Gone)):
                yield fact

    @property
    def _known_until(self) -> datetime | None:
        """The time until which both informers know everything; None before their first lists."""
        times = (self._roots.known_until, self._pods.known_until)
        return min(t for t in times if t) if all(times) else None

    @property
    def _has_changes(self) -> bool:
        return self._changes.has_names and self._known_until is not None

    @property
    def _is_level_due(self) -> bool:
        is_due = self._changes.has_listed or time.monotonic() >= self._next_level
        return is_due and self._known_until is not None

    def _level(self) -> Level[FactT]:
        asked_at = self._known_until
        assert asked_at is not None
        names = self._roots.groups()
        lacking = (
            root for name in names if not self._pods.of(name) for root in self._roots.of(name)
        )
        self._refusals.refresh(lacking)
        facts = (self._observed(name) for name in names)
        return Level([fact for fact in facts if fact is not None], asked_at=asked_at)

    def _fact(self, name: str) -> FactT | Gone | None:
        """None if the root was never seen: a pod may arrive before its root."""
        fact = self._observed(name)
        if fact is not None:
            return fact
        return Gone(name, timezone.now()) if self._changes.take_gone(name) else None

    def _observed(self, name: str) -> FactT | None:
        known_until = self._known_until
        roots = self._roots.of(name)
        if not roots or known_until is None:
            return None
        pods, refusal = self._pods.of(name), self._refusals.of(name)
        return self._kind.observe(Seen(roots[0], pods, known_until, refusal), self._options)
