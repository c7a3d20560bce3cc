"""The definition of a kind of work in a cluster: of which Kubernetes objects it consists.

A place (`place.py`) makes, changes, watches and removes the objects of one kind, but contains
nothing about any kind. `RUNS` (in `runs.py`) are Jobs with their Secrets; they never change.
`SERVICES` (in `services/`) are Deployments with Secrets and Services; they can change, and are
repaired if someone else changed them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic

from ..facts import FactT
from ..specs import SpecT
from .pod_options import PodOptions
from .resources import Resource

Json = dict[str, Any]


JOBS = Resource("batch", "jobs", ("create", "get", "list", "watch", "delete"))
SECRETS = Resource("", "secrets", ("create",))
CONFIG_MAPS = Resource("", "configmaps", ("create", "get"))
PODS = Resource("", "pods", ("list", "watch"))
POD_LOGS = Resource("", "pods/log", ("get",))
EVENTS = Resource("", "events", ("list",))
DEPLOYMENTS = Resource(
    "apps", "deployments", ("create", "get", "list", "watch", "update", "delete")
)
SERVICE_SECRETS = Resource("", "secrets", ("create", "delete"))
SERVICE_ADDRESSES = Resource("", "services", ("create", "get", "list", "watch", "update"))


@dataclass(frozen=True)
class Manifests:
    """The objects of one spec. The root owns the parts, so these are deleted with it."""

    root: Json
    parts: Sequence[tuple[Resource, Json]]


@dataclass(frozen=True)
class Watched:
    """A part that is watched beside its root, which has the same name; `keep` as for a root."""

    resource: Resource
    keep: Callable[[Json], Json]


@dataclass(frozen=True)
class Seen:
    """Everything that is known about one object, at `known_until`.

    Later changes may be known only in part, so nothing is concluded from them. `refusal` is the
    cluster's message why no pod could be made, if there is one. `parts` has each watched part by
    the plural of its resource, None if it is missing. `is_lacking`: an unreadable part is missing.
    """

    root: Json
    pods: Sequence[Json]
    known_until: datetime
    refusal: str | None = None
    parts: Mapping[str, Json | None] = field(default_factory=dict)
    is_lacking: bool = False


def _no_watched(options: PodOptions) -> Sequence[Watched]:
    return ()


def _no_parts(root: Json) -> Iterable[tuple[Resource, str]]:
    return ()


@dataclass(frozen=True)
class Kind(Generic[SpecT, FactT]):
    """One kind of work in a cluster. All functions are pure."""

    component: str
    """The value of the label that tells its objects from those of other kinds."""
    root: Resource
    """The object that carries the name; the others belong to it."""
    parts: tuple[Resource, ...]
    manifests: Callable[[SpecT, PodOptions], Manifests]
    """Builds the objects of a spec. Raises ValueError if they can never be made."""
    pod_label: str
    """The label of a pod that holds the name of its root."""
    keep_root: Callable[[Json], Json]
    """The parts of a root that the watch cache stores; there are thousands of roots."""
    observe: Callable[[Seen, PodOptions], FactT]
    is_mutable: bool = False
    """Whether applying a spec changes an existing object. Then each object carries what was applied
    (see `drift.py`)."""
    watched: Callable[[PodOptions], Sequence[Watched]] = _no_watched
    """Parts that are watched; the others are immutable, or cannot be read."""
    unreadable: Callable[[Json], Iterable[tuple[Resource, str]]] = _no_parts
    """The parts of a root that the hub may not read, by resource and name."""
    is_refused_by_events: bool = False
    """Whether only events say why no pod could be made; otherwise the root's status does."""

    def root_of(self, pod: Json) -> str:
        """The name of the root that a pod belongs to; empty if it has none."""
        return (pod["metadata"].get("labels") or {}).get(self.pod_label, "")

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All resources that the hub uses for this kind."""
        return (self.root, *self.parts, CONFIG_MAPS, PODS, POD_LOGS, EVENTS)
