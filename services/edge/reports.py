"""Tells the hub every two seconds what was used, and hears which rights have ended."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from .decisions import Decisions
from .hub import Ended, Hub, HubUnavailable
from .limits import LIMITS, Limits
from .usage import Usage

log = logging.getLogger(__name__)

MOST_USES = 200
MOST_GRANTS = 400
MOST_PART_BYTES = 25_000
"""Of the uses, and of the rights, in one report: the hub takes bodies of 64 kB."""

T = TypeVar("T")


TELLS_EVERY_S = 8.0
"""An edge that nobody uses tells the hub so often that it is there."""


class Reports:
    def __init__(
        self, hub: Hub, decisions: Decisions, usage: Usage, *, limits: Limits = LIMITS
    ) -> None:
        self._hub = hub
        self._decisions = decisions
        self._usage = usage
        self._limits = limits
        self._told_at = float("-inf")
        self._confirmed: dict[str, float] = {}
        """When the hub confirmed the rights by which something is open."""

    async def run(self) -> None:
        """Report until cancelled; no fault ends it."""
        while True:
            began = time.monotonic()
            try:
                await self.report()
            except HubUnavailable:
                pass  # the client of the hub has logged it
            except Exception:
                log.exception("A report failed")
            self._decisions.forget_old()
            self._end_unconfirmed()
            await asyncio.sleep(max(0.1, began + self._limits.report_s - time.monotonic()))

    async def report(self) -> None:
        """Report once, in as many parts as needed. Raises HubUnavailable."""
        uses = self._usage.unreported()
        grants = sorted(self._decisions.grants() | self._usage.open_grants())
        use_parts, grant_parts = list(_parts(uses, MOST_USES)), list(_parts(grants, MOST_GRANTS))
        parts = max(len(use_parts), len(grant_parts))
        if time.monotonic() > self._told_at + TELLS_EVERY_S:
            parts = max(parts, 1)  # the hub's health shows whether an edge is there
        for number in range(parts):
            some_uses = use_parts[number] if number < len(use_parts) else []
            some_grants = grant_parts[number] if number < len(grant_parts) else []
            asked_at = time.monotonic()
            try:
                ended = await self._hub.report({"uses": some_uses, "grants": some_grants})
            except HubUnavailable:
                left = [use for part in use_parts[number:] for use in part]
                self._usage.not_reported(str(use["instance"]) for use in left)
                raise
            self._told_at = time.monotonic()
            self._heard(ended, some_grants, asked_at)

    def _heard(self, ended: Ended, asked: Sequence[str], asked_at: float) -> None:
        over, stopped = set(ended.grants), set(ended.instances)
        self._decisions.confirm(set(asked) - over, at=asked_at)
        for grant in set(asked) - over:
            self._confirmed[grant] = asked_at
        self._decisions.forget(instances=set(ended.asleep))
        if over or stopped:
            self._decisions.forget(grants=over, instances=stopped)
            count = self._usage.end(grants=over, instances=stopped)
            if count:
                log.info("%d open requests and WebSockets were ended with their right", count)

    def _end_unconfirmed(self) -> None:
        """A right that no one has confirmed for a minute is no right."""
        now = time.monotonic()
        opened = self._usage.open_grants()
        self._confirmed = {
            grant: self._confirmed.get(grant, now) for grant in opened | self._decisions.grants()
        }
        late = [grant for grant in opened if now > self._confirmed[grant] + self._limits.allow_s]
        if late:
            log.warning("The hub is away; what is open by %d rights is ended", len(late))
            self._decisions.forget(grants=set(late))
            self._usage.end(grants=late)


def _parts(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Parts of at most `most` values and MOST_PART_BYTES as JSON; none is empty."""
    part: list[T] = []
    size = 0
    for value in values:
        length = len(json.dumps(value)) + 2
        if part and (len(part) >= most or size + length > MOST_PART_BYTES):
            yield part
            part, size = [], 0
        part.append(value)
        size += length
    if part:
        yield part
