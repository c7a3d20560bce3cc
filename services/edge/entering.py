"""What the edge answers itself, below `/.xcube-hub/`: entering, the state of a service."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs

import aiohttp
from aiohttp import web

from .answers import Refused, json_response, redirect
from .credentials import Credential
from .decisions import Decisions
from .hub import Allowed
from .limits import LIMITS, Limits
from .places import Addresses, Place
from .proxying import BAD_ANSWER
from .refusals import refusal_of
from .targets import OWN, Target, is_relative
from .upstreams import Upstream, Upstreams

_VALUE = re.compile(r"[A-Za-z0-9_.~=-]{8,512}")
_PAUSE_S = 0.1


async def enter(
    target: Target,
    *,
    place: Place,
    addresses: Addresses,
    decisions: Decisions,
    entered: Callable[[Allowed], None],
) -> web.Response:
    """Exchange a ticket or a link for a cookie, and lead on to `next`.

    `entered` is called with the right. Raises Refused, and HubUnavailable.
    """
    credential, onward = _read_entry(target)
    decision = await decisions.decide(place.instance, credential)
    if not isinstance(decision, Allowed):
        raise Refused(refusal_of(decision))
    if not _VALUE.fullmatch(decision.session):
        raise Refused(BAD_ANSWER)
    entered(decision)
    response = redirect(place.path + onward)
    response.set_cookie(
        addresses.cookie,
        decision.session,
        max_age=decision.session_s,
        path=f"{place.path}/",
        httponly=True,
        secure=addresses.is_secure,
        samesite="Lax",
    )
    return response


def _read_entry(target: Target) -> tuple[Credential, str]:
    """The ticket or link, and where to go on. Raises Refused."""
    try:
        found = parse_qs(target.query, max_num_fields=10, errors="strict")
    except ValueError:
        found = {}
    onward = found.get("next", ["/"])[0]
    if not is_relative(onward):
        onward = "/"
    for kind in ("ticket", "link"):
        values = found.get(kind, [])
        if len(values) == 1 and _VALUE.fullmatch(values[0]):
            return Credential(kind, values[0]), onward  # type: ignore[arg-type]
    raise Refused(
        status=400,
        title="Not a complete link",
        detail="ticket: expected the ticket of the hub, or link: the secret of a shared link.",
    )


class States:
    """Says whether a service answers, as the waiting page asks. Asking wakes nothing."""

    def __init__(
        self, decisions: Decisions, upstreams: Upstreams, *, limits: Limits = LIMITS
    ) -> None:
        self._decisions = decisions
        self._upstreams = upstreams
        self._limits = limits
        self._probes: dict[str, asyncio.Task[bool]] = {}

    async def answer(self, credential: Credential, *, place: Place) -> web.Response:
        """Wait a while for the service. Raises Refused, and HubUnavailable."""
        give_up_at = time.monotonic() + self._limits.state_s
        afresh = True  # what was ready may be asleep now, and a connection would wake it
        while True:
            decision = await self._decisions.decide(
                place.instance, credential, wake=False, afresh=afresh
            )
            afresh = False
            if not isinstance(decision, Allowed):
                raise Refused(refusal_of(decision))
            is_awake = bool(decision.address) and decision.state != "ASLEEP"
            is_ready = is_awake and await self._probe(decision.address, place)
            if is_ready or not is_awake or time.monotonic() > give_up_at:
                told = {"state": decision.state, "is_ready": is_ready, "message": decision.message}
                if decision.messages:
                    told["messages"] = decision.messages
                return json_response(told)
            await asyncio.sleep(_PAUSE_S)

    def knock(self, address: str, place: Place) -> None:
        """Connect to a service that may be asleep, which wakes it; no one waits for its answer."""
        self._probing(address, place)

    async def _probe(self, address: str, place: Place) -> bool:
        """Whether something at the address speaks HTTP; one probe for all who ask."""
        return await asyncio.shield(self._probing(address, place))

    def _probing(self, address: str, place: Place) -> asyncio.Task[bool]:
        probe = self._probes.get(address)
        if probe is None:
            probe = asyncio.create_task(self._ask(self._upstreams.get(address), place))
            self._probes[address] = probe
            probe.add_done_callback(lambda done: self._probes.pop(address, None))
        return probe

    async def _ask(self, upstream: Upstream, place: Place) -> bool:
        try:
            async with (
                asyncio.timeout(self._limits.state_s),
                upstream.session.get(
                    upstream.url(f"{place.path}/", ""),
                    headers={"Host": place.host},
                    allow_redirects=False,
                ) as answer,
            ):
                return answer.status < 500
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    async def close(self) -> None:
        probes = list(self._probes.values())
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)


ENTER = f"/{OWN}/enter"
STATE = f"/{OWN}/state"
HEALTH = f"/{OWN}/health"
METRICS = f"/{OWN}/metrics"
