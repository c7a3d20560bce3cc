"""Pages with a million jobs are as quick as with ten thousand.

Both databases are on one real PostgreSQL; every page of the URL configuration is asked for. What is
compared is processor time, of the page and of the database: other work on the machine makes pages
wait, but hardly makes them work more. Elapsed times are told only.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.servers.postgresql import postgresql_server

from .page_times import LARGE, SMALL
from .report import Pairs
from .sizes import size

pytestmark = pytest.mark.benchmark

CHECKOUT = Path(__file__).resolve().parents[2]
FEW, MANY = size(10_000, 200), size(1_000_000, 600)
USERS = size(10_000, 50)
ROUNDS = size(7, 1)
FLAT = 1.5
SHORT_S = 0.02
"""So much of a difference is noise, or a bounded part of a page that is not full with few rows."""
TARGET_MS = 300
PLAIN_MS = 3
"""A plain Django page that reads 50 rows takes so long where TARGET_MS is the target."""
WITHIN_S = 3600


@pytest.fixture(scope="module")
def pages() -> Iterator[list[dict[str, Any]]]:
    """What `page_times` says of each page."""
    with postgresql_server() as url:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "tests.benchmarks.page_times"),
                *map(str, (FEW, MANY, USERS, ROUNDS)),
            ],
            cwd=CHECKOUT,
            env={**os.environ, "TEST_DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )
    assert run.returncode == 0, run.stderr[-3000:]
    said = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    yield [it for it in said if "page" in it]


def test_every_page_answers_in_both(pages):
    assert len(pages) > size(200, 40)
    faults = [
        it["page"] for it in pages if 500 in it["status"] or it["status"][0] != it["status"][1]
    ]
    assert not faults


def test_every_page_is_as_quick_with_a_hundred_times_the_rows(report, pages):
    """The least of each side: what caches and interrupts add is in none of them."""
    for it in sorted(pages, key=lambda it: -_growth(it))[: size(10, 1)]:
        report.ratio(
            f"{it['page']} ({it['caller']}): {MANY:,} jobs / {FEW:,}",
            Pairs([min(_work(it, LARGE))], [min(_work(it, SMALL)) + SHORT_S]),
            unit="s",
            at_most=FLAT,
        )


def test_every_page_is_quick(report, pages):
    """None costs more than as many plain pages as would take TARGET_MS.

    That is half of its calls: a burst of other work slows single calls, also by the processor's
    clock.
    """
    elapsed = [1000 * _p95([took for took, _ in it[LARGE]]) for it in pages]
    report.measured(
        f"pages beyond {TARGET_MS} ms at p95, of {len(pages)}",
        sum(it > TARGET_MS for it in elapsed),
        of=f"median {median(elapsed):.0f} ms",
        limit="",
        holds=True,
    )
    plain = [work for it in pages for _, work in it["plain"]]
    for it in sorted(pages, key=lambda it: -median(_work(it, LARGE)))[: size(25, 2)]:
        report.ratio(
            f"{it['page']} ({it['caller']}) / plain page",
            Pairs([median(_work(it, LARGE))], [median(plain)]),
            unit="s",
            at_most=TARGET_MS / PLAIN_MS,
        )


def _growth(it: dict[str, Any]) -> float:
    return min(_work(it, LARGE)) / (min(_work(it, SMALL)) + SHORT_S)


def _work(it: dict[str, Any], name: str) -> list[float]:
    """Processor times of the page in one database."""
    return [work for _, work in it[name]]


def _p95(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)]
