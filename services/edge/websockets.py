"""Passes a WebSocket on to an instance, message by message, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from .answers import Refused
from .calls import Calls
from .headers import to_instance
from .limits import LIMITS, Limits
from .places import Place
from .proxying import BAD_ANSWER, NotReached, break_off
from .targets import Target
from .upstreams import Upstream

_CLOSE_S = 2.0
_MOST_PROTOCOLS = 10
_RIGHT_ENDED = (WSCloseCode.POLICY_VIOLATION, b"Your right to use this service has ended.")
_STOPPING = (WSCloseCode.SERVICE_RESTART, b"The hub restarts; connect again.")


def is_websocket(request: web.BaseRequest) -> bool:
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def check_handshake(
    request: web.BaseRequest, place: Place, *, is_from_anywhere: bool = False
) -> None:
    """Raises Refused if this is no handshake, or if a page of another origin opens it.

    Browsers send cookies with WebSockets to anywhere, and let any page read what comes. Who has
    the key of a URL may use it from anywhere (`is_from_anywhere`): a browser never adds that.
    """
    origins = request.headers.getall("Origin", [])
    is_foreign = bool(origins) and [origin.lower() for origin in origins] != [place.origin]
    if is_foreign and not is_from_anywhere:
        raise Refused(
            status=403,
            title="Not from here",
            detail=f"Origin: a WebSocket may be opened by pages of {place.origin} only.",
        )
    if request.method != "GET" or request.can_read_body:
        raise Refused(status=400, title="No handshake", detail="A WebSocket begins with a GET.")
    check, protocols = web.WebSocketResponse().can_prepare(request), _protocols(request)
    if not check or len(protocols) > _MOST_PROTOCOLS:
        raise Refused(
            status=400, title="No handshake", detail="This is no handshake of a WebSocket."
        )


def _protocols(request: web.BaseRequest) -> list[str]:
    values = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


async def connect(
    request: web.BaseRequest,
    *,
    target: Target,
    place: Place,
    upstream: Upstream,
    peer: str,
    limits: Limits = LIMITS,
) -> aiohttp.ClientWebSocketResponse:
    """Open the WebSocket of the instance. Raises NotReached or Refused."""
    try:
        async with asyncio.timeout(limits.answer_s):
            return await upstream.session.ws_connect(
                upstream.url(target.raw_path, target.query),
                headers=to_instance(request.headers, place=place, peer=peer),
                protocols=_protocols(request),
                max_msg_size=limits.message_bytes,
                compress=0,
                heartbeat=limits.heartbeat_s,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
            )
    except aiohttp.WSServerHandshakeError as error:
        if 400 <= error.status < 500:
            raise Refused(
                status=error.status,
                title="No WebSocket here",
                detail="The service opens no WebSocket at this address.",
            ) from error
        raise Refused(BAD_ANSWER) from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotReached from error
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Refused(BAD_ANSWER) from error


async def pass_on(
    request: web.BaseRequest,
    instance: aiohttp.ClientWebSocketResponse,
    *,
    calls: Calls,
    is_stopping: Callable[[], bool],
    limits: Limits = LIMITS,
) -> web.WebSocketResponse:
    """Carry messages until one side closes. `calls` sees each of them.

    If it is cancelled, it closes both sides: because the right has ended, unless the edge stops.
    """
    client = web.WebSocketResponse(
        protocols=(instance.protocol,) if instance.protocol else (),
        heartbeat=limits.heartbeat_s,
        compress=False,
        max_msg_size=limits.message_bytes,
        timeout=_CLOSE_S,
    )
    await client.prepare(request)
    ways = [
        asyncio.create_task(_carry(client, instance, see=calls.asked, calls=calls, limits=limits)),
        asyncio.create_task(
            _carry(instance, client, see=calls.answered, calls=calls, limits=limits)
        ),
    ]
    how: tuple[int, bytes] | None = None
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        how = _how_it_ended(next(iter(done)))
    finally:
        code, reason = how or (_STOPPING if is_stopping() else _RIGHT_ENDED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await asyncio.gather(
            _close(client, code, reason), _close(instance, code, reason), return_exceptions=True
        )
        break_off(request)
    return client


def _how_it_ended(way: asyncio.Task[tuple[int, bytes]]) -> tuple[int, bytes]:
    if way.exception():
        return WSCloseCode.INTERNAL_ERROR, b""
    return way.result()


async def _carry(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    sink: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    *,
    see: Callable[[str], None],
    calls: Calls,
    limits: Limits,
) -> tuple[int, bytes]:
    """Carry messages one way, each text shown to `see`.

    Returns the code and reason by which the source closed.
    """
    while True:
        message = await source.receive()
        if message.type is WSMsgType.TEXT:
            see(message.data)
            async with asyncio.timeout(limits.stall_s):
                await sink.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            calls.passed()
            async with asyncio.timeout(limits.stall_s):
                await sink.send_bytes(message.data)
        elif message.type is WSMsgType.CLOSE:
            return _sendable(message.data), (message.extra or "").encode()[:120]
        else:
            code = source.close_code
            return _sendable(code), b""


def _sendable(code: int | None) -> int:
    """Codes that say that there was none must not be sent (RFC 6455, 7.4.1)."""
    if code is None or code in (1005, 1006, 1015) or not 1000 <= code <= 4999:
        return WSCloseCode.GOING_AWAY
    return code


async def _close(
    side: web.WebSocketResponse | aiohttp.ClientWebSocketResponse, code: int, reason: bytes
) -> None:
    """Close this side. It may be stuck with what it did not take, so the wait is bounded."""
    async with asyncio.timeout(_CLOSE_S + 1):
        await side.close(code=code, message=reason)
