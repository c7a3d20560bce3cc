"""The parts of viewers that need no xcube: workloads, restarts, routes."""

from __future__ import annotations

import copy
import json
import socket
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.runner.record import notify
from jobs.runner.record.workload import WorkloadError
from jobs.runner.system import linux
from jobs.runner.viewers import apis
from jobs.runner.viewers.admit import admit
from jobs.runner.viewers.alone import ALONE_S, Alone, is_connected
from jobs.runner.viewers.folder import ServiceDir
from jobs.runner.viewers.map_place import MOST_TILES, TILE, Place
from jobs.runner.viewers.page import with_picture
from jobs.runner.viewers.restarts import FIRST_PAUSE_S, MOST_RESTARTS, WINDOW_S, Restarts
from jobs.runner.viewers.workload import parse

GOOD: dict[str, Any] = {
    "name": "one",
    "revision": 1,
    "path": "/one",
    "probe": "/datasets",
    "env": {"A": "b"},
    "memory_bytes": 1 << 30,
    "is_asleep": False,
    "payload": {
        "kind": "xcube_server",
        "config": {"DataStores": []},
        "viewer": None,
        "public_url": "https://one.example.org:8443/one",
        "egress": {"deny_private": True, "allow_networks": []},
    },
}


def changed(path: str, value: Any) -> str:
    workload = copy.deepcopy(GOOD)
    *above, last = path.split(".")
    place = workload
    for step in above:
        place = place[step]
    place[last] = value
    return json.dumps(workload)


class TestWorkloads:
    def test_a_whole_one_is_split_so_that_the_runner_reads_no_payload(self):
        parts = parse(json.dumps(GOOD))
        assert parts["work"] == {"payload": GOOD["payload"], "env": {"A": "b"}}
        assert "payload" not in parts["meta"] and "env" not in parts["meta"]
        assert parts["meta"]["path"] == "/one"

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("name", "../up"),
            ("name", None),
            ("revision", -1),
            ("revision", True),
            ("revision", "1"),
            ("revision", 2**62),
            ("path", "one"),
            ("path", "/one/"),
            ("path", "/../one"),
            ("path", "/a|b"),
            ("path", "/(.*)"),
            ("path", 7),
            ("probe", "datasets"),
            ("probe", "/a\r\nX: y"),
            ("probe", "/a b"),
            ("env", ["A"]),
            ("env", {"A": 1}),
            ("env", {"A=B": "c"}),
            ("env", {"A": "\0"}),
            ("memory_bytes", 0),
            ("memory_bytes", 1.5),
            ("is_asleep", 1),
            ("payload", None),
            ("payload.kind", "cubegen"),
            ("payload.config", []),
            ("payload.viewer", "x"),
            ("payload.public_url", None),
            ("payload.public_url", "ftp://x"),
            ("payload.public_url", "http://x/"),
            ("payload.public_url", "http://x?y"),
            ("payload.public_url", "http://x\n"),
            ("payload.public_url", "http://[x"),
            ("payload.egress", {"deny_private": 1}),
            ("payload.more", 1),
            ("more", 1),
        ],
    )
    def test_others_are_refused_with_the_name_of_the_field(self, path, value):
        with pytest.raises(WorkloadError, match=path.split(".")[-1]):
            parse(changed(path, value))

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"revision": NaN}', "[" * 100_000])
    def test_what_is_no_object_is_refused(self, text):
        with pytest.raises(WorkloadError):
            parse(text)

    def test_digests_tell_what_has_changed(self):
        meta = parse(json.dumps(GOOD))["meta"]
        same = parse(changed("revision", 5))["meta"]
        data = parse(changed("payload.config", {"Styles": []}))["meta"]
        place = parse(changed("env", {}))["meta"]
        assert same["digest"] == meta["digest"]
        assert data["digest"] != meta["digest"] and data["place"] == meta["place"]
        assert place["digest"] != meta["digest"] and place["place"] != meta["place"]


