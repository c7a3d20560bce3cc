"""An informer: lists and watches all our objects of one resource, in a watch cache.

It works on levels: the cache matters, not the events. Many events of one object between two
reads count as one change. No answer of the server ends the informer: it retries with back-off.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ..outcomes import EngineUnavailable
from .changes import Changes
from .client import Api, Refused, Unavailable

logger = logging.getLogger(__name__)

Json = dict[str, Any]

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 6.0
SHORTEST_WATCH_S = 1.0
RELIST_AFTER_S = 300.0
"""Everything is listed this often, because a watch can lose events without an error."""
KNOWN_LATE = timedelta(seconds=1)
"""An event is delivered within this time if the connection works."""
SOON_S = 30.0
"""If a list is needed again within this time after the last one, the informer pauses first."""
GONE = 410


class _Expired(Exception):
    """The version that we watch from is too old for the server: list again."""


class Informer(threading.Thread):
    """The watch cache, in groups: `group` gives the name of the group of an object.

    `keep` selects the parts of an object that the cache stores. The name of each changed group is
    put into `changes`, and each full list is noted there.
    """

    def __init__(
        self,
        name: str,
        api: Api,
        *,
        path: Callable[[], str],
        selector: str,
        group: Callable[[Json], str],
        keep: Callable[[Json], Json],
        changes: Changes,
        is_root: bool,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.known_until: datetime | None = None
        """Every change before this time is in the cache; None before the first list."""
        self._api = api
        self._path = path
        self._query = {"labelSelector": selector}
        self._group = group
        self._keep = keep
        self._changes = changes
        self._is_root = is_root
        self._groups: dict[str, dict[str, Json]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._failures = 0
        self._version: str | None = None
        self._list_tried_at = -SOON_S

    def groups(self) -> list[str]:
        with self._lock:
            return list(self._groups)

    def of(self, group: str) -> list[Json]:
        """The objects of this group."""
        with self._lock:
            return list(self._groups.get(group, {}).values())

    def stop(self) -> None:
        """End it soon. A call in progress ends by itself, or with the process."""
        self._stopping.set()

    def run(self) -> None:
        relist_at = 0.0
        while not self._stopping.is_set():
            try:
                if self._version is None or time.monotonic() > relist_at:
                    self._version = self._list()
                    relist_at = time.monotonic() + RELIST_AFTER_S
                self._watch()
            except _Expired:
                self._version = None
                # This is usual after an outage, but it may happen again and again.
                if time.monotonic() - self._list_tried_at < SOON_S:
                    self._pause("the version watched from has expired", is_quiet=True)
            except (Refused, EngineUnavailable) as error:
                self._pause(str(error))
            except Exception:
                logger.exception("a watch failed in an unforeseen way; it begins anew")
                self._version = None
                self._pause("an unforeseen failure")

    def _list(self) -> str:
        """List all objects into the cache; returns the version from which to watch."""
        asked_at = timezone.now()
        is_soon = time.monotonic() - self._list_tried_at < SOON_S
        self._list_tried_at = time.monotonic()
        found: dict[str, dict[str, Json]] = {}
        version = ""
        try:
            for page in self._api.pages(self._path(), **self._query):
                version = page["metadata"]["resourceVersion"]
                for item in page.get("items") or []:
                    group = found.setdefault(self._group(item), {})
                    group[item["metadata"]["name"]] = self._keep(item)
        except Refused as error:
            raise _expired(error) from error
        if not is_soon:
            self._failures = 0  # the server is back
        with self._lock:
            before, self._groups = self._groups, found
            self.known_until = asked_at
        for group in before.keys() | found.keys():
            if before.get(group) != found.get(group):
                self._changes.add(group, is_root=self._is_root)
        self._changes.add_list()
        return version

    def _watch(self) -> None:
        """Follow one watch to its end."""
        began, asked_at = time.monotonic(), timezone.now()
        query = {"resourceVersion": self._version, "allowWatchBookmarks": "true", **self._query}
        try:
            for event in self._api.events(self._path(), **query):
                self._apply(event)
                if time.monotonic() - began >= SHORTEST_WATCH_S:
                    self._failures = 0
                if self._stopping.is_set():
                    return
        except Refused as error:
            raise _expired(error) from error
        # Also after a watch without events: a server that ends watches at once needs a pause.
        if time.monotonic() - began < SHORTEST_WATCH_S:
            raise Unavailable("the API server ended a watch at once")
        self._failures = 0
        self.known_until = max(asked_at, timezone.now() - KNOWN_LATE)

    def _apply(self, event: Json) -> None:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            if item.get("code") == GONE:
                raise _Expired
            raise Unavailable(f"the watch failed: {item.get('message') or item.get('reason')}")
        metadata = item.get("metadata") or {}
        name = metadata.get("name")
        if name and kind in ("ADDED", "MODIFIED", "DELETED"):
            group = self._group(item)
            kept = None if kind == "DELETED" else self._keep(item)
            with self._lock:
                members = self._groups.setdefault(group, {})
                is_change = members.get(name) != kept
                if kept is None:
                    members.pop(name, None)
                else:
                    members[name] = kept
                if not members:
                    del self._groups[group]
            if is_change:
                self._changes.add(group, is_root=self._is_root)
        self._version = metadata.get("resourceVersion") or self._version

    def _pause(self, why: str, *, is_quiet: bool = False) -> None:
        self._failures += 1
        if not is_quiet and (self._failures in (1, 4) or self._failures % 20 == 0):
            logger.warning("%s: %s; trying again", self.name, why)
        seconds = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures - 1, 8))
        self._stopping.wait(seconds * random.uniform(1, 1.25))  # noqa: S311


def _expired(error: Refused) -> Exception:
    """410 says that a version, or the token of a list's next page, is too old."""
    return _Expired() if error.status == GONE else error
