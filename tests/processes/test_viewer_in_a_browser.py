"""A user looks at a finished cube in a real browser: map, variable, time series."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

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
TRUE_COLORS = """async (image, {dataset, variable}) => {
    const get = async (path) => await (await fetch(path)).json();
    const {datasets} = await get('/datasets?details=1');
    const {variables, dimensions} = datasets.find(({id}) => id === dataset);
    const {colorBarName, colorBarMin, colorBarMax} =
        variables.find(({name}) => name === variable);
    const time = dimensions.find(({name}) => name === 'time').coordinates.at(-1);
    const style = new URLSearchParams(
        {crs: 'EPSG:3857', cmap: colorBarName, vmin: colorBarMin, vmax: colorBarMax, time});
    const draw = async (paint) => {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 512;
        const context = canvas.getContext('2d');
        await paint(context);
        return new Uint32Array(context.getImageData(0, 0, 512, 512).data.buffer);
    };
    const first = await draw((context) => context.drawImage(image, 0, 0, 512, 512));
    const tiles = await draw(async (context) => {
        for (const [x, y] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
            const tile = new Image();
            tile.src = `/tiles/${dataset}/${variable}/1/${y}/${x}?${style}`;
            await tile.decode();
            context.drawImage(tile, 256 * x, 256 * y);
        }
    });
    return first.every((color, at) => color === tiles[at]) ? new Set(first).size : 0;
}"""
"""How many colors the picture has, if each pixel is that of the four tiles of level 1."""
ANOTHER = """async (query) => {
    const answer = await fetch(
        '/viewer/first-picture.svg', {referrer: `/viewer/${query}`, cache: 'no-store'});
    return [answer.status, (await answer.text()).includes('<image')];
}"""
"""Status, and whether there is a picture for the viewer's page at this query."""
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


def keep_picture(page: Page, folder: Path, name: str = "viewer.png") -> None:
    """For someone to look at; in TEST_PICTURES if that is set."""
    folder = Path(os.environ.get("TEST_PICTURES", folder))
    page.screenshot(path=folder / name, animations="disabled")


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


def test_the_data_are_seen_before_the_program_has_begun(desk, tmp_path):
    page = desk.open_viewer()
    expect(page.locator(".first-picture")).to_be_hidden()
    service = f"/xcube/{service_of(page)}"
    wait_for(lambda: desk.owner.call("GET", service)["state"] == "READY", "ready service")
    held: list[Route] = []
    page.route("**/assets/main-*.js", lambda route: held.append(route))
    page.goto(page.url, wait_until="commit")
    picture = page.get_by_role("img", name="The data; the viewer is loading")
    expect(picture.locator("img")).to_have_js_property("complete", True)
    expect(picture).to_be_visible()
    shown = {"dataset": "cubes~world.zarr", "variable": "chl"}
    assert picture.locator("img").evaluate(TRUE_COLORS, shown) > 10
    for query, is_there in (
        ("?dataset=cubes~world.zarr", True),
        ("?dataset=cubes~world.zarr&variable=none", True),
        ("?dataset=none&variable=chl", False),
        ("", False),
        ("?" + "&".join(30 * ["dataset=cubes~world.zarr"]), False),
    ):
        assert page.evaluate(ANOTHER, query) == [200, is_there], query
    assert page.locator("#root > *").count() == 0
    keep_picture(page, tmp_path, "before.png")
    wait_for(lambda: held or page.wait_for_timeout(50), "the program")
    held[0].continue_()
    page.wait_for_function(SHOWS_TILES, polling=250)
    expect(picture).to_have_count(0)  # nobody sees or hears of it any more
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
        if tile.value.status == 503:  # a busy machine took longer than the edge holds a request
            wait_for(lambda: desk.owner.call("GET", service)["state"] == "READY", "ready service")
            page.reload()
        page.wait_for_function(SHOWS_TILES, polling=250)
    assert set(desk.statuses("tiles")) <= {200, 304, 503}


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
