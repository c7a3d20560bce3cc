"""Facts about all objects of one kind, from informers: of the roots, their pods, watched parts.

Data flows one way: API server → `Informer` → `Changes` → `KindWatch` → `Kind.observe` → fact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Generic

from django.utils import timezone

from ..facts import FactT, Gone, Level
from ..specs import SpecT
from .changes import Changes
from .cluster import Cluster
from .informer import Informer
from .kinds import EVENTS, PODS, Kind, Resource, Seen
from .labels import name_of, selector
from .lacking import Lacking
from .pod_facts import kept_pod
from .pod_options import PodOptions
from .refusals import Refusals

Json = dict[str, Any]
Group = Callable[[Json], str]
Keep = Callable[[Json], Json]

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

        def informer(resource: Resource, group: Group, keep: Keep, *, is_root: bool) -> Informer:
            return Informer(
                f"watch of {resource.plural}",
                cluster.api,
                path=lambda: cluster.path(resource),
                selector=selected,
                group=group,
                keep=keep,
                changes=self._changes,
                is_root=is_root,
            )

        self._roots = informer(kind.root, name_of, kind.keep_root, is_root=True)
        self._pods = informer(PODS, kind.root_of, kept_pod, is_root=False)
        self._parts = {
            watched.resource.plural: informer(
                watched.resource, name_of, watched.keep, is_root=False
            )
            for watched in kind.watched(options)
        }
        self._lacking = Lacking(
            cluster,
            kind,
            roots=self._all_roots,
            changed=lambda name: self._changes.add(name, is_root=False),
        )

    def start(self) -> None:
        for informer in self._informers:
            informer.start()
        if self._kind.is_mutable:
            self._lacking.start()

    def stop(self) -> None:
        """Give nothing any more. Calls in progress end by themselves."""
        for informer in self._informers:
            informer.stop()
        self._lacking.stop()

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
        """The time until which all informers know everything; None before their first lists."""
        times = [informer.known_until for informer in self._informers]
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
        if self._kind.is_refused_by_events:
            without_pod = (
                root for name in names if not self._pods.of(name) for root in self._roots.of(name)
            )
            self._refusals.refresh(without_pod)
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
        seen = Seen(
            roots[0],
            self._pods.of(name),
            known_until,
            self._refusals.of(name),
            {plural: next(iter(part.of(name)), None) for plural, part in self._parts.items()},
            self._lacking.has(roots[0]),
        )
        return self._kind.observe(seen, self._options)

    @property
    def _informers(self) -> list[Informer]:
        return [self._roots, self._pods, *self._parts.values()]

    def _all_roots(self) -> list[Json]:
        return [root for name in self._roots.groups() for root in self._roots.of(name)]
