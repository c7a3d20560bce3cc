"""What open pages cost that ask whether anything is new: 50 watchers, nothing new."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Mapping

import pytest

from tests.patience import PATIENCE_S
from tests.processes.people import person

from .hub import Hub, Server, cpu_s
from .report import Pairs
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

WATCHERS = 50
EVERY_S = 3.0  # hubsite/static/console.js
ROUNDS = size(5, 1)
ASKED = size(500, 20)
MOST_CORES = 0.1


def core_s(server: Server) -> float:
    """Processor time of the processes that answer requests."""
    return sum(map(cpu_s, server.web_workers()))


def cost_s(server: Server, port: int, path: str, headers: Mapping[str, str], status: int) -> float:
    """Processor time of one such request, over many on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    began = core_s(server)
    for _ in range(ASKED):
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
    return (core_s(server) - began) / ASKED


def of_rounds(subject: Callable[[], float], baseline: Callable[[], float]) -> Pairs:
    pairs = Pairs([], [])
    for _ in range(ROUNDS):
        pairs.subject.append(1000 * subject())
        pairs.baseline.append(1000 * baseline())
    return pairs


def test_fifty_watchers_cost_little(report, web: Hub, bare, running_job):
    ann = person(web, "watcher@example.org")
    signed_in = {"Cookie": f"sessionid={ann.session}", "Host": f"localhost:{web.port}"}
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_S)
    connection.request("GET", "/cubes/", headers=signed_in)
    page = connection.getresponse().read().decode()
    connection.close()
    found = re.search(r'data-changes="([^"]+)" data-cursor="([^"]+)"', page)
    assert found, page[:500]
    changes, cursor = found.groups()
    pairs = of_rounds(
        lambda: cost_s(web, web.port, f"{changes}?after={cursor}", signed_in, 304),
        lambda: cost_s(bare, bare.port, f"/rows/{running_job}", {}, 200),
    )
    report.ratio("processor time of a look for news / of a bare row", pairs, unit="ms", at_most=6)
    cores = sorted(pairs.subject)[len(pairs.subject) // 2] / 1000 * WATCHERS / EVERY_S
    report.measured(
        f"cores that {WATCHERS} watchers take, each looking every {EVERY_S:g} s",
        round(cores, 3),
        limit=f"≤ {MOST_CORES}",
        holds=cores <= MOST_CORES,
    )
