"""From a click on "Open in viewer" to the first tile, in a real browser, by real processes.

A person sees tiles first in the picture of the viewer's page, then on the map of its program.
The baseline is the same browser at a plain xcube server, without anything of the hub: just started
(cold), or running already (warm).
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Page, Response

from jobs.runner.system import linux
from tests.jobs.factories import cubegen_request
from tests.patience import PATIENCE_S, wait_for
from tests.processes.desk import Desk
from tests.processes.people import Person, person
from tests.processes.plain_browser import Browser
from tests.servers.browser import chromium
from tests.servers.ports import free_port

from .hub import Hub, Session
from .report import Pairs
from .sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.xcube]

CLICKS = size(20, 1)
COLD_STARTS = size(3, 1)
TARGET_MS = 1500  # told, not asserted: it depends on the machine
WORLD = {
    "variable_names": ["chl", "sst"],
    "bbox": [-180, -90, 180, 90],
    "spatial_res": 10,
    "time_range": ["2020-01-01", "2020-01-06"],
    "time_period": "1D",
}
VIEWERS = size(20, 3)
WALK_S = size(300, 10)
STEPS = size(0, 10)
"""At least so many of each person, however slow the machine is."""
LATE = (404, 503)
"""What a busy machine may answer: a viewer that starts waits for its dataset for some time only,
and shows it later; the edge holds a request for 20 s, and says then: try again."""
BUSY_PEOPLE = 4  # at once, on two cores
MOST_PRIVATE_MIB = 60
ONE_CUBE = {"Datasets": [{"Identifier": "demo", "StoreInstanceId": "@demo", "Path": "demo.zarr"}]}
A_TILE = "/tiles/demo/sst/0/0/0?time=2020-01-02"
CONFIGURATION = """\
DataStores:
  - Identifier: cubes
    StoreId: file
    StoreParams: {{root: "{root}"}}
    Datasets: [{{Path: world.zarr, Identifier: world}}]
"""


@pytest.fixture(scope="module")
def owner(hub: Hub) -> Iterator[Person]:
    owner = person(hub, "clicks@example.org")
    owner.generate(cubegen_request("world.zarr", cube_config=WORLD))
    yield owner
    remove_all(owner)


def remove_all(owner: Person) -> None:
    """End the person's services, which would outlive the hub; until their folders are gone."""
    for service in owner.call("GET", "/xcube"):
        owner.call("DELETE", f"/xcube/{service['id']}")
        folder = owner.hub.folder / "services" / service["id"]
        wait_for(lambda folder=folder: not folder.exists(), "end of a service")


@pytest.fixture(scope="module")
def desk(owner: Person) -> Iterator[Desk]:
    with chromium() as browser:
        desk = Desk(browser, owner)
        desk.context.add_init_script(PICTURE_AT)
        yield desk
        desk.context.close()


PICTURE_AT = """
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        if (entry.url?.endsWith('/first-picture.svg')) {
            window.pictureAt ??= performance.timeOrigin + entry.startTime;
        }
    }
}).observe({type: 'largest-contentful-paint', buffered: true});
"""
"""Notes when the page has painted its picture, in milliseconds since the epoch."""


def is_tile(response: Response) -> bool:
    return "/tiles/" in response.url


def is_good_tile(response: Response) -> bool:
    """A tile; a plain server answers some of the first ones of a cube with 500."""
    return is_tile(response) and response.status == 200


def ms_to_tile(
    page: Page,
    act: Callable[[], object],
    *,
    is_new: bool,
    wanted: Callable[[Response], bool] = is_tile,
) -> float:
    """Milliseconds from `act` until the browser has received the first tile.

    A new address shows the viewer's privacy note before anything else; it is accepted at once.
    """
    began = time.perf_counter()
    with page.expect_response(wanted, timeout=PATIENCE_S * 1000) as tile:
        act()
        if is_new:
            page.get_by_role("button", name="Accept and continue").click()
    tile.value.finished()
    took = 1000 * (time.perf_counter() - began)
    assert tile.value.status == 200, tile.value.url
    return took


@dataclass(frozen=True)
class Click:
    """Milliseconds from the click in the list of cubes."""

    seen: float
    """Until the first tiles are on the screen: in the picture of the page, if it is earlier."""
    asked: float
    """Until the browser has the first tile that the program has asked for."""


