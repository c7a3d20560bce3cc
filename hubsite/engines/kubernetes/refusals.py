"""Reads from events why a Job has no pod: the cluster reports such refusals nowhere else.

Events are read rarely, and only for Jobs that had no pod for some seconds. The follower does not
wait for them: to find a Job's events the API server looks through all of a namespace, which takes
hundreds of milliseconds if thousands of pods change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from ..outcomes import EngineUnavailable
from .client import Api, Refused
from .reading import time_of

logger = logging.getLogger(__name__)

Json = dict[str, Any]

WITHOUT_POD_S = 5.0
ASK_AGAIN_S = 30.0
MOST_AT_ONCE = 5
CREATED = "SuccessfulCreate"


def in_background(do: Callable[[], None]) -> None:
    """Run `do` in a thread, which does not keep the process alive."""
    threading.Thread(target=do, name="refusals", daemon=True).start()


class Refusals:
    """The newest refusal of each Job that lacks a pod."""

    def __init__(
        self,
        api: Api,
        *,
        path: Callable[[], str],
        run: Callable[[Callable[[], None]], None] = in_background,
    ) -> None:
        self._api = api
        self._path = path
        self._run = run
        self._is_reading = False
        self._known: dict[str, tuple[float, str | None]] = {}

    def of(self, name: str) -> str | None:
        return self._known.get(name, (0.0, None))[1]

    def refresh(self, jobs: Iterable[Json]) -> None:
        """Read events of some of `jobs`, which have no pod; forget refusals of other Jobs.

        `of` knows what was read at one of the next calls.
        """
        old = timezone.now() - timedelta(seconds=WITHOUT_POD_S)
        lacking = {
            job["metadata"]["name"]
            for job in jobs
            if (born := time_of(job["metadata"]["creationTimestamp"])) and born < old
        }
        self._known = {name: known for name, known in self._known.items() if name in lacking}
        due = time.monotonic() - ASK_AGAIN_S
        waiting = sorted(
            (self._known.get(name, (0.0, None))[0], name)
            for name in lacking
            if self._known.get(name, (0.0, None))[0] < due
        )
        names = [name for _, name in waiting[:MOST_AT_ONCE]]
        if names and not self._is_reading:
            self._is_reading = True
            self._run(lambda: self._read(names))

    def _read(self, names: Iterable[str]) -> None:
        try:
            for name in names:
                self._known[name] = (time.monotonic(), self._ask(name))
        finally:
            self._is_reading = False

    def _ask(self, name: str) -> str | None:
        selector = f"involvedObject.kind=Job,involvedObject.name={name}"
        try:
            events = self._api.get(self._path(), fieldSelector=selector, limit=50)["items"]
        except (Refused, EngineUnavailable) as error:
            logger.warning("the events of %s cannot be had: %s", name, error)
            return None
        return newest_refusal(events)


def newest_refusal(events: Iterable[Json]) -> str | None:
    """The message why no pod could be made; None if one was made since."""
    told = [event for event in events if event.get("reason") in ("FailedCreate", CREATED)]
    newest = max(told, key=_when, default=None)
    if newest is None or newest["reason"] == CREATED:
        return None
    return newest.get("message")


def _when(event: Json) -> tuple[str, bool]:
    at = event.get("lastTimestamp") or event.get("eventTime") or ""
    return at, event["reason"] == CREATED
