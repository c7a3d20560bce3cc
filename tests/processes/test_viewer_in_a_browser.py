"""A user looks at a finished cube in a real browser: map, variable, time series."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.benchmarks.hub import Hub
from tests.jobs.factories import cubegen_request
from tests.patience import wait_for
from tests.servers.browser import chromium

from .desk import SHOWS_TILES, Desk
from .people import Person, person

pytestmark = pytest.mark.processes

WORLD = {
    "variable_names": ["chl", "sst"],
    "bbox": [-180, -90, 180, 90],
    "spatial_res": 10,
    "time_range": ["2020-01-01", "2020-01-06"],
    "time_period": "1D",
}
FETCH = "async (path) => (await fetch(path, {cache: 'no-store'})).status"


@pytest.fixture(scope="module")
def hub(whole_hub: Hub, demo_cube: Path) -> Hub:
    paint(whole_hub.folder / "source" / demo_cube.name, "chl", 0, 5650)
    return whole_hub


def paint(cube: Path, variable: str, low: float, high: float) -> None:
    """Let the viewer paint this range of the variable: by default it shows 0 to 1."""
    attributes = {"color_value_min": low, "color_value_max": high, "color_bar_name": "viridis"}
    own, all_of_them = cube / variable / ".zattrs", cube / ".zmetadata"
    own.write_text(json.dumps({**json.loads(own.read_text()), **attributes}))
    metadata = json.loads(all_of_them.read_text())
    metadata["metadata"][f"{variable}/.zattrs"].update(attributes)
    all_of_them.write_text(json.dumps(metadata))


@pytest.fixture(scope="module")
def owner(hub: Hub) -> Iterator[Person]:
    owner = person(hub, "owner@example.org")
    owner.generate(cubegen_request("world.zarr", cube_config=WORLD))
    yield owner
    for service in owner.call("GET", "/xcube"):  # they would outlive the hub
        owner.call("DELETE", f"/xcube/{service['id']}")
        folder = hub.folder / "services" / service["id"]
        wait_for(lambda folder=folder: not folder.exists(), "end of the viewer")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def desk(browser: Browser, owner: Person) -> Iterator[Desk]:
    desk = Desk(browser, owner)
    yield desk
    desk.context.close()


def service_of(page: Page) -> str:
    return (urlsplit(page.url).hostname or "").partition(".")[0]


def keep_picture(page: Page, folder: Path) -> None:
    """For someone to look at; in TEST_PICTURES if that is set."""
    folder = Path(os.environ.get("TEST_PICTURES", folder))
    page.screenshot(path=folder / "viewer.png", animations="disabled")


def test_a_click_shows_map_variable_and_time_series(desk, tmp_path):
    page = desk.open_viewer()
    assert page.get_by_text("world.zarr").count()
    assert page.get_by_text("chl").count()
    assert page.title() == "Your cubes"
    page.get_by_label("Add a point location in map").click()
    with page.expect_response(lambda answer: "/timeseries/" in answer.url) as series:
        page.locator(".ol-viewport").first.click(position={"x": 500, "y": 300})
    assert series.value.status == 200
    values = [point["mean"] for point in series.value.json()["result"]]
    assert len(values) == 6
    page.locator(".recharts-line-dots").first.wait_for()
    keep_picture(page, tmp_path)
    assert set(desk.statuses("tiles")) == {200}
    assert desk.hosts == {urlsplit(desk.owner.hub.url).netloc, urlsplit(page.url).netloc}
    assert desk.faults == []


def test_another_users_browser_cannot_open_it(desk, browser, hub):
    page = desk.open_viewer()
    guest = Desk(browser, person(hub, "guest@example.org"))
    foreign = guest.context.new_page()
    answer = foreign.goto(page.url)
    assert answer.status == 404
    assert foreign.get_by_text("There is no such service for you").count()
    tile = next(it.url for it in desk.answers if "/tiles/" in it.url)
    assert foreign.goto(tile).status in (401, 404)
    assert [it for it in guest.answers if it.status == 200 and ".localhost" in it.url] == []
    guest.context.close()


def test_a_sleeping_viewer_wakes_on_a_click_and_on_navigation(desk):
    page = desk.open_viewer()
    service = f"/xcube/{service_of(page)}"
    for wake in (page.get_by_label("First time step").click, page.reload):
        wait_for(lambda: desk.owner.call("GET", service)["state"] == "READY", "ready service")
        desk.owner.call("POST", f"{service}/sleep")
        wait_for(lambda: desk.owner.call("GET", service)["state"] == "ASLEEP", "sleep")
        desk.answers.clear()
        with page.expect_response(lambda answer: "/tiles/" in answer.url) as tile:
            wake()
        assert tile.value.status in (200, 304)
        page.wait_for_function(SHOWS_TILES, polling=250)
    assert set(desk.statuses("tiles")) <= {200, 304}


def test_the_end_of_the_owners_account_ends_the_open_tab(desk):
    page = desk.open_viewer()
    assert page.evaluate(FETCH, "/datasets") == 200
    desk.owner.switch(on=False)
    try:
        wait_for(lambda: page.evaluate(FETCH, "/datasets") != 200, "end", pause_s=0.2)
        desk.answers.clear()
        with page.expect_response(lambda answer: "/tiles/" in answer.url) as tile:
            page.get_by_label("First time step").click()
        assert tile.value.status in (401, 403, 404, 410)
    finally:
        desk.owner.switch(on=True)