def click(desk: Desk, *, is_new: bool = False) -> Click:
    page = desk.context.new_page()
    page.goto(f"{desk.owner.hub.url}/cubes/")
    button = page.get_by_role("button", name="Open in viewer")
    began_ms = 1000 * time.time()
    asked = ms_to_tile(page, button.click, is_new=is_new)
    picture_at = page.evaluate("window.pictureAt")
    page.close()
    return Click(seen=asked if picture_at is None else picture_at - began_ms, asked=asked)


def the_service(owner: Person) -> dict:
    (service,) = owner.call("GET", "/xcube")
    return service


def make_new(desk: Desk) -> None:
    remove_all(desk.owner)


def put_to_sleep(desk: Desk) -> None:
    let_it_run(desk)
    sleep(desk.owner)


def let_it_run(desk: Desk) -> None:
    if not desk.owner.call("GET", "/xcube"):
        click(desk, is_new=True)
    wait_for(lambda: the_service(desk.owner)["state"] == "READY", "ready service")


def sleep(owner: Person) -> None:
    owner.call("POST", f"/xcube/{the_service(owner)['id']}/sleep")
    claim = owner.hub.folder / "services" / the_service(owner)["id"] / "supervisor.json"
    wait_for(lambda: the_service(owner)["state"] == "ASLEEP" and not claim.exists(), "sleep")


