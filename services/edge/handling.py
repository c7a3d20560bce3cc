"""Takes each request apart: what the edge answers itself, what may not pass, what the gate gets."""

from __future__ import annotations

import hmac

from aiohttp import web

from . import refusals, websockets
from .answers import NO_STORE, Refusal, Refused, json_response, redirect
from .authorizing import asks_for, read_asked
from .credentials import BadAuthorization, Credential, find_credential
from .decisions import Decisions
from .entering import ENTER, HEALTH, METRICS, STATE, States, enter
from .gate import SAFE, Gate, Incoming
from .headers import preflight
from .hub import Allowed, HubUnavailable
from .keys import read_key
from .limits import LIMITS, Limits
from .places import Addresses, Place
from .proxying import Upload
from .targets import BadTarget, Target, is_closed, is_own, read_target
from .upstreams import Upstreams
from .usage import Usage
from .viewer_files import ViewerFiles
from .words import language_of

_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


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
        self.states = States(decisions, upstreams, limits=limits)
        self.gate = Gate(
            decisions=decisions,
            usage=usage,
            upstreams=upstreams,
            viewer_files=self._viewer_files,
            states=self.states,
            limits=limits,
        )
        self.handled = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.handled += 1
        is_page = _is_page(request)
        language = language_of(request.headers.get("Accept-Language", ""))
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
        if place.path and target.raw_path == place.path and request.method in SAFE:
            return redirect(f"{place.path}/" + (f"?{target.query}" if target.query else ""))
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204, headers=preflight(request.headers))
        if is_own(target, place.instance):
            if keyed is not None:
                raise Refused(refusals.CLOSED)
            return await self._own(request, target, place)
        is_websocket = websockets.is_websocket(request)
        if is_websocket:
            websockets.check_handshake(request, place, is_from_anywhere=keyed is not None)
        incoming = Incoming(
            request=request,
            target=target,
            place=place,
            credential=keyed[0] if keyed else self._credential(request, place),
            upload=Upload(request, limits=self._limits),
            is_page=is_page and not is_websocket,
            is_websocket=is_websocket,
        )
        return await self.gate.let_pass(incoming)

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
        incoming = Incoming(
            request=request,
            target=target,
            place=place,
            credential=self._credential(request, place),
            upload=Upload(request, limits=self._limits),
            is_page=_is_page(request),
            is_websocket=False,
        )
        decision = await self.gate.decide(incoming)
        if not isinstance(decision, Allowed):
            return decision
        self._usage.note(place.instance, incoming.use)
        if not decision.is_ready:
            return self.gate.not_yet(incoming)
        return web.Response(status=200, headers={"Cache-Control": NO_STORE})

    async def _own(
        self, request: web.BaseRequest, target: Target, place: Place
    ) -> web.StreamResponse:
        """What the edge answers itself below the path of an instance."""
        path = target.raw_path.removeprefix(place.path)
        if request.method == "GET" and path == ENTER:
            return await enter(
                target,
                place=place,
                addresses=self._addresses,
                decisions=self._decisions,
                entered=lambda right: self._entered(right, place),
            )
        if request.method == "GET" and path == STATE:
            return await self.states.answer(self._credential(request, place), place=place)
        raise Refused(refusals.CLOSED)

    def _entered(self, right: Allowed, place: Place) -> None:
        """The browser opens the page next: a service that sleeps wakes meanwhile."""
        self._usage.note(place.instance, "a page")
        if right.address and not right.is_ready:
            self.states.knock(right.address, place)

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


def _is_page(request: web.BaseRequest) -> bool:
    """Whether a person will look at the answer: a browser opens it as a page."""
    if request.method not in SAFE:
        return False
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    return "text/html" in request.headers.get("Accept", "")
