"""Lets requests pass: asks the hub, waits while the service starts, tries again if it sleeps."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from aiohttp import web

from . import pages, proxying, refusals, websockets
from .answers import NO_STORE, Refused, page_response, redirect
from .calls import Calls
from .credentials import Credential
from .decisions import Decisions
from .entering import STATE, States
from .headers import ALWAYS
from .hub import Allowed
from .limits import Limits
from .places import Place
from .proxying import NotReached, Upload
from .targets import Target, kind_of_use
from .upstreams import Upstreams
from .usage import Exchange, TooMany, Usage
from .viewer_files import CONFIGURATION, PAGES, Starts, ViewerFiles
from .words import language_of

SAFE = frozenset({"GET", "HEAD"})
"""Methods of requests that change nothing, so that one may be given up and sent again."""
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.4


class _Lost(Exception):
    """A service that runs gave no proper answer: it may have fallen asleep this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that wants to pass."""

    request: web.BaseRequest
    target: Target
    place: Place
    credential: Credential
    upload: Upload
    is_page: bool
    is_websocket: bool

    @property
    def is_safe(self) -> bool:
        """Whether the request may be abandoned here and sent once more."""
        return self.request.method in SAFE and not self.is_websocket

    @property
    def language(self) -> str:
        return language_of(self.request.headers.get("Accept-Language", ""))

    @property
    def peer(self) -> str:
        return self.request.remote or "unknown"

    @property
    def use(self) -> str:
        if self.is_websocket:
            return "a WebSocket"
        return kind_of_use(self.target, is_page=self.is_page)


class Gate:
    """Lets requests of all instances pass, each as soon as the hub and the instance allow it."""

    def __init__(
        self,
        *,
        decisions: Decisions,
        usage: Usage,
        upstreams: Upstreams,
        viewer_files: ViewerFiles,
        states: States,
        limits: Limits,
    ) -> None:
        self._decisions = decisions
        self._usage = usage
        self._upstreams = upstreams
        self._viewer_files = viewer_files
        self._states = states
        self._limits = limits
        self.starts = Starts(limits=limits)

    async def let_pass(self, incoming: Incoming) -> web.StreamResponse:
        """Ask the hub, open the request, and wait for the service if it starts."""
        decision = await self.decide(incoming)
        if not isinstance(decision, Allowed):
            return decision
        try:
            exchange = self._usage.open(
                instance=incoming.place.instance,
                grant=decision.grant,
                by=incoming.use,
                is_websocket=incoming.is_websocket,
            )
        except TooMany as error:
            many = refusals.TOO_MANY_OF_YOURS if error.by_grant else refusals.TOO_MANY
            raise Refused(many) from error
        try:
            return await self._with_patience(incoming, decision, exchange)
        except asyncio.CancelledError:
            if not exchange.ended_by:
                raise  # the client has gone
            exchange.task.uncancel()
            if incoming.request.writer.output_size > 0:
                proxying.break_off(incoming.request)
                raise ConnectionResetError("its right has ended") from None
            ended = refusals.RIGHT_ENDED if exchange.ended_by == "right" else refusals.STOPPING
            raise Refused(ended) from None
        finally:
            self._usage.close(exchange)

    async def decide(
        self, incoming: Incoming, *, afresh: bool = False
    ) -> Allowed | web.StreamResponse:
        """The right to pass, or the way to the hub's sign-in. Raises Refused, HubUnavailable."""
        decision = await self._decisions.decide(
            incoming.place.instance,
            incoming.credential,
            used_at=self._usage.used_at(incoming.place.instance),
            afresh=afresh,
        )
        if isinstance(decision, Allowed):
            return decision
        has_token = incoming.credential.kind == "bearer"
        if decision.why == "sign_in" and decision.location and incoming.is_page and not has_token:
            onward = incoming.target.raw_path.removeprefix(incoming.place.path)
            onward += f"?{incoming.target.query}" if incoming.target.query else ""
            return redirect(refusals.sign_in_url(decision.location, onward))
        raise Refused(refusals.refusal_of(decision))

    async def _with_patience(
        self, incoming: Incoming, decision: Allowed, exchange: Exchange
    ) -> web.StreamResponse:
        """Pass the request on as soon as the instance takes it."""
        patience_s = self._limits.page_wait_s if incoming.is_page else self._limits.hold_s
        give_up_at = time.monotonic() + patience_s
        if decision.is_ready:
            self.starts.is_ready(incoming.place.instance)
        elif (found := await self._program(incoming, decision)) is not None:
            return found
        is_missed = is_lost = False
        pause = _FIRST_PAUSE_S
        while True:
            if decision.address:
                is_starting = is_missed or not decision.is_ready
                try:
                    found = await self._try(
                        incoming, decision, exchange, give_up_at=give_up_at, is_starting=is_starting
                    )
                except _Lost as error:
                    if is_lost:
                        raise Refused(proxying.BAD_ANSWER) from error
                    is_lost = True
                else:
                    if found is not None:
                        return found
                    is_missed = True
            if time.monotonic() + pause > give_up_at:
                return self.not_yet(incoming)
            await asyncio.sleep(pause)
            pause = min(1.25 * pause, _LONGEST_PAUSE_S)
            answer = await self.decide(incoming, afresh=decision.is_ready)
            if not isinstance(answer, Allowed):
                return answer
            decision = answer

    async def _program(self, incoming: Incoming, decision: Allowed) -> web.Response | None:
        """A file of the viewer's program, at once; None if the instance must answer itself.

        Who has waited for a second, or waits for a free place, sees the waiting page.
        """
        if (
            not decision.has_published_viewer
            or incoming.is_websocket
            or incoming.request.method != "GET"
        ):
            return None
        base, path = incoming.place.path, incoming.target.raw_path.removeprefix(incoming.place.path)
        is_page = path in PAGES
        if is_page and not incoming.is_page:
            return None
        has_no_place = decision.state == "REQUESTED" and bool(decision.message)
        if is_page and (has_no_place or not self.starts.is_new(incoming.place.instance)):
            return None
        file = await self._viewer_files.find(path, incoming.request.headers)
        if file is None:
            return None
        if is_page:
            response = file.page(state_path=base + STATE, config_path=base + CONFIGURATION)
        else:
            response = file.response()
        if response is not None:
            self._viewer_files.sent += 1
            if is_page and decision.address:
                self._states.knock(decision.address, incoming.place)
        return response

    async def _try(
        self,
        incoming: Incoming,
        decision: Allowed,
        exchange: Exchange,
        *,
        give_up_at: float,
        is_starting: bool,
    ) -> web.StreamResponse | None:
        """Pass the request on; None if the instance is not there yet. Raises _Lost, Refused."""
        upstream = self._upstreams.get(decision.address)
        upstream.users += 1
        may_give_up = is_starting and incoming.is_safe
        try:
            async with asyncio.timeout_at(
                _loop_time(give_up_at) if may_give_up else None
            ) as patience:
                options = {
                    "target": incoming.target,
                    "place": incoming.place,
                    "upstream": upstream,
                    "peer": incoming.peer,
                    "limits": self._limits,
                }
                if incoming.is_websocket:
                    socket = await websockets.connect(incoming.request, **options)
                else:
                    answer = await proxying.ask(incoming.request, incoming.upload, **options)
                patience.reschedule(None)
            if incoming.is_websocket:
                return await websockets.pass_on(
                    incoming.request,
                    socket,
                    calls=Calls(
                        note=lambda: self._usage.note(incoming.place.instance, incoming.use),
                        hold=lambda is_held: self._usage.hold(exchange, is_held),
                    ),
                    is_stopping=lambda: exchange.ended_by == "stop",
                    limits=self._limits,
                )
            try:
                return await proxying.pass_back(incoming.request, answer, limits=self._limits)
            finally:
                answer.close()
        except NotReached:
            return None
        except TimeoutError:
            return None
        except Refused as error:
            if error.refusal is proxying.BAD_ANSWER and incoming.is_safe:
                if is_starting:
                    return None
                raise _Lost from error
            raise
        finally:
            upstream.users -= 1

    def not_yet(self, incoming: Incoming) -> web.StreamResponse:
        """The service does not answer in time: a page that waits, or 503."""
        if not incoming.is_page or incoming.request.method == "HEAD":
            raise Refused(refusals.STARTING)
        return page_response(
            pages.waiting(state_path=f"{incoming.place.path}{STATE}", language=incoming.language),
            status=503,
            headers={**ALWAYS, "Cache-Control": NO_STORE, "Retry-After": "2"},
        )


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()