class TestFolders:
    @pytest.fixture
    def root(self, tmp_path):
        for folder in (".ended", ".trash", ".incoming"):
            (tmp_path / folder).mkdir()
        return tmp_path

    def admit(self, root, path="revision", value: Any = 1) -> dict[str, Any]:
        return admit(root, changed(path, value).encode(), "one")

    def test_only_a_higher_revision_changes_a_service(self, root):
        assert self.admit(root, value=5)["state"] == "created"
        for older in (5, 4, 0):
            assert self.admit(root, value=older)["state"] == "exists"
        assert ServiceDir(root, "one").read("meta.json")["revision"] == 5
        assert self.admit(root, value=6)["state"] == "changed"
        assert ServiceDir(root, "one").read_work()["revision"] == 6

    def test_one_payload_is_kept_and_nothing_half_made(self, root):
        self.admit(root)
        later = json.loads(changed("payload.config", {"Styles": []})) | {"revision": 2}
        assert admit(root, json.dumps(later).encode(), "one")["state"] == "changed"
        folder = ServiceDir(root, "one")
        assert len(list(folder.path.glob("work-*.json"))) == 1
        assert folder.read_work()["payload"]["config"] == {"Styles": []}
        assert list((root / ".incoming").iterdir()) == []

    def test_a_removed_service_does_not_come_again(self, root):
        ServiceDir(root, "one").leave_tombstone()
        assert self.admit(root)["state"] == "ended"
        assert not (root / "one").exists()

    def test_the_name_must_be_that_of_the_address(self, root):
        assert admit(root, json.dumps(GOOD).encode(), "two")["status"] == 400

    def test_a_long_path_has_its_socket_elsewhere(self, root):
        folder = ServiceDir(root, "x" * 63)
        folder.path.mkdir()
        deep = ServiceDir(root / ("d" * 80), "one")
        deep.path.mkdir(parents=True)
        for one in (folder, deep):
            listener = one.listen()
            try:
                assert one.socket.is_socket()
                assert one.socket.stat().st_mode & 0o777 == 0o600
                assert one.socket.parent.stat().st_uid == one.path.stat().st_uid
            finally:
                listener.close()
                one.unlink_socket()
            assert not one.socket.exists()

    def test_folders_know_their_boot(self, root):
        self.admit(root)
        folder = ServiceDir(root, "one")
        assert folder.is_of_this_boot
        folder.write("meta.json", {**folder.read("meta.json"), "boot_id": "another"})
        assert not folder.is_of_this_boot
        assert linux.boot_id() != "another"


class TestRestarts:
    def test_pauses_grow_until_it_is_a_loop(self):
        restarts = Restarts()
        pauses = [restarts.crashed(100.0 + n) for n in range(MOST_RESTARTS + 1)]
        assert pauses == [FIRST_PAUSE_S * 2**n for n in range(MOST_RESTARTS)] + [None]
        assert restarts.count == MOST_RESTARTS

    def test_crashes_that_are_far_apart_are_no_loop(self):
        restarts = Restarts()
        for n in range(50):
            assert restarts.crashed(n * WINDOW_S) == FIRST_PAUSE_S

    @given(st.lists(st.floats(0, 5_000), max_size=30))
    def test_never_more_restarts_in_one_window(self, moments):
        restarts, started = Restarts(), []
        for now in sorted(moments):
            if restarts.crashed(now) is None:
                break
            started.append(now)
        for first in started:
            assert sum(first <= at < first + WINDOW_S for at in started) <= MOST_RESTARTS

    def test_a_clock_that_was_ahead_makes_no_loop(self):
        restarts = Restarts(3, [9e9, 9e9, 9e9])
        assert restarts.crashed(100.0) == FIRST_PAUSE_S


@pytest.mark.parametrize(
    ("route", "offered"),
    [
        ("/datasets", True),
        ("/", True),
        ("/tiles/{datasetId}/{varName}/{z}/{y}/{x}", True),
        ("/maintenance/kill", False),
        ("/maintenance/update", False),
        ("/viewer/ext/callback", False),
        ("/viewer/state", False),
        ("/viewer/config/{*path}", False),
        ("/viewers", True),
    ],
)
def test_routes_that_execute_or_write_are_closed(route, offered):
    assert apis.is_offered(route) is offered


