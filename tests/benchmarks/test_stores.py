"""Looking into data stores: cold, warm, through 100,000 data sets, beside one that hangs."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest

from tests.servers.silent import SilentServer

from .hub import Hub, Session
from .report import alternate
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

A_STORE = size(1_000, 100)
MANY = size(100_000, 3_000)
DESCRIBED = size(60, 6)
CALLS = size(100, 5)

STORES = """
thousand:
  store_id: file
  store_params: {{root: thousand}}
many:
  store_id: file
  store_params: {{root: many}}
real:
  store_id: file
  store_params: {{root: real}}
hangs:
  store_id: s3
  store_params:
    root: bucket
    storage_options: {{anon: true, client_kwargs: {{endpoint_url: "{url}"}}}}
"""


@pytest.fixture(scope="module")
def stores(hub: Hub, demo_cube: Path) -> Iterator[Session]:
    """A user of the hub, and its further stores."""
    for name, count in (("thousand", A_STORE), ("many", MANY)):
        (hub.folder / name).mkdir()
        for number in range(count):
            (hub.folder / name / f"cube-{number:06}.zarr").mkdir()
    for number in range(DESCRIBED):
        shutil.copytree(demo_cube, hub.folder / "real" / f"cube-{number:03}.zarr")
    silent = SilentServer()
    file = hub.folder / "stores.yaml"
    before = file.read_text()
    replace_text(file, before + STORES.format(url=f"http://{silent.address}"))
    yield hub.new_user("stores@example.org")
    replace_text(file, before)
    silent.close()


def replace_text(file: Path, text: str) -> None:
    """At once: the hub may read it at any moment."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def timed(session: Session, path: str) -> float:
    return session.timed("GET", path)[0]


def medians(session: Session, path: str) -> Callable[[], float]:
    return lambda: median(timed(session, path) for _ in range(CALLS))


def test_the_first_page_cold_and_the_next_ones_warm(stores, report):
    def tell(name: str, seconds: float) -> None:
        report.measured(name, round(seconds * 1000, 1), of="ms", limit="", holds=True)

    path = "/stores/thousand/data"
    tell(f"first page of a store of {A_STORE} data sets, cold", timed(stores, path))
    took = [timed(stores, path) for _ in range(CALLS)]
    tell(f"the same, warm: p95 of {CALLS}", quantiles(took, n=20)[-1])
    took = [timed(stores, f"{path}?search=cube%20999&limit=50") for _ in range(CALLS)]
    tell("a search in it: p95", quantiles(took, n=20)[-1])
    took = [timed(stores, f"/stores/real/data/cube-{n:03}.zarr") for n in range(DESCRIBED // 3)]
    tell("a description, cold: median", median(took))
    took = [timed(stores, "/stores/real/data/cube-000.zarr") for _ in range(CALLS)]
    tell("a description, warm: p95", quantiles(took, n=20)[-1])
    few = alternate(medians(stores, f"{path}?limit=20"), medians(stores, "/stores"), rounds=5)
    report.ratio("20 data sets / the list of stores", few, unit="s", at_most=2)


def test_pages_of_a_hundred_thousand_cost_the_same(stores, report):
    path = "/stores/many/data?limit=100"
    began = time.perf_counter()
    # On a busy machine it takes longer than a request waits, and the worker lists it.
    timed(stores, path)
    took = round(time.perf_counter() - began, 1)
    report.measured(f"{MANY} data sets, cold", took, of="s", limit="", holds=True)
    last = medians(stores, f"{path}&offset={MANY - 100}")
    pairs = alternate(last, medians(stores, path), rounds=7)
    report.ratio(f"last / first page of {MANY} data sets", pairs, unit="s", at_most=1.5)
    found = alternate(medians(stores, f"{path}&search=99"), medians(stores, path), rounds=3)
    report.ratio(f"a search in {MANY} / a page", found, unit="s")


def test_a_store_that_hangs_holds_up_no_other(hub, stores, report):
    """Three clients ask it again and again; pages are warm, descriptions cold."""
    fresh = iter(range(DESCRIBED // 3, DESCRIBED))

    def measure() -> float:
        pages = [timed(stores, "/stores/thousand/data") for _ in range(CALLS // 5)]
        cold = [timed(stores, f"/stores/real/data/cube-{next(fresh):03}.zarr") for _ in range(2)]
        return median(pages) + median(cold)

    def beside() -> float:
        over = threading.Event()
        answers: list[Any] = []

        def ask() -> None:
            session = stores.another()
            while not over.is_set():
                answers.append(session.call("GET", "/stores/hangs/data")[0])

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        try:
            return measure()
        finally:
            over.set()
            for client in clients:
                client.join()
            assert set(answers) <= {429, 503}

    pairs = alternate(beside, measure, rounds=5)
    report.ratio("stores beside one that hangs / without", pairs, unit="s", at_most=2)
