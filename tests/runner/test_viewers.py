"""Real xcube servers, forked by the runner: what they serve, and how their data are renewed."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urljoin

import pytest

from jobs.runner.viewers.map_place import Place
from jobs.runner.viewers.notices import NOTICES
from tests.servers.forks import Forks

from .runnerprocess import is_running, wait_for
from .viewerclient import TILE, Viewers, fetch, ids, json_of, workload

pytestmark = pytest.mark.xcube

CUBE = """
import sys
from xcube.core.new import new_cube
value = float(sys.argv[2])
new_cube(width=64, height=32, x_res=360 / 64, time_periods=2, time_freq="D",
         time_start="2010-01-01", variables={"chl": value}).to_zarr(sys.argv[1], zarr_format=2)
"""

PICTURED = """
import sys
import numpy as np
from xcube.core.new import new_cube
for name, pixels in (("few", 100), ("many", 10)):
    cube = new_cube(width=64, height=40, x_start=2, x_res=0.5, y_start=40, time_periods=3,
                    variables={"chl": 0.0, "sst": 0.0})
    for seed, variable in enumerate(cube.data_vars.values()):
        variable[:] = np.random.default_rng(seed).random(variable.shape)
        variable.attrs.update(color_value_min=-1, color_bar_name="magma")
    cube.chunk(time=1, lat=pixels, lon=pixels).to_zarr(f"{sys.argv[1]}/{name}.zarr", zarr_format=2)
