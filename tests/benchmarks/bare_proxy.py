"""The least that a proxy on aiohttp can do: pass each request on to one unix socket, and back.

    python -m tests.benchmarks.bare_proxy PORT SOCKET

It checks nothing and bounds nothing. It contains no code of the hub.
"""

from __future__ import annotations

import sys

from aiohttp import ClientSession, DummyCookieJar, UnixConnector, web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"}


def kept(headers):
    return [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]


async def proxy(request: web.Request) -> web.StreamResponse:
    session = request.app[SESSION]
    async with session.request(
        request.method,
        f"http://instance{request.raw_path}",
        headers=kept(request.headers),
        data=request.content if request.body_exists else None,
        allow_redirects=False,
    ) as answer:
        response = web.StreamResponse(status=answer.status, headers=kept(answer.headers))
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response


SESSION = web.AppKey("session", ClientSession)


async def application(socket: str) -> web.Application:
    app = web.Application()

    async def with_session(app: web.Application):
        connector = UnixConnector(socket, limit=0)
        async with ClientSession(
            connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False
        ) as app[SESSION]:
            yield

    app.cleanup_ctx.append(with_session)
    app.router.add_route("*", "/{path:.*}", proxy)
    return app


if __name__ == "__main__":
    web.run_app(application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=None)
