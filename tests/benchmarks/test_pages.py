"""Pages with a million jobs are as quick as with ten thousand.

Both databases are on one real PostgreSQL; every page of the URL configuration is asked for.
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

from .report import Pairs
from .sizes import size

pytestmark = pytest.mark.benchmark

CHECKOUT = Path(__file__).resolve().parents[2]
FEW, MANY = size(10_000, 200), size(1_000_000, 600)
USERS = size(10_000, 50)
ROUNDS = size(9, 1)
FLAT = 1.5
SHORT_S = 0.02
"""So much of a difference is noise, or a bounded part of a page that is not full with few rows."""
TARGET_MS = 300
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
    """The least time of each side: what other work on the machine adds is in none of them."""
    by_ratio = sorted(pages, key=lambda it: -_growth(it))
    slowest = sorted(pages, key=lambda it: -_p95(it["pages_large"]))
    for it in slowest[: size(25, 2)]:
        plain = it["plain"] or [math.nan]
        report.measured(
            f"{it['page']} ({it['caller']}): p95, ms",
            round(1000 * _p95(it["pages_large"])),
            of=f"{1000 * median(it['pages_small']):.0f} ms; plain {1000 * median(plain):.1f}",
            limit="",
            holds=True,
        )
    p95 = [1000 * _p95(it["pages_large"]) for it in pages]
    report.measured(
        f"pages beyond {TARGET_MS} ms at p95, of {len(pages)}",
        sum(it > TARGET_MS for it in p95),
        of=f"median {median(p95):.0f} ms",
        limit="",
        holds=True,
    )
    for it in by_ratio[: size(10, 1)]:
        report.ratio(
            f"{it['page']} ({it['caller']}): {MANY:,} jobs / {FEW:,}",
            Pairs([min(it["pages_large"])], [min(it["pages_small"]) + SHORT_S]),
            unit="s",
            at_most=FLAT,
        )


def _growth(it: dict[str, Any]) -> float:
    return min(it["pages_large"]) / (min(it["pages_small"]) + SHORT_S)


def _p95(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)]