"""
SAME = """
import sys
import numpy as np
from PIL import Image
columns = int(sys.argv[1])
picture, *tiles = [np.asarray(Image.open(path).convert("RGBA")) for path in sys.argv[2:]]
rows = [np.hstack(tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
assert np.array_equal(picture, np.vstack(rows)), "it is not what the map shows"
assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 50
"""


@pytest.fixture
def viewers(runner) -> Viewers:
    return Viewers(runner)


@pytest.fixture
def shown(viewers: Viewers, demo_root: Path) -> Iterator[dict]:
    """The workload of a viewer that shows the demo cube."""
    work = workload(demo_root)
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    yield work
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


@pytest.fixture
def cubes(tmp_path: Path, xcube_forks: Forks):
    """Makes cubes of one value below a folder, each in place of an earlier one."""

    def make(name: str, value: float) -> Path:
        new = tmp_path / "new" / name
        xcube_forks.run("-c", CUBE, new, value)
        place = tmp_path / "cubes" / name
        place.parent.mkdir(exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
        return place.parent

    return make


def mean_of(socket: Path, dataset: str) -> float:
    point = json.dumps({"type": "Point", "coordinates": [10.0, 10.0]}).encode()
    status, _, body = fetch(socket, f"/timeseries/{dataset}/chl", method="POST", body=point)
    assert status == 200, body
    return json.loads(body)["result"][0]["mean"]


def test_the_first_answers_are_a_list_and_a_tile(viewers, shown):
    socket = viewers.socket(shown["name"])
    assert ids(socket) == ["demo~demo.zarr"]
    status, headers, tile = fetch(socket, TILE)
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert tile.startswith(b"\x89PNG")
    fact = viewers.get(shown["name"])
    assert (fact["phase"], fact["revision"], fact["restarts"]) == ("RUNNING", 1, 0)
    assert fact["ready_since"] and fact["broken"] == {}


def test_a_workload_that_asks_before_it_is_ready_is_answered(viewers, demo_root):
    work = workload(demo_root)
    address = viewers.put(work)["address"]
    assert fetch(Path(address.removeprefix("unix:")), TILE)[0] == 200
    assert viewers.delete(work["name"]) == 202
    viewers.until_gone(work["name"])


def test_the_viewer_is_its_own_and_asks_no_other_host(viewers, shown):
    socket = viewers.socket(shown["name"])
    status, headers, page = fetch(socket, "/viewer/")
    assert status == 200 and b"<title>xcube Viewer</title>" in page
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "http" not in policy
    # What the page names to be asked for at once is there.
    first = re.findall(r"<([^>]+)>; rel=preload; as=fetch; crossorigin", headers["Link"])
    assert [fetch(socket, urljoin("/viewer/", path))[0] for path in first] == [200, 200, 200]
    assert json_of(socket, "/viewer/config/config.json") == shown["payload"]["viewer"]
    assert json_of(socket, "/expressions/capabilities") == {"namespace": {}}
    assert json_of(socket, "/viewer/ext/contributions")["result"]["extensions"] == []
    for note in ("privacy-note.en", "privacy-note.de", "privacy-note.se", "imprint.en"):
        status, headers, text = fetch(socket, f"/viewer/docs/{note}.md")
        assert (status, b"server of Brockmann" in text) == (200, False)
        assert headers["Cache-Control"] == "private, max-age=3600"
    detail = json_of(socket, "/datasets?details=1")["datasets"][0]
    assert detail["variables"][0]["tileUrl"].startswith(shown["payload"]["public_url"])


def test_the_first_picture_is_what_the_map_will_show(viewers, xcube_forks, tmp_path):
    (tmp_path / "cubes").mkdir()
    xcube_forks.run("-c", PICTURED, tmp_path / "cubes")
    work = workload(tmp_path / "cubes", "few.zarr", "many.zarr")
    viewers.put(work)
    socket = viewers.socket(work["name"])
    wait_for(lambda: len(ids(socket)) == 2, "both cubes")
    page = fetch(socket, "/viewer/")[2].decode()
    place = urljoin("/viewer/", re.search(r'<img src="([^"]*)" alt="">', page)[1])

    def picture(query: str, **headers: str) -> str:
        headers = {"Referer": f"http://one.localhost/viewer/?{query}", **headers}
        status, sent, body = fetch(socket, place, **headers)
        assert (status, sent["Content-Type"]) == (200, "image/svg+xml")
        assert sent["Cache-Control"] == "no-store" and "Content-Security-Policy" in sent
        return body.decode()

    told = json_of(socket, "/datasets?details=1")["datasets"][0]
    shown = next(variable for variable in told["variables"] if variable["name"] == "sst")
    (times,) = (it["coordinates"] for it in told["dimensions"] if it["name"] == "time")
    style = {"crs": "EPSG:3857", "vmin": shown["colorBarMin"], "vmax": shown["colorBarMax"],
             "cmap": shown["colorBarName"], "time": times[-1]}  # fmt: skip
    map_place = Place.of(told["bbox"])
    images = [tmp_path / "picture.png"]
    drawn = picture("dataset=demo~few.zarr&variable=sst")
    images[0].write_bytes(base64.b64decode(re.search(r"base64,([^\"]+)", drawn)[1]))
    for row in map_place.rows:
        for column in map_place.columns:
            tile = f"/tiles/demo~few.zarr/sst/{map_place.zoom}/{row}/{column}?{urlencode(style)}"
            images.append(tmp_path / f"{row}-{column}.png")
            images[-1].write_bytes(fetch(socket, tile)[2])
    assert len(images) > 2
    xcube_forks.run("-c", SAME, len(map_place.columns), *images)
    first = picture("dataset=demo~few.zarr")
    assert first == picture("dataset=demo~few.zarr&variable=chl") != drawn
    assert first == picture("dataset=demo~few.zarr&variable=chl%3Dsst")
    nothing = picture("dataset=demo~many.zarr&variable=chl")  # its map draws slowly enough
    assert "image" not in nothing
    for query in ("", "dataset=none", "dataset=..%2Ffew.zarr", "&".join("dataset=a" * 30)):
        assert picture(query) == nothing
    assert picture("", Referer="http://[") == nothing
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


def test_the_viewers_program_is_sent_compressed_and_kept(viewers, shown):
    socket = viewers.socket(shown["name"])
    page = fetch(socket, "/viewer/")[2].decode()
    path = "/viewer/" + re.search(r"assets/main-[^\"]+\.js", page)[0]
    _, plain, content = fetch(socket, path, Accept_Encoding="gzip;q=0, br")
    assert "Content-Encoding" not in plain
    status, headers, body = fetch(socket, path, Accept_Encoding="br, gzip;q=0.8")
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == content and 3 * len(body) < len(content)
    for sent in (plain, headers):
        assert sent["Vary"] == "Accept-Encoding"
        assert "immutable" in sent["Cache-Control"] and "private" in sent["Cache-Control"]
        assert sent["Content-Type"].startswith(("text/javascript", "application/javascript"))
        assert "Content-Security-Policy" in sent
    known = {"Accept_Encoding": "gzip", "If_None_Match": headers["Etag"]}
    assert fetch(socket, path, **known)[::2] == (304, b"")
    head = fetch(socket, path, method="HEAD", Accept_Encoding="gzip")
    assert (head[0], head[1]["Content-Length"], head[2]) == (200, str(len(body)), b"")
    part = fetch(socket, path, Accept_Encoding="gzip", Range="bytes=0-9")
    assert part[::2] == (206, content[:10])


def test_what_is_published_for_the_edge_is_what_a_viewer_sends(viewers, shown):
    """Page and program of the same version, the same headers; nothing that differs by viewer."""
    socket, file = viewers.socket(shown["name"]), viewers.runner.services / ".cache" / "viewer.json"
    wait_for(file.exists, "published program")
    files = json.loads(file.read_text())["files"]
    main = re.search(r"assets/main-[^\"]+\.js", fetch(socket, "/viewer/index.html")[2].decode())[0]
    for path in ("/viewer/index.html", f"/viewer/{main}", "/viewer/images/logo.png",
                 "/viewer/docs/privacy-note.de.md"):  # fmt: skip
        entry = files[path]
        told = entry["headers"]
        accepted = told.get("Content-Encoding", "identity")
        _, sent, body = fetch(socket, path, Accept_Encoding=accepted)
        assert (path, base64.b64decode(entry["body"])) == (path, body)
        sent = {name.title(): value for name, value in sent.items()}
        for name, value in told.items():
            assert (path, name, sent.get(name.title(), "").lower()) == (path, name, value.lower())
    assert f"/viewer/{main}" in files and "gzip" in files[f"/viewer/{main}"]["headers"].values()
    texts = {path for path in files if path.startswith("/viewer/docs/")}
    assert texts == {path for path in NOTICES if path.startswith("/viewer/docs/")}
    assert not any(path.startswith("/viewer/config/") for path in files)


@pytest.mark.parametrize(
    "path",
    [
        "/maintenance/kill",
        "/maintenance/oom",
        "/maintenance/fail",
        "/%6daintenance/kill",
        "//maintenance/kill",
        "/viewer/ext/layout/panels/0",
        "/viewer/state",
        "/viewer/config/other.json",
        "/viewer/../../../../etc/passwd",
        "/viewer/%2e%2e/%2e%2e/index.py",
        "/s3/datasets",
        "/compute/operations",
        "/expressions/validate/demo~demo.zarr/1+1",
        "/ogc/collections/demo~demo.zarr/coverage",
        "/nothing",
    ],
)
def test_what_executes_or_writes_is_closed(viewers, shown, path):
    socket = viewers.socket(shown["name"])
    assert fetch(socket, path)[0] in (403, 404)
    assert ids(socket) == ["demo~demo.zarr"]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_nothing_can_be_written(viewers, shown, method):
    socket = viewers.socket(shown["name"])
    for path in ("/viewer/state", "/datasets", "/viewer/", "/datasets/demo~demo.zarr"):
        assert fetch(socket, path, method=method, body=b"{}")[0] in (404, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/demo~demo.zarr/x%3Dchl%2B1/0/0/0",
        "/tiles/demo~demo.zarr/rgb/0/0/0?r=x%3Dchl%2B1&g=chl&b=chl",
        "/statistics/demo~demo.zarr/x%3Dchl.values?lon=1&lat=1",
    ],
)
def test_expressions_are_never_evaluated(viewers, shown, path):
    status, _, body = fetch(viewers.socket(shown["name"]), path)
    assert status in (400, 404), body
    assert b"Traceback" not in body


def test_errors_name_no_file_and_no_line_of_code(viewers, shown, demo_root):
    socket = viewers.socket(shown["name"])
    for path in (
        "/tiles/demo~demo.zarr/nix/0/0/0",
        "/tiles/demo~demo.zarr/chl/0/0/x",
        "/timeseries/a/b",
    ):
        status, _, body = fetch(socket, path)
        assert status >= 400
        assert b"Traceback" not in body and str(demo_root).encode() not in body
        assert set(json.loads(body)["error"]) == {"status_code", "message"}


def test_a_body_without_end_is_refused(viewers, shown):
    socket = viewers.socket(shown["name"])
    try:
        status = fetch(socket, "/timeseries/a/b", method="POST", body=b"x" * (2 << 20))[0]
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # the server closes while the body is still being sent
    assert status in (400, 413)
    assert ids(socket) == ["demo~demo.zarr"]


def test_a_path_of_its_own_is_served_and_nothing_beside_it(viewers, demo_root):
    work = workload(demo_root, path="/abc-1.2")
    work["payload"]["public_url"] = "http://edge.example.org/abc-1.2"
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    socket = viewers.socket(work["name"])
    assert json_of(socket, "/abc-1.2/datasets")["datasets"]
    assert fetch(socket, "/datasets")[0] == 404
    assert fetch(socket, "/abc-1x2/datasets")[0] in (200, 404)
    status, headers, _ = fetch(socket, "/abc-1.2/viewer")
    assert (status, headers["Location"]) == (302, "/abc-1.2/viewer/")
    assert fetch(socket, "/abc-1.2/viewer/config/config.json")[0] == 200
    capabilities = fetch(socket, "/abc-1.2/wmts/1.0.0/WMTSCapabilities.xml")[2]
    assert b"http://edge.example.org/abc-1.2/" in capabilities
    assert b"http://runner" not in capabilities
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


def test_data_that_change_are_shown_without_a_failed_request_or_a_restart(viewers, cubes):
    root = cubes("one.zarr", 1)
    work = workload(root, "*.zarr")
    name = work["name"]
    viewers.put(work)
    viewers.until(name, "RUNNING")
    socket, child = viewers.socket(name), viewers.child(name)
    assert ids(socket) == ["demo~one.zarr"]
    assert mean_of(socket, "demo~one.zarr") == 1

    answers, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(fetch(socket, "/datasets")[0])
            answers.append(fetch(socket, TILE.replace("demo.zarr", "two.zarr"))[0])

    cubes("two.zarr", 5)
    assert viewers.refresh(name) == 202
    wait_for(lambda: "demo~two.zarr" in ids(socket))
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for value in (2, 3, 4):
            cubes("one.zarr", value)
            viewers.refresh(name)
            wait_for(lambda value=value: mean_of(socket, "demo~one.zarr") == value)
        work["payload"]["config"]["Styles"] = []
        work = viewers.change(work)
        viewers.until(name, "RUNNING")
    finally:
        stop.set()
        asking.join()
    assert len(answers) > 10 and set(answers) == {200}
    assert viewers.child(name) == child
    assert viewers.get(name)["revision"] == 2
    viewers.delete(name)
    viewers.until_gone(name)


def test_a_broken_dataset_takes_no_other_down_and_heals(viewers, cubes, tmp_path):
    root = cubes("good.zarr", 1)
    (root / "bad.zarr").mkdir()
    (root / "bad.zarr" / ".zgroup").write_text("{not json")
    work = workload(root, "good.zarr", "bad.zarr", "missing.zarr")
    closed = {"root": "bucket", "storage_options": {"anon": True, "client_kwargs": {}}}
    closed["storage_options"]["client_kwargs"]["endpoint_url"] = "http://127.0.0.1:1"
    work["payload"]["config"]["DataStores"].append(
        {"Identifier": "far", "StoreId": "s3", "StoreParams": closed, "Datasets": [{"Path": "*"}]}
    )
    name = work["name"]
    viewers.put(work)
    fact = viewers.until(name, "RUNNING")
    socket = viewers.socket(name)
    assert ids(socket) == ["demo~good.zarr"]
    assert fetch(socket, TILE.replace("demo.zarr", "good.zarr"))[0] == 200
    wait_for(lambda: "opened" not in viewers.get(name)["broken"].get("far", "opened"))
    fact = viewers.get(name)
    assert set(fact["broken"]) == {"demo~bad.zarr", "demo~missing.zarr", "far"}
    assert all(str(root) not in why for why in fact["broken"].values())
    assert json_of(socket, "/.xcube-hub/status")["broken"] == fact["broken"]
    assert fetch(socket, "/datasets/demo~bad.zarr")[0] == 404

    cubes("bad.zarr", 2)
    viewers.refresh(name)
    wait_for(lambda: set(viewers.get(name)["broken"]) == {"demo~missing.zarr", "far"})
    assert ids(socket) == ["demo~good.zarr", "demo~bad.zarr"]
    viewers.delete(name)
    viewers.until_gone(name)


def test_a_configuration_that_xcube_refuses_changes_nothing(viewers, shown):
    name, socket = shown["name"], viewers.socket(shown["name"])
    work = json.loads(json.dumps(shown))
    work["payload"]["config"]["Styles"] = [{"Identifier": 7}]
    work = viewers.change(work)
    fact = viewers.until(name, "RUNNING")
    assert list(fact["broken"]) == ["configuration"] and fact["revision"] == 2
    assert ids(socket) == ["demo~demo.zarr"]
    del work["payload"]["config"]["Styles"]
    viewers.change(work)
    assert viewers.until(name, "RUNNING")["broken"] == {}


def test_one_that_xcube_refuses_at_first_fails_with_the_reason(viewers, demo_root):
    work = workload(demo_root)
    work["payload"]["config"]["Styles"] = [{"Identifier": 7}]
    viewers.put(work)
    fact = viewers.until(work["name"], "FAILED")
    assert fact["reason"] == "LAUNCH" and "Styles" in fact["message"]
    assert fact["address"] == ""
    assert any("cannot start" in line for c in fact["log"] for line in c["lines"])
    # A higher revision begins anew.
    del work["payload"]["config"]["Styles"]
    viewers.change(work)
    assert viewers.until(work["name"], "RUNNING")["revision"] == 2
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


def test_own_stores_reach_only_what_the_rules_allow(viewers, demo_root):
    work = workload(demo_root)
    work["payload"]["egress"] = {"deny_private": True, "allow_networks": []}
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    assert fetch(viewers.socket(work["name"]), TILE)[0] == 200
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])


def test_asleep_there_is_no_process_and_a_connection_wakes_it(viewers, shown):
    name = shown["name"]
    child, supervisor = viewers.child(name), viewers.supervisor(name)
    asleep = viewers.change(shown, is_asleep=True)
    assert viewers.get(name)["phase"] == "ASLEEP"
    wait_for(lambda: not is_running(child) and not is_running(supervisor))
    assert viewers.get(name)["address"]
    assert viewers.refresh(name) == 202 and viewers.get(name)["phase"] == "ASLEEP"

    assert fetch(viewers.socket(name), TILE)[0] == 200
    fact = viewers.until(name, "RUNNING")
    assert (fact["revision"], fact["restarts"]) == (2, 0)
    child = viewers.child(name)
    viewers.change(asleep, is_asleep=False)
    assert viewers.until(name, "RUNNING")["revision"] == 3
    assert viewers.child(name) == child


def test_the_server_tells_nothing_about_its_machine(viewers, shown):
    told = json_of(viewers.socket(shown["name"]), "/")
    assert told["version"] and told["apis"]
    assert not {"pid", "versions"} & set(told)


def test_an_older_revision_is_ignored(viewers, shown):
    newer = viewers.change(viewers.change(shown))
    assert newer["revision"] == 3
    for revision in (3, 2, 1):
        answer = viewers.put({**shown, "revision": revision, "is_asleep": True})
        assert answer["state"] == "exists" and answer["revision"] == 3
    assert viewers.until(shown["name"], "RUNNING")["revision"] == 3


def test_other_places_of_services_are_refused(viewers, demo_root):
    from .runnerprocess import call

    control = viewers.runner.control
    work = workload(demo_root)
    assert call(control, "PUT", "/services/other", work)[0] == 400
    assert call(control, "PUT", "/services/A", work)[0] == 400
    assert call(control, "GET", "/services/other")[0] == 404
    assert call(control, "POST", "/services/other/refresh")[0] == 404
    assert call(control, "POST", "/services/other/kill")[0] == 404
    assert call(control, "POST", "/services")[0] == 405
    assert call(control, "PATCH", "/services/other")[0] == 405
    assert call(control, "GET", "/services?since=x")[0] == 400
    assert call(control, "PUT", f"/services/{work['name']}", {**work, "revision": "1"}) == (
        400,
        {"error": "revision: must be a whole number from 0."},
    )
    assert work["name"] not in viewers.names()


RANGES = """
import sys, numpy as np, xarray as xr
y, x = np.linspace(-80, 80, 40), np.linspace(-170, 170, 60)
field = 285 + 4 * np.random.default_rng(1).standard_normal((3, 40, 60))
times = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[ns]")
def variable(values, **attrs):
    return ("time", "lat", "lon"), values.astype("f4"), attrs
cube = xr.Dataset({
    "sst": variable(field, units="K"),
    "told": variable(field, color_value_min=200.0, color_value_max=400.0),
    "styled": variable(field),
    "nothing": variable(field * np.nan),
    "broken": variable(field),
    "growing": variable(field + 1000 * np.arange(3)[:, None, None]),
}, {"time": times, "lat": y, "lon": x})
cube.to_zarr(sys.argv[1], zarr_format=2)
"""


def test_where_nothing_says_the_range_of_values_it_is_looked_for(viewers, tmp_path, xcube_forks):
    root = tmp_path / "ranges"
    root.mkdir()
    xcube_forks.run("-c", RANGES, str(root / "sea.zarr"))
    for chunk in (root / "sea.zarr" / "broken").glob("[0-9]*"):
        chunk.write_bytes(b"no chunk")
    work = workload(root, "sea.zarr")
    work["payload"]["config"]["Styles"] = [
        {"Identifier": "default", "ColorMappings": {"styled": {"ValueRange": [1, 2]}}}
    ]
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    socket = viewers.socket(work["name"])

    def limits() -> dict[str, tuple[float, float]]:
        detail = json_of(socket, "/datasets/demo~sea.zarr")
        return {v["name"]: (v["colorBarMin"], v["colorBarMax"]) for v in detail["variables"]}

    wait_for(lambda: limits()["growing"] != (0.0, 1.0))  # a late answer is for the next page
    found = limits()
    low, high = found["sst"]
    assert 273 < low < 279 and 291 < high < 297
    assert found["growing"][0] < 300 and found["growing"][1] > 2270  # all times are considered
    assert found["told"] == (200.0, 400.0)
    assert found["styled"] == (1.0, 2.0)
    assert found["nothing"] == found["broken"] == (0.0, 1.0)
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])
