"""Passes one HTTP request on to an instance, and its answer back, as streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict

from .answers import Refusal, Refused
from .headers import to_browser, to_instance
from .limits import LIMITS, Limits
from .places import Place
from .targets import Target
from .upstreams import Upstream

_LOOK_AGAIN_S = 1.0


class NotReached(Exception):
    """The instance did not take the connection; nothing of the request was sent."""


class UploadFault(Exception):
    """The body that the client sends is too large, too slow or broken."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class Upload:
    """The body of a request, read piece by piece and only as fast as the instance takes it."""

    def __init__(self, request: web.BaseRequest, *, limits: Limits = LIMITS) -> None:
        """Raises Refused if the body is announced as too large, or in a way we do not know."""
        self._request = request
        self._limits = limits
        if not request.can_read_body:
            return
        if (request.content_length or 0) > limits.body_bytes:
            raise Refused(_too_large(limits))
        expected = request.headers.get(hdrs.EXPECT)
        if expected is not None and expected.lower() != "100-continue":
            raise Refused(
                status=417, title="Not understood", detail="Expect: only 100-continue is known"
            )

    async def pieces(self) -> AsyncIterator[bytes]:
        """Raises UploadFault."""
        request, limits = self._request, self._limits
        if request.headers.get(hdrs.EXPECT) is not None:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        ends_at = time.monotonic() + limits.upload_s
        size = 0
        while True:
            try:
                async with asyncio.timeout(min(limits.stall_s, ends_at - time.monotonic())):
                    piece = await request.content.readany()
            except TimeoutError as error:
                raise UploadFault(_too_slow()) from error
            except (web.RequestPayloadError, aiohttp.ClientPayloadError) as error:
                raise UploadFault(_broken()) from error
            if not piece:
                return
            size += len(piece)
            if size > limits.body_bytes:
                raise UploadFault(_too_large(limits))
            yield piece


def _too_large(limits: Limits) -> Refusal:
    return Refusal(
        status=413,
        title="Too large",
        detail=f"The body may have at most {limits.body_bytes} bytes.",
        closes=True,
    )


def _too_slow() -> Refusal:
    return Refusal(
        status=408, title="Too slow", detail="The body did not come in time.", closes=True
    )


def _broken() -> Refusal:
    return Refusal(
        status=400, title="Broken request", detail="The body is not well formed.", closes=True
    )


BAD_ANSWER = Refusal(
    status=502,
    title="The service gave no proper answer",
    detail="The service closed the connection, or its answer was malformed.",
    retry_s=5,
)
LATE_ANSWER = Refusal(
    status=504, title="The service took too long", detail="The service did not answer in time."
)


async def ask(
    request: web.BaseRequest,
    upload: Upload,
    *,
    target: Target,
    place: Place,
    upstream: Upstream,
    peer: str,
    limits: Limits = LIMITS,
) -> aiohttp.ClientResponse:
    """Send the request; returns the answer's head, its body still to come.

    Raises NotReached or Refused.
    """
    headers = to_instance(request.headers, place=place, peer=peer)
    fault: UploadFault | None = None

    async def body() -> AsyncIterator[bytes]:
        nonlocal fault
        try:
            async for piece in upload.pieces():
                yield piece
        except UploadFault as error:
            fault = error
            raise

    has_body = request.can_read_body
    if request.content_length is not None:
        headers[hdrs.CONTENT_LENGTH] = str(request.content_length)
    try:
        async with asyncio.timeout(limits.answer_s + (limits.upload_s if has_body else 0)):
            answer = await upstream.session.request(
                request.method,
                upstream.url(target.raw_path, target.query),
                headers=headers,
                data=body() if has_body else None,
                allow_redirects=False,
            )
    except UploadFault as error:
        raise Refused(error.refusal) from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise NotReached from error
    except TimeoutError as error:
        raise Refused(LATE_ANSWER) from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if fault:
            raise Refused(fault.refusal) from error
        raise Refused(BAD_ANSWER) from error
    if not _is_proper(answer):
        answer.close()
        raise Refused(BAD_ANSWER)
    return answer


def _is_proper(answer: aiohttp.ClientResponse) -> bool:
    """Whether the head can be passed on: the parser of answers is lenient."""
    size = sum(len(name) + len(value) for name, value in answer.raw_headers)
    return 200 <= answer.status <= 599 and size <= LIMITS.head_bytes


async def pass_back(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, *, limits: Limits = LIMITS
) -> web.StreamResponse:
    """Stream the answer to the client. If it breaks off, so does the client's connection."""
    headers = to_browser(answer.headers)
    response = web.StreamResponse(status=answer.status, headers=_framed(headers, answer))
    if not _is_whole(request):
        response.force_close()
    try:
        await response.prepare(request)
        writer = request.writer
        while piece := await _next_piece(answer, limits):
            await writer.write(piece, drain=False)
            if request.protocol.writing_paused:
                async with asyncio.timeout(limits.stall_s):
                    await writer.drain()
        async with asyncio.timeout(limits.stall_s):
            await response.write_eof()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        break_off(request)
        raise ConnectionResetError("the answer broke off") from error
    return response


async def _next_piece(answer: aiohttp.ClientResponse, limits: Limits) -> bytes:
    """The next part of the body; empty at its end.

    aiohttp 3.14 tells no one who reads a body that its parser has failed in the middle of it, so
    the connection is looked at now and then.
    """
    content = answer.content
    if piece := content.read_nowait(-1):
        return piece
    give_up_at = time.monotonic() + limits.answer_s
    while not content.at_eof():
        try:
            async with asyncio.timeout(_LOOK_AGAIN_S):
                return await content.readany()
        except TimeoutError:
            connection = answer.connection
            is_broken = connection is None or not connection.protocol.connected
            if (is_broken and not content.is_eof()) or time.monotonic() > give_up_at:
                raise aiohttp.ClientPayloadError("the instance sent no proper body") from None
    return b""


def _framed(headers: CIMultiDict[str], answer: aiohttp.ClientResponse) -> CIMultiDict[str]:
    """Say the length only if the parser of the answer has used it as well."""
    lengths = headers.popall(hdrs.CONTENT_LENGTH, [])
    is_chunked = hdrs.TRANSFER_ENCODING in answer.headers
    if len(set(lengths)) == 1 and lengths[0].isdecimal() and not is_chunked:
        headers[hdrs.CONTENT_LENGTH] = lengths[0]
    return headers


def _is_whole(request: web.BaseRequest) -> bool:
    """Whether the connection can be used again after this request."""
    return request.content.is_eof() or not request.can_read_body


def break_off(request: web.BaseRequest) -> None:
    """Drop the connection with what waits to be sent: the client sees that something is lacking."""
    if request.transport is not None:
        request.transport.abort()