class PlainServer:
    """An xcube server as one starts it by hand, on the cube that the hub generated."""

    def __init__(self, xcube_python: Path, cubes: Path, folder: Path) -> None:
        self._configuration = folder / "server.yml"
        self._configuration.write_text(CONFIGURATION.format(root=cubes))
        self._program = xcube_python.parent / "xcube"
        self._folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {k: os.environ[k] for k in ("PATH", "HOME", "LANG") if k in os.environ}
        self.port = free_port()
        self._process = subprocess.Popen(
            [self._program, "serve", "--config", self._configuration,
             "--address", "127.0.0.1", "--port", str(self.port)],
            env=environment, cwd=self._folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: _is_open(self.port), "plain xcube server", pause_s=0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None

    def ms_of_opening(self, desk: Desk, *, is_new: bool = False) -> float:
        """Milliseconds from the address of its viewer to the first tile."""
        page = desk.context.new_page()
        base = f"http://localhost:{self.port}"
        address = f"{base}/viewer/?serverUrl={base}&dataset=world"
        took = ms_to_tile(
            page,
            lambda: page.goto(address, wait_until="commit"),
            is_new=is_new,
            wanted=is_good_tile,
        )
        page.close()
        return took


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def plain(xcube_python: Path, owner: Person, tmp_path_factory) -> Iterator[PlainServer]:
    (cube,) = owner.hub.folder.glob("cubes/*/world.zarr")
    server = PlainServer(xcube_python, cube.parent, tmp_path_factory.mktemp("plain"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cold_ms(plain: PlainServer, desk: Desk) -> list[float]:
    """Milliseconds from the start of a plain server to its first tile in the browser."""
    values = []
    for _ in range(COLD_STARTS):
        plain.stop()
        began = time.perf_counter()
        plain.start()
        started_ms = 1000 * (time.perf_counter() - began)
        values.append(started_ms + plain.ms_of_opening(desk, is_new=True))
    return values


def percentile95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


@pytest.mark.parametrize(
    ("name", "before"), [("new", make_new), ("asleep", put_to_sleep), ("running", let_it_run)]
)
def test_a_click_to_the_first_tile(report, desk, cold_ms, name, before):
    clicks = []
    for _ in range(CLICKS):
        before(desk)
        clicks.append(click(desk, is_new=name == "new"))
    for what, measured in (
        ("tile on the screen", [one.seen for one in clicks]),
        ("tile of the program", [one.asked for one in clicks]),
    ):
        report.measured(
            f"click to first {what}, {name} viewer: p95, ms (median {median(measured):.0f})",
            round(percentile95(measured)),
            of=f"wanted {TARGET_MS}",
            limit="",
            holds=True,
        )
    report.ratio(
        f"p95 of a click, {name} viewer / cold xcube server",
        Pairs([percentile95([one.asked for one in clicks])], [median(cold_ms)]),
        unit="ms",
        at_most=0.6,
    )


def test_a_click_at_a_running_viewer_costs_little_more_than_the_viewer(
    report, desk, plain, cold_ms
):
    pairs = Pairs([], [])
    for _ in range(CLICKS):
        let_it_run(desk)
        pairs.subject.append(click(desk).asked)
        pairs.baseline.append(plain.ms_of_opening(desk))
    report.ratio("click at a running viewer / plain xcube viewer", pairs, unit="ms", at_most=2)


class Walk:
    """Viewers of many people, put to sleep and asked for tiles at random."""

    def __init__(self, owners: list[Person]) -> None:
        self.owners = owners
        self.services = [
            owner.call("POST", "/xcube", {"configuration": ONE_CUBE}, status=201)
            for owner in owners
        ]
        self.took_ms: list[float] = []
        self.refused: list[str] = []
        self.late = 0
        self.sleeps = 0

    def stroll(self, seed: int, until: float) -> None:
        """Act at random until the monotonic time `until`."""
        choice = random.Random(seed)
        api = [owner.api.another() for owner in self.owners]  # a connection is one thread's
        for step in itertools.count():
            if time.monotonic() > until and step >= STEPS:
                break
            number = choice.randrange(len(self.owners))
            if choice.random() < 0.3:
                self.sleep(api[number], number)
            else:
                self.ask(number)

    def sleep(self, api: Session, number: int) -> None:
        status, _ = api.insist("POST", f"/xcube/{self.services[number]['id']}/sleep")
        assert status in (200, 409), status  # 409: it is starting, or asleep
        self.sleeps += status == 200

    def ask(self, number: int) -> None:
        """A tile; the viewer is woken by it if it sleeps."""
        base = self.services[number]["server_url"]
        token = self.owners[number].api.token
        began = time.perf_counter()
        answer = Browser().fetch(f"{base}{A_TILE}", Authorization=f"Bearer {token}")
        self.took_ms.append(1000 * (time.perf_counter() - began))
        if answer.status in LATE:
            self.late += 1
        elif answer.status != 200:
            self.refused.append(f"{answer.status} {answer.text[:80]}")


def test_many_viewers_sleep_and_wake_at_random(report, hub):
    """None of their requests is refused, and no process is left when all are asleep."""
    owners = [person(hub, f"walker{number}@example.org") for number in range(VIEWERS)]
    walk = Walk(owners)
    until = time.monotonic() + WALK_S
    with ThreadPoolExecutor(BUSY_PEOPLE) as people:
        strolls = [people.submit(walk.stroll, seed, until) for seed in range(BUSY_PEOPLE)]
        for stroll in strolls:
            stroll.result()
    for number in range(VIEWERS):
        walk.ask(number)
    requests = len(walk.took_ms)
    report.count(
        f"tiles refused of {requests}, {VIEWERS} viewers, {walk.sleeps} times asleep, {WALK_S} s",
        len(walk.refused),
        of=", ".join(sorted(set(walk.refused))),
        limit="0",
        holds=not walk.refused,
    )
    report.measured("… that had to ask again", walk.late, limit="0", holds=not walk.late)
    report.measured("… times that one was put to sleep", walk.sleeps,
                    limit="> 0", holds=walk.sleeps > 0)  # fmt: skip
    p95 = percentile95(walk.took_ms)
    report.measured(
        f"tile of a viewer that may sleep: p95, ms (median {median(walk.took_ms):.0f})",
        round(p95),
        limit="",
        holds=True,
    )
    folders = [hub.folder / "services" / service["id"] for service in walk.services]

    def is_awake(number: int) -> bool:
        walk.ask(number)
        return the_service(owners[number])["state"] == "READY"

    for number in range(VIEWERS):
        wait_for(lambda number=number: is_awake(number), "viewer that is awake")
    largest = max(private_mib(folder) for folder in folders)
    report.measured(
        "private memory of the largest of them, MiB",
        round(largest, 1),
        limit=f"≤ {MOST_PRIVATE_MIB}",
        holds=largest <= MOST_PRIVATE_MIB,
    )
    for owner in owners:
        wait_for(lambda owner=owner: the_service(owner)["state"] == "READY", "ready service")
        sleep(owner)
        remove_all(owner)


def private_mib(folder: Path) -> float:
    """Private memory of the viewer's processes, in MiB."""
    supervisor = json.loads((folder / "supervisor.json").read_text())["pid"]
    pids = [supervisor, *linux.descendants(supervisor)]
    return sum(linux.private_bytes(pid) for pid in pids) / 2**20
