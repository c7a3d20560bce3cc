"""Takes each request apart, asks whether it may pass, and waits for a service that starts."""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass

from aiohttp import web

from . import pages, proxying, refusals, websockets
from .answers import NO_STORE, Refusal, Refused, json_response, page_response
from .authorizing import asks_for, read_asked
from .calls import Calls
from .credentials import BadAuthorization, Credential, find_credential
from .decisions import Decisions
from .entering import ENTER, HEALTH, METRICS, STATE, States, enter
from .headers import ALWAYS, preflight
from .hub import Allowed, HubUnavailable
from .keys import read_key
from .limits import LIMITS, Limits
from .places import Addresses, Place
from .proxying import NotReached, Upload
from .targets import BadTarget, Target, is_closed, is_own, kind_of_use, read_target
from .upstreams import Upstreams
from .usage import Exchange, TooMany, Usage
from .viewer_files import CONFIGURATION, PAGES, Starts, ViewerFiles
from .words import language_of

_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_SAFE = {"GET", "HEAD"}
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.4


class _Lost(Exception):
    """A service that runs gave no proper answer: it may have fallen asleep this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
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
        """Whether it may be given up, and asked once more."""
        return self.request.method in _SAFE and not self.is_websocket

    @property
    def peer(self) -> str:
        return self.request.remote or "unknown"

    @property
    def use(self) -> str:
        if self.is_websocket:
            return "a WebSocket"
        return kind_of_use(self.target, is_page=self.is_page)


class Edge:
    """Handles the requests of all instances."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        decisions: Decisions,
        usage: Usage,
        upstreams: Upstreams,
        secret: str,
        viewer_files: ViewerFiles | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._addresses = addresses
        self._decisions = decisions
        self._usage = usage
        self._upstreams = upstreams
        self._secret = secret
        self._limits = limits
        self._viewer_files = viewer_files or ViewerFiles(None)
        self._starts = Starts(limits=limits)
        self.states = States(decisions, upstreams, limits=limits)
        self.handled = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.handled += 1
        is_page = _is_page(request)
        language = _language(request)
        try:
            return await self._answer(request, is_page)
        except Refused as error:
            response = error.refusal.response(is_page=is_page, language=language)
        except HubUnavailable:
            response = refusals.HUB_AWAY.response(is_page=is_page, language=language)
        except BadTarget as error:
            response = Refusal(
                status=400, title="Not a proper address", detail=f"{error}.", closes=True
            ).response(is_page=is_page, language=language)
        if request.headers.get("Upgrade") is not None or not request.content.is_eof():
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest, is_page: bool) -> web.StreamResponse:
        if request.method not in _METHODS:
            raise Refused(refusals.NOT_ALLOWED)
        target = read_target(request.raw_path)
        if target.raw_path == HEALTH:
            return json_response({"status": "ok"})
        if target.raw_path == METRICS:
            return self._metrics(request)
        if asks_for(target):
            return await self._authorize(request, *read_asked(target, request.headers))
        place = self._addresses.find(request.headers.get("Host", ""), target.raw_path)
        if place is None:
            raise Refused(refusals.NO_PLACE)
        keyed = read_key(target, place)
        if keyed is not None:
            target = keyed[1]
        if is_closed(target, place.instance):
            raise Refused(refusals.CLOSED)
        if place.path and target.raw_path == place.path and request.method in _SAFE:
            return _redirect(f"{place.path}/" + (f"?{target.query}" if target.query else ""))
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204, headers=preflight(request.headers))
        if is_own(target, place.instance):
            if keyed is not None:
                raise Refused(refusals.CLOSED)
            return await self._own(request, target, place)
        is_websocket = websockets.is_websocket(request)
        if is_websocket:
            websockets.check_handshake(request, place, is_from_anywhere=keyed is not None)
        call = _Call(
            request=request,
            target=target,
            place=place,
            credential=keyed[0] if keyed else self._credential(request, place),
            upload=Upload(request, limits=self._limits),
            is_page=is_page and not is_websocket,
            is_websocket=is_websocket,
        )
        return await self._let_pass(call)

    def _credential(self, request: web.BaseRequest, place: Place) -> Credential:
        try:
            return find_credential(request.headers, place=place, cookie=self._addresses.cookie)
        except BadAuthorization as error:
            raise Refused(refusals.BAD_TOKEN) from error

    async def _authorize(
        self, request: web.BaseRequest, host: str, target: Target
    ) -> web.StreamResponse:
        """Tell a gateway whether this request may pass; it counts as a use of the instance."""
        place = self._addresses.find(host, target.raw_path)
        if place is None:
            raise Refused(refusals.NO_PLACE)
        if is_closed(target, place.instance) or is_own(target, place.instance):
            raise Refused(refusals.CLOSED)
        call = _Call(
            request=request,
            target=target,
            place=place,
            credential=self._credential(request, place),
            upload=Upload(request, limits=self._limits),
            is_page=_is_page(request),
            is_websocket=False,
        )
        decision = await self._decide(call)
        if not isinstance(decision, Allowed):
            return decision
        self._usage.note(place.instance, call.use)
        if not decision.is_ready:
            return self._not_yet(call)
        return web.Response(status=200, headers={"Cache-Control": NO_STORE})

    async def _own(
        self, request: web.BaseRequest, target: Target, place: Place
    ) -> web.StreamResponse:
        """What the edge answers itself below the path of an instance."""
        path = target.raw_path.removeprefix(place.path)
        if request.method == "GET" and path == ENTER:
            return await enter(
                target, place=place, addresses=self._addresses, decisions=self._decisions
            )
        if request.method == "GET" and path == STATE:
            return await self.states.answer(self._credential(request, place), place=place)
        raise Refused(refusals.CLOSED)

    def _metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        """Counts for operators, by the secret that edge and hub share."""
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Edge {self._secret}".encode()):
            raise Refused(refusals.CLOSED)
        counts = {
            "handled_total": self.handled,
            "decisions_asked_total": self._decisions.asked,
            "decisions_remembered": len(self._decisions),
            "pools": len(self._upstreams),
            "viewer_files_total": self._viewer_files.sent,
            **{f"open_{name}": count for name, count in self._usage.counts().items()},
        }
        text = "".join(f"xcube_hub_edge_{name} {count}\n" for name, count in counts.items())
        return web.Response(text=text, headers={"Cache-Control": NO_STORE})

    async def _let_pass(self, call: _Call) -> web.StreamResponse:
        """Ask the hub, open the request, and wait for the service if it starts."""
        decision = await self._decide(call)
        if not isinstance(decision, Allowed):
            return decision
        try:
            exchange = self._usage.open(
                instance=call.place.instance,
                grant=decision.grant,
                by=call.use,
                is_websocket=call.is_websocket,
            )
        except TooMany as error:
            many = refusals.TOO_MANY_OF_YOURS if error.by_grant else refusals.TOO_MANY
            raise Refused(many) from error
        try:
            return await self._with_patience(call, decision, exchange)
        except asyncio.CancelledError:
            if not exchange.ended_by:
                raise  # the client has gone
            exchange.task.uncancel()
            if call.request.writer.output_size > 0:
                proxying.break_off(call.request)
                raise ConnectionResetError("its right has ended") from None
            ended = refusals.RIGHT_ENDED if exchange.ended_by == "right" else refusals.STOPPING
            raise Refused(ended) from None
        finally:
            self._usage.close(exchange)

    async def _decide(self, call: _Call, *, afresh: bool = False) -> Allowed | web.StreamResponse:
        """The right to pass, or the way to the hub's sign-in. Raises Refused, HubUnavailable."""
        decision = await self._decisions.decide(
            call.place.instance,
            call.credential,
            used_at=self._usage.used_at(call.place.instance),
            afresh=afresh,
        )
        if isinstance(decision, Allowed):
            return decision
        has_token = call.credential.kind == "bearer"
        if decision.why == "sign_in" and decision.location and call.is_page and not has_token:
            onward = call.target.raw_path.removeprefix(call.place.path)
            onward += f"?{call.target.query}" if call.target.query else ""
            return _redirect(refusals.sign_in_url(decision.location, onward))
        raise Refused(refusals.refusal_of(decision))

    async def _with_patience(
        self, call: _Call, decision: Allowed, exchange: Exchange
    ) -> web.StreamResponse:
        """Pass the request on as soon as the instance takes it."""
        patience_s = self._limits.page_wait_s if call.is_page else self._limits.hold_s
        give_up_at = time.monotonic() + patience_s
        if decision.is_ready:
            self._starts.is_ready(call.place.instance)
        elif (found := await self._program(call, decision)) is not None:
            return found
        is_missed = is_lost = False
        pause = _FIRST_PAUSE_S
        while True:
            if decision.address:
                is_starting = is_missed or not decision.is_ready
                try:
                    found = await self._try(call, decision, exchange, give_up_at, is_starting)
                except _Lost as error:
                    if is_lost:
                        raise Refused(proxying.BAD_ANSWER) from error
                    is_lost = True
                else:
                    if found is not None:
                        return found
                    is_missed = True
            if time.monotonic() + pause > give_up_at:
                return self._not_yet(call)
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_S)
            answer = await self._decide(call, afresh=decision.is_ready)
            if not isinstance(answer, Allowed):
                return answer
            decision = answer

    async def _program(self, call: _Call, decision: Allowed) -> web.Response | None:
        """A file of the viewer's program, at once; None if the instance must answer itself.

        Who has waited for a second, or waits for a free place, sees the waiting page.
        """
        if not decision.has_published_viewer or call.is_websocket or call.request.method != "GET":
            return None
        base, path = call.place.path, call.target.raw_path.removeprefix(call.place.path)
        is_page = path in PAGES
        if is_page and not call.is_page:
            return None
        has_no_place = decision.state == "REQUESTED" and bool(decision.message)
        if is_page and (has_no_place or not self._starts.is_new(call.place.instance)):
            return None
        file = await self._viewer_files.find(path, call.request.headers)
        if file is None:
            return None
        if is_page:
            response = file.page(state_path=base + STATE, config_path=base + CONFIGURATION)
        else:
            response = file.response()
        if response is not None:
            self._viewer_files.sent += 1
            if is_page and decision.address:
                self.states.knock(decision.address, call.place)
        return response

    async def _try(
        self,
        call: _Call,
        decision: Allowed,
        exchange: Exchange,
        give_up_at: float,
        is_starting: bool,
    ) -> web.StreamResponse | None:
        """Pass the request on; None if the instance is not there yet. Raises _Lost, Refused."""
        upstream = self._upstreams.get(decision.address)
        upstream.users += 1
        may_give_up = is_starting and call.is_safe
        try:
            async with asyncio.timeout_at(
                _loop_time(give_up_at) if may_give_up else None
            ) as patience:
                options = {
                    "target": call.target,
                    "place": call.place,
                    "upstream": upstream,
                    "peer": call.peer,
                    "limits": self._limits,
                }
                if call.is_websocket:
                    socket = await websockets.connect(call.request, **options)
                else:
                    answer = await proxying.ask(call.request, call.upload, **options)
                patience.reschedule(None)
            if call.is_websocket:
                return await websockets.pass_on(
                    call.request,
                    socket,
                    calls=Calls(
                        note=lambda: self._usage.note(call.place.instance, call.use),
                        hold=lambda is_held: self._usage.hold(exchange, is_held),
                    ),
                    is_stopping=lambda: exchange.ended_by == "stop",
                    limits=self._limits,
                )
            try:
                return await proxying.pass_back(call.request, answer, limits=self._limits)
            finally:
                answer.close()
        except NotReached:
            return None
        except TimeoutError:
            return None
        except Refused as error:
            if error.refusal is proxying.BAD_ANSWER and call.is_safe:
                if is_starting:
                    return None
                raise _Lost from error
            raise
        finally:
            upstream.users -= 1

    def _not_yet(self, call: _Call) -> web.StreamResponse:
        """The service does not answer in time: a page that waits, or 503."""
        if not call.is_page or call.request.method == "HEAD":
            raise Refused(refusals.STARTING)
        return page_response(
            pages.waiting(state_path=f"{call.place.path}{STATE}", language=_language(call.request)),
            status=503,
            headers={**ALWAYS, "Cache-Control": NO_STORE, "Retry-After": "2"},
        )


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()


def _is_page(request: web.BaseRequest) -> bool:
    """Whether a person will look at the answer: a browser opens it as a page."""
    if request.method not in _SAFE:
        return False
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in request.headers.get("Accept", "")


def _language(request: web.BaseRequest) -> str:
    return language_of(request.headers.get("Accept-Language", ""))


def _redirect(location: str) -> web.Response:
    return web.Response(
        status=303,
        headers={
            "Location": location,
            "Cache-Control": NO_STORE,
            "Referrer-Policy": "no-referrer",
        },
    )
