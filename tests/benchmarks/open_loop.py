"""Open-loop load: requests at fixed times, whether or not earlier ones were answered.

    python -m tests.benchmarks.open_loop PORT PATH HEADER RATE SECONDS

It prints the latencies in seconds as JSON, each counted from the time at which its request was
due. A closed loop would wait with a slow server, and so not see how slow it is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time


class Client:
    """Connections kept alive; a request takes a free one, or opens another."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, due: float) -> float:
        """Send one request; returns the time from `due` to the end of its answer."""
        connection = self._free.pop() if self._free else await self._connect()
        reader, writer = connection
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200 "), head
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        self._free.append(connection)
        return time.perf_counter() - due

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)


async def load(port: int, request: bytes, *, rate: float, seconds: float) -> list[float]:
    client = Client(port, request)
    await asyncio.gather(*(client.ask(time.perf_counter()) for _ in range(16)))  # connections
    began = time.perf_counter() + 0.1
    asking = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(due - time.perf_counter())
        asking.append(asyncio.create_task(client.ask(due)))
    return await asyncio.gather(*asking)


def main() -> None:
    port, path, header, rate, seconds = sys.argv[1:]
    request = f"GET {path} HTTP/1.1\r\n{header}\r\nAccept: image/png\r\n\r\n".encode()
    found = asyncio.run(load(int(port), request, rate=float(rate), seconds=float(seconds)))
    print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main()
