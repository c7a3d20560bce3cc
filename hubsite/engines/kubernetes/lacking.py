"""Finds out which objects lack a part that the hub may not read, such as a Secret.

The hub's Role does not allow to read Secrets. A dry run to create one of the same name, without
any content, creates nothing, and its answer says whether it exists.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ..outcomes import EngineUnavailable
from .client import Refused
from .cluster import Cluster
from .kinds import Kind, Resource
from .reading import time_of

logger = logging.getLogger(__name__)

Json = dict[str, Any]

EVERY_S = 4.0
YOUNG = timedelta(seconds=4)
"""A root that is younger may still get its parts by the call that made it."""
PAUSE_S = 0.002
"""Between two questions, so that hundreds of objects do not come as a burst."""


class Lacking(threading.Thread):
    """Asks again and again for the unreadable parts of all roots; `has` says who lacks one."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        *,
        roots: Callable[[], Iterable[Json]],
        changed: Callable[[str], None],
    ) -> None:
        super().__init__(name=f"parts of {kind.root.plural}", daemon=True)
        self._cluster = cluster
        self._kind = kind
        self._roots = roots
        self._changed = changed
        self._missing: dict[str, frozenset[str]] = {}
        self._stopping = threading.Event()

    def has(self, root: Json) -> bool:
        """Whether the object lacks a part, as far as is known.

        A part that was asked for is of no interest if the root needs another one since.
        """
        missing = self._missing.get(root["metadata"]["name"])
        return bool(missing) and any(name in missing for _, name in self._kind.unreadable(root))

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.look()
            except EngineUnavailable as error:
                logger.debug("parts cannot be asked for now: %s", error)
            except Exception:
                logger.exception("a look at parts failed in an unforeseen way; it is repeated")

    def look(self) -> None:
        """Ask for the parts of all roots once. Raises EngineUnavailable."""
        roots = {root["metadata"]["name"]: root for root in self._roots()}
        for name in self._missing.keys() - roots.keys():
            del self._missing[name]
        for name, parts in self._wanted(roots):
            if self._stopping.wait(PAUSE_S):
                return
            missing = frozenset(
                part for resource, part in parts if not self._exists(resource, part)
            )
            if missing != self._missing.get(name, frozenset()):
                self._missing[name] = missing
                self._changed(name)

    def _wanted(
        self, roots: Mapping[str, Json]
    ) -> Iterator[tuple[str, list[tuple[Resource, str]]]]:
        old = timezone.now() - YOUNG
        for name, root in roots.items():
            born = time_of(root["metadata"].get("creationTimestamp"))
            if born and born < old and (parts := list(self._kind.unreadable(root))):
                yield name, parts

    def _exists(self, resource: Resource, name: str) -> bool:
        body = {"metadata": {"name": name}}
        try:
            self._cluster.api.try_create(self._cluster.path(resource), body)
        except Refused as refused:
            # 409: it exists. Another refusal, such as by a quota, does not say that it is missing.
            return refused.status != 404
        return False
