"""The hub's decisions, remembered: one question for each browser, instance and minute.

A right counts for at most `allow_s` after the hub confirmed it last, by a decision or by its answer
to a report. So browsers go on through a restart of web, and no further.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

from .credentials import Credential
from .hub import Allowed, Decision, Denied, Hub, HubUnavailable
from .limits import LIMITS, Limits

_STARTING_S = (0.1, 0.4)
"""How long an answer is remembered that says that the instance is not ready yet: a quarter of the
time since the first such answer, within these limits. Most starts take less than a second."""
_REFRESH_AT = 0.7
"""From this part of its time on, a decision is asked again beside the requests."""


@dataclass(slots=True)
class _Known:
    decision: Decision
    decided_at: float
    confirmed_at: float
    fresh_until: float
    may_wake: bool
    starting_since: float | None


_Key = tuple[str, str]


class Decisions:
    """Asks the hub at most once at a time for the same instance and credential."""

    def __init__(self, hub: Hub, *, limits: Limits = LIMITS) -> None:
        self._hub = hub
        self._limits = limits
        self._known: OrderedDict[_Key, _Known] = OrderedDict()
        self._asking: dict[tuple[_Key, bool], asyncio.Task[Decision]] = {}
        self.asked = 0

    def __len__(self) -> int:
        return len(self._known)

    async def decide(
        self,
        instance: str,
        credential: Credential,
        *,
        wake: bool = True,
        used_at: float = float("inf"),
        afresh: bool = False,
    ) -> Decision:
        """What the hub says. Raises HubUnavailable if no one can know.

        `used_at` is when the instance was used last (time.monotonic); `afresh` does not
        content itself with a remembered right.
        """
        key = (instance, credential.fingerprint())
        now = time.monotonic()
        known = self._known.get(key)
        if known and not afresh and (known.may_wake or not wake):
            is_used = now - used_at < self._limits.unused_s
            if now < known.fresh_until and (is_used or isinstance(known.decision, Denied)):
                self._refresh_early(key, credential, known, now, wake)
                return known.decision
            if self._hub.is_away and self._still_counts(known):
                self._task(key, credential, wake)
                return known.decision
        try:
            return await self._ask(key, credential, wake)
        except HubUnavailable:
            known = self._known.get(key)
            if known and self._still_counts(known):
                return known.decision
            raise

    def _still_counts(self, known: _Known) -> bool:
        return (
            isinstance(known.decision, Allowed)
            and time.monotonic() < known.confirmed_at + self._limits.allow_s
        )

    def _refresh_early(
        self, key: _Key, credential: Credential, known: _Known, now: float, wake: bool
    ) -> None:
        """Ask before the time is over, so that no request waits for it."""
        lifetime = known.fresh_until - known.decided_at
        is_due = now > known.decided_at + _REFRESH_AT * lifetime
        if isinstance(known.decision, Allowed) and known.decision.is_ready and is_due:
            self._task(key, credential, wake)

    async def _ask(self, key: _Key, credential: Credential, wake: bool) -> Decision:
        # Who leaves does not take the answer from those who wait for the same.
        return await asyncio.shield(self._task(key, credential, wake))

    def _task(self, key: _Key, credential: Credential, wake: bool) -> asyncio.Task[Decision]:
        task = self._asking.get((key, wake))
        if task is None:
            if len(self._asking) >= self._limits.deciding:
                raise HubUnavailable("too many questions wait for it")
            task = asyncio.create_task(self._ask_hub(key, credential, wake))
            self._asking[key, wake] = task
            task.add_done_callback(lambda done: self._asked(done, key, wake))
        return task

    def _asked(self, task: asyncio.Task[Decision], key: _Key, wake: bool) -> None:
        self._asking.pop((key, wake), None)
        if not task.cancelled():
            task.exception()  # seen, even if no one waits any more

    async def _ask_hub(self, key: _Key, credential: Credential, wake: bool) -> Decision:
        self.asked += 1
        asked_at = time.monotonic()
        decision = await self._hub.decide(
            {"instance": key[0], **credential.question(), "wake": wake}
        )
        if credential.kind not in ("ticket", "link"):
            self._remember(key, decision, asked_at, wake)
        elif isinstance(decision, Allowed) and decision.session:
            # It is the right of the session that the browser has got, and brings at once.
            session = Credential("session", decision.session).fingerprint()
            known = replace(decision, session="", session_s=0)
            self._remember((key[0], session), known, asked_at, wake)
        return decision

    def _remember(self, key: _Key, decision: Decision, asked_at: float, wake: bool) -> None:
        since: float | None = None
        match decision:
            case Denied():
                lifetime = self._limits.deny_s
            case Allowed(is_ready=True):
                lifetime = min(decision.cache_s, self._limits.allow_s)
            case _:
                known = self._known.get(key)
                since = known.starting_since if known else None
                since = asked_at if since is None else since
                shortest, longest = _STARTING_S
                lifetime = min(decision.cache_s, longest, max(shortest, (asked_at - since) / 4))
        fresh_until = asked_at + lifetime
        self._known[key] = _Known(decision, asked_at, asked_at, fresh_until, wake, since)
        self._known.move_to_end(key)
        while len(self._known) > self._limits.decisions:
            self._known.popitem(last=False)

    def grants(self) -> set[str]:
        """The rights that are remembered."""
        return {
            it.decision.grant for it in self._known.values() if isinstance(it.decision, Allowed)
        }

    def confirm(self, grants: set[str], *, at: float) -> None:
        """The hub knows these rights, and none of them has ended."""
        for known in self._known.values():
            if isinstance(known.decision, Allowed) and known.decision.grant in grants:
                known.confirmed_at = max(known.confirmed_at, at)

    def forget(self, *, grants: set[str] = frozenset(), instances: set[str] = frozenset()) -> None:
        """Forget what was decided about these."""
        for key, known in list(self._known.items()):
            decision = known.decision
            if key[0] in instances or isinstance(decision, Allowed) and decision.grant in grants:
                del self._known[key]

    def forget_old(self) -> None:
        """Forget what no one asked for any more; called at each report."""
        now = time.monotonic()
        for key, known in list(self._known.items()):
            keep_s = self._limits.allow_s if isinstance(known.decision, Allowed) else 0
            if now >= known.fresh_until + keep_s:
                del self._known[key]

    async def close(self) -> None:
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
