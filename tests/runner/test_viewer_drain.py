"""A viewer that ends answers what it has taken, whole, and waits for no connection that is idle."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.xcube

CHECKOUT = Path(__file__).resolve().parents[2]

DRAINS = """
import asyncio, socket
import tornado.iostream, tornado.web
from jobs.runner.viewers.connections import DrainingServer

LARGE = b"x" * (16 << 20)
ASK = b"GET /%s HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n"
LONG_S = 300
may_answer = asyncio.Event()


class Handler(tornado.web.RequestHandler):
    async def get(self, what):
        if what == "later":
            await may_answer.wait()
        self.write(LARGE if what == "large" else what)


def made():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("")  # a name that the system chooses
    listener.listen()
    listener.setblocking(False)
    server = DrainingServer(tornado.web.Application([("/(.*)", Handler)]))
    server.add_sockets([listener])
    return server, listener.getsockname()


async def connected(server, address):
    count = len(server._connections)
    ends = await asyncio.open_unix_connection(address, limit=1 << 16)
    while len(server._connections) == count:
        await asyncio.sleep(0.001)
    return ends


async def asked(ends, what):
    ends[1].write(ASK % what.encode())
    return await read(ends)


async def read(ends):
    head = (await ends[0].readuntil(b"\\r\\n\\r\\n")).decode()
    length = int(head.lower().split("content-length: ")[1].split("\\r")[0])
    return head, await ends[0].readexactly(length)


async def waits(drained):
    for _ in range(20):
        await asyncio.sleep(0.01)
    return not drained.done()


async def main():
    # Accepted, and its request not yet read; and one whose answer is being made.
    server, address = made()
    fresh, slow, idle = [await connected(server, address) for _ in range(3)]
    assert (await asked(idle, "kept"))[1] == b"kept"
    slow[1].write(ASK % b"later")
    drained = asyncio.create_task(server.drain(longest_s=LONG_S))
    assert await waits(drained)
    head, body = await asked(fresh, "first")
    assert body == b"first" and "Connection: close" in head, head
    assert await fresh[0].read() == b""
    assert await waits(drained)
    may_answer.set()
    assert (await read(slow))[1] == b"later"
    assert await drained, "an idle connection delays no one"

    # Its answer is larger than what the system holds, and it is read late.
    server, address = made()
    large = await connected(server, address)
    large[1].write(ASK % b"large")
    while not (await large[0].readuntil(b"\\r\\n\\r\\n")):
        pass
    drained = asyncio.create_task(server.drain(longest_s=LONG_S))
    assert await waits(drained)
    assert await large[0].readexactly(len(LARGE)) == LARGE
    assert await drained

    # A new request on a connection that was idle.
    server, address = made()
    again = await connected(server, address)
    await asked(again, "one")
    may_answer.clear()
    again[1].write(ASK % b"later")
    while not server.is_awaited:
        await asyncio.sleep(0.001)
    drained = asyncio.create_task(server.drain(longest_s=LONG_S))
    assert await waits(drained)
    may_answer.set()
    await read(again)
    assert await drained

    # Some never ask; one goes away.
    server, address = made()
    silent, gone = [await connected(server, address) for _ in range(2)]
    gone[1].close()
    assert not await server.drain(longest_s=0.1)
    silent[1].close()
    assert await server.drain(longest_s=LONG_S)
    print("all drained")


asyncio.run(main())
"""


def test_what_was_taken_is_answered_and_no_idle_connection_is_waited_for(xcube_forks):
    assert "all drained" in xcube_forks.run("-c", DRAINS, cwd=CHECKOUT).stdout
