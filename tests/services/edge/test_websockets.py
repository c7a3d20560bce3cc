"""WebSockets pass the edge; other origins, ended rights and stalled clients do not keep them."""

from __future__ import annotations

from aiohttp import WSMsgType

from .world import run, until, world


def test_messages_pass_both_ways_with_protocol_and_close_code():
    async def test():
        async with world() as w, w.websocket(protocols=("chat", "other")) as socket:
            assert socket.protocol == "chat"
            for text in ("", "ä" * 1000, "x" * 1_000_000):
                await socket.send_str(text)
                assert await socket.receive_str() == text
            await socket.send_bytes(bytes(range(256)))
            assert await socket.receive_bytes() == bytes(range(256))
            await socket.send_str("close")
            message = await socket.receive()
            assert (message.type, message.data, message.extra) == (
                WSMsgType.CLOSE,
                4321,
                "as asked",
            )
            await until(lambda: not w.edge.usage.counts()["websockets"])

    run(test())
