"""What the edge adds to a request: compared with a proxy that checks nothing, and with none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from .hub import CHECKOUT, Server, resident_mb
from .load import throughput
from .report import Pairs, alternate
from .sizes import size

pytestmark = pytest.mark.benchmark

INSTANCE = "xaaaaaaaaaaaaaaaaaaaaaaaaaa"
HOST = f"{INSTANCE}.localhost"
COOKIE = "Cookie: theme=dark; xcube-hub=session-of-somebody"
TILE = "/datasets/demo/vars/chl/tiles2/3/4/5?vmin=0&vmax=1&cmap=viridis"
RATE = 200
SECONDS = size(8, 1)
MOST_MB = 60


@dataclass
class Servers:
    edge_port: int
    bare_port: int
    instance_port: int
    edge: Server
    bare: Server


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[Servers]:
    folder: Path = tmp_path_factory.mktemp("edge")
    socket = str(folder / "http.sock")
    ports = [free_port() for _ in range(4)]
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    started: list[Server] = []

    def start(name: str, pattern: str, *arguments: str) -> Server:
        server = Server(
            [sys.executable, "-m", *arguments],
            env={**environment, "XCUBE_HUB_EDGE_SECRET": "s" * 40, "PYTHONUNBUFFERED": "1"},
            log=folder / f"{name}.log",
        )
        started.append(server)
        server.until_logged(pattern)
        return server

    try:
        start("standins", "ready", "tests.benchmarks.edge_standins", socket, *map(str, ports[2:]))
        bare = start("bare", "Running on", "tests.benchmarks.bare_proxy", str(ports[1]), socket)
        edge = start(
            "edge", "listens on", "services.edge", "--listen", f"127.0.0.1:{ports[0]}",
            "--hub", f"http://127.0.0.1:{ports[3]}", "--public-url", "http://*.localhost",
        )  # fmt: skip
        yield Servers(ports[0], ports[1], ports[2], edge, bare)
    finally:
        for server in started:
            server.stop()


@pytest.mark.parametrize(
    ("name", "path", "connections"),
    [("tiles of 20 kB", TILE, 16), ("answers of 1 MB", "/large", 4)],
)
def test_the_edge_passes_at_least_half_of_what_a_bare_proxy_passes(
    report, servers, name, path, connections
):
    header = {"Host": HOST, "Cookie": COOKIE.partition(": ")[2]}

    def through(port: int) -> float:
        return throughput(
            port, path, "", seconds=size(3, 1), connections=connections, headers=header
        )

    pairs = alternate(
        lambda: through(servers.edge_port), lambda: through(servers.bare_port), rounds=5
    )
    report.ratio(f"{name} through the edge / a bare proxy", pairs, unit="/s", at_least=0.5)


def test_200_tiles_a_second_are_nearly_as_quick_as_without_the_edge(report, servers):
    def p99(port: int) -> float:
        printed = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.open_loop", str(port), TILE,
             f"Host: {HOST}\r\n{COOKIE}", str(RATE), str(SECONDS)],
            cwd=CHECKOUT, check=True, capture_output=True, text=True, timeout=PATIENCE_S,
        ).stdout  # fmt: skip
        latencies = json.loads(printed)
        assert len(latencies) == RATE * SECONDS
        return latencies[int(0.99 * len(latencies))]

    pairs = alternate(lambda: p99(servers.edge_port), lambda: p99(servers.instance_port), rounds=5)
    report.ratio(
        f"p99 of {RATE} tiles/s through the edge / the instance's own",
        pairs,
        unit="s",
        at_most=3,
    )


def test_the_edge_is_small(report, servers):
    throughput(
        servers.edge_port, TILE, "", seconds=1, connections=size(100, 20),
        headers={"Host": HOST, "Cookie": COOKIE.partition(": ")[2]},
    )  # fmt: skip
    throughput(servers.bare_port, TILE, "", seconds=1, connections=size(100, 20))
    mine, least = resident_mb(servers.edge.pid), resident_mb(servers.bare.pid)
    report.ratio("memory of the edge / of a bare proxy", Pairs([mine], [least]), unit="MB")
    report.measured(
        "the edge after 100 connections at once, MB",
        round(mine),
        limit=f"≤ {MOST_MB}",
        holds=mine <= MOST_MB,
    )
