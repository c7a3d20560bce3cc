"""An instance that answers tiles from memory, and a hub that allows everything, in one process.

    python -m tests.benchmarks.edge_standins SOCKET INSTANCE_PORT HUB_PORT

The instance is quicker than any xcube server, so that what the edge adds is seen. It answers on
the unix socket and on the port alike.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

TILE = bytes(range(256)) * 80  # 20 kB, as a tile of 256 x 256 pixels has
LARGE = b"x" * (1 << 20)


async def instance(request: web.BaseRequest) -> web.Response:
    body = LARGE if request.path.startswith("/large") else TILE
    return web.Response(body=body, content_type="image/png")


async def hub(request: web.BaseRequest) -> web.Response:
    if request.path.endswith("/report"):
        return web.json_response({"ended": [], "stopped": []})
    asked = await request.json()
    return web.json_response(
        {
            "allow": True,
            "grant": "g",
            "instance": asked["instance"],
            "state": "READY",
            "address": f"unix:{sys.argv[1]}",
            "cache_s": 60,
        }
    )


async def main(socket: str, instance_port: str, hub_port: str) -> None:
    tiles = web.ServerRunner(web.Server(instance, access_log=None))
    decisions = web.ServerRunner(web.Server(hub, access_log=None))
    await tiles.setup()
    await decisions.setup()
    await web.UnixSite(tiles, socket).start()
    await web.TCPSite(tiles, "127.0.0.1", int(instance_port)).start()
    await web.TCPSite(decisions, "127.0.0.1", int(hub_port)).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