class TestAlone:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "one").mkdir()
        return ServiceDir(tmp_path, "one")

    def test_a_runner_that_comes_back_in_time_begins_the_wait_anew(self, folder):
        now = [0.0]
        alone = Alone(folder, "/nowhere", clock=lambda: now[0])

        def look(after_s: float) -> bool:
            now[0] += after_s
            return alone.must_end()

        assert [look(100) for _ in range(3)] == [False] * 3
        with notify.listen(folder.root):
            assert not look(ALONE_S)
        assert [look(100) for _ in range(4)] == [False, False, False, True]

    def test_not_while_someone_is_connected(self, folder):
        now = [0.0]
        listener = folder.listen()
        address = listener.getsockname()
        alone = Alone(folder, address, limit_s=1, clock=lambda: now[0])
        assert not alone.must_end() and not is_connected(address)
        now[0] = 1e6
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(folder.socket))
            assert is_connected(address) and not alone.must_end()
            accepted, _ = listener.accept()
            assert is_connected(address)
            accepted.close()
        now[0] += 1
        assert alone.must_end()
        listener.close()

    def test_at_once_without_a_folder(self, folder):
        folder.path.rmdir()
        assert Alone(folder, "/nowhere").must_end()


def test_a_configuration_cannot_name_files_of_the_server():
    config = {
        "Styles": [],
        "Viewer": {"Augmentation": {"Extensions": ["os.system"]}},
        "static_routes": [{"path": "/x", "dir_path": "/"}],
        "Authentication": {},
        "base_dir": "/",
        "api_spec": {"includes": ["compute"]},
    }
    assert apis.without_others(config) == {
        "Styles": [],
        "api_spec": {"includes": list(apis.ON)},
    }


class TestPlacesOfTheFirstPicture:
    @given(
        st.tuples(*2 * [st.floats(-180, 180)]).map(sorted),
        st.tuples(*2 * [st.floats(-90, 90)]).map(sorted),
    )
    def test_a_few_tiles_cover_the_data(self, longitudes, latitudes):
        (west, east), (south, north) = longitudes, latitudes
        place = Place.of((west, south, east, north))
        if place is None:
            assert east - west < 1e-9 or north - south < 1e-9 or south > 85 or north < -85
            return
        assert 1 <= len(place.columns) * len(place.rows) <= MOST_TILES
        assert TILE * place.columns[0] <= place.x1 < place.x2 <= TILE * (place.columns[-1] + 1)
        world = TILE * 2**place.zoom
        assert TILE * place.rows[0] <= max(0, place.y1)
        assert min(world, place.y2) <= TILE * (place.rows[-1] + 1)
        ElementTree.fromstring(place.svg(b"png"))

    @pytest.mark.parametrize(
        "bounds", [(170, 0, -170, 10), (0, 0, 0, 1), (0, 1, 1, 1), 4 * [float("nan")]]
    )
    def test_there_is_none_without_an_area(self, bounds):
        assert Place.of(bounds) is None

    @pytest.mark.parametrize(
        ("bounds", "box", "align"),
        [
            ((-180, -90, 180, 90), "0.000 255.500 512.000 1.000", "Mid"),
            ((0, 50, 120, 90), "-512.000 0.000 1024.000 1.000", "Min"),
            ((0, -90, 120, -50), "-512.000 511.000 1024.000 1.000", "Max"),
        ],
    )
    def test_a_wide_window_shows_data_at_a_pole_as_the_map_does(self, bounds, box, align):
        wide = f'<svg class="wide" viewBox="{box}" preserveAspectRatio="xMidY{align}">'
        assert wide in Place.of(bounds).svg(b"").decode()

    def test_a_page_of_another_shape_stays_as_it_is(self):
        assert with_picture(b"<html>") == b"<html>"
