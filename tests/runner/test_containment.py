"""Nothing that lies in a user's store leads an estimate or a run to data of another user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.servers.s3 import s3_server

from .runnerprocess import Runner
from .test_outputs import files
from .test_xcube import cubegen

pytestmark = pytest.mark.xcube

OUTSIDE = "leads outside of its data store"


def pyramid(path: Path, target: str) -> None:
    path.mkdir()
    (path / ".zlevels").write_text('{"version": "1.0", "num_levels": 1}')
    (path / "0.link").write_text(target)


def key_out_of(cube: Path, key: str) -> None:
    """Let consolidated metadata name the array `chl` by another key."""
    content = json.loads((cube / ".zmetadata").read_text())
    meta = content["metadata"]
    content["metadata"] = {name.replace("chl/", f"{key}/"): meta[name] for name in meta}
    (cube / ".zmetadata").write_text(json.dumps(content))


class Users:
    """A store of one folder for each user: ada's cube, and ben's, which is secret."""

    def __init__(self, root: Path, demo: Path):
        self.ada, self.ben = root / "users" / "ada", root / "users" / "ben"
        shutil.copytree(demo, self.ada / "cube.zarr")
        shutil.copytree(demo, self.ben / "secret.zarr")
        pyramid(self.ben / "secret.levels", "../secret.zarr")

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.ada / "cube.zarr", self.ada / name))


@pytest.fixture
def users(tmp_path: Path, demo_root: Path, stores: dict[str, Any]) -> Users:
    users = Users(tmp_path, demo_root / "demo.zarr")
    stores["ada"] = {"store_id": "file", "store_params": {"root": str(users.ada)}}
    return users


def _link(users: Users, target: str) -> str:
    pyramid(users.ada / "x.levels", target)
    return "x.levels"


def _symbolic(users: Users, target: Any) -> str:
    os.symlink(target, users.ada / "x.zarr")
    return "x.zarr"


def _part(users: Users, part: str, target: str) -> str:
    place = users.copy("x.zarr") / part
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    os.symlink(users.ben / "secret.zarr" / target, place)
    return "x.zarr"


def _key(users: Users, key: str) -> str:
    key_out_of(users.copy("x.zarr"), key.format(ben=users.ben))
    return "x.zarr"


def _link_to_link(users: Users) -> str:
    os.symlink("../ben", users.ada / "near")
    return _link(users, "../near/secret.zarr")


def _linked_link(users: Users) -> str:
    name = _link(users, "../cube.zarr")
    (users.ada / name / "0.link").unlink()
    os.symlink(users.ben / "secret.levels" / "0.link", users.ada / name / "0.link")
    return name


def _linked_level(users: Users) -> str:
    name = _link(users, "../cube.zarr")
    (users.ada / name / "0.link").unlink()
    os.symlink(users.ben / "secret.zarr", users.ada / name / "0.zarr")
    return name


AT_THE_ESTIMATE = {
    "a link upwards": lambda users: _link(users, "../../ben/secret.zarr"),
    "an absolute link": lambda users: _link(users, str(users.ben / "secret.zarr")),
    "a link to the whole path": lambda users: _link(
        users, f"{users.ada}/x.levels/../../ben/secret.zarr"
    ),
    "a link to a symbolic link": _link_to_link,
    "a symbolic link as link": _linked_link,
    "a symbolic link as level": _linked_level,
    "a symbolic link": lambda users: _symbolic(users, users.ben / "secret.zarr"),
    "a symbolic link upwards": lambda users: _symbolic(users, "../ben/secret.zarr"),
    "metadata of another": lambda users: _part(users, ".zmetadata", ".zmetadata"),
    "coordinates of another": lambda users: _part(users, "time", "time"),
}
IN_THE_RUN = {
    "an array of another": lambda users: _part(users, "chl", "chl"),
    "one chunk of another": lambda users: _part(users, "chl/0.0.0", "chl/0.0.0"),
}
INSIDE = {
    "a pyramid": lambda users: _link(users, "../cube.zarr"),
    "a symbolic link inside": lambda users: _symbolic(users, "cube.zarr"),
    "an absolute symbolic link inside": lambda users: _symbolic(users, users.ada / "cube.zarr"),
    "a chained address is a name": lambda users: _chained(users, "simplecache::file:/x.zarr"),
}


def _chained(users: Users, target: str) -> str:
    shutil.copytree(users.ada / "cube.zarr", users.ada / "x.levels" / target, dirs_exist_ok=True)
    (users.ada / "x.levels" / ".zlevels").write_text('{"version": "1.0", "num_levels": 1}')
    (users.ada / "x.levels" / "0.link").write_text(target)
    return "x.levels"


def asking(request_body: dict[str, Any], data_id: str, store: str = "@ada") -> dict[str, Any]:
    request_body["input_config"] = {"store_id": store, "data_id": data_id}
    return request_body


@pytest.mark.parametrize("case", AT_THE_ESTIMATE)
def test_what_leads_to_another_user_is_refused(runner, users, stores, request_body, case, tmp_path):
    asking(request_body, AT_THE_ESTIMATE[case](users))
    answer = runner.estimate({"request": request_body, "stores": stores})
    assert (answer["status"], answer["kind"]) == ("error", "request"), answer
    assert "outside of its data store" in answer["message"]
    assert answer["field"] == "input_config.data_id"
    assert str(tmp_path) not in answer["message"]
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert (run["phase"], run["reason"]) == ("FAILED", "XCUBE_ERROR")
    assert "outside of its data store" in run["message"]
    assert str(tmp_path) not in run["message"]
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("case", IN_THE_RUN)
def test_data_of_another_user_is_not_read(runner, users, stores, request_body, case, tmp_path):
    """An estimate reads no data, so only the run can see it."""
    asking(request_body, IN_THE_RUN[case](users))
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert (run["phase"], run["reason"]) == ("FAILED", "XCUBE_ERROR")
    assert OUTSIDE in run["message"] and "x.zarr/chl" in run["message"]


@pytest.mark.parametrize("key", ["../../ben/secret.zarr/chl", "{ben}/secret.zarr/chl"])
def test_keys_of_metadata_stay_inside(runner, users, stores, request_body, key):
    asking(request_body, _key(users, key))
    request_body["cube_config"].pop("variable_names")
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    names = {p.name for p in (users.ada.parent.parent / "out").rglob("*")}
    assert run["phase"] == "FAILED" or not names & {"secret.zarr", "chl"}, (run, names)


@pytest.mark.parametrize("case", INSIDE)
def test_links_inside_a_store_are_legal(runner, users, stores, request_body, case):
    asking(request_body, INSIDE[case](users))
    answer = runner.estimate({"request": request_body, "stores": stores})
    assert answer["status"] == "ok", answer
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert run["phase"] == "SUCCEEDED", run


def test_a_store_of_everyone_may_hold_links_between_its_users(runner, users, stores, request_body):
    """Who may read the whole store loses nothing; nor does it open the smaller store for others."""
    stores["all"] = {"store_id": "file", "store_params": {"root": str(users.ada.parent)}}
    name = _link(users, "../../ben/secret.zarr")
    asking(request_body, f"ada/{name}", "@all")
    assert runner.estimate({"request": request_body, "stores": stores})["status"] == "ok"
    del stores["all"]
    asking(request_body, name)
    answer = runner.estimate({"request": request_body, "stores": stores})
    assert OUTSIDE in answer["message"]


def _claim(users: Users) -> None:
    os.symlink(users.ben / "secret.zarr" / ".zattrs", users.ada / ".out.zarr.xcube-hub")


def _old_pyramid(users: Users) -> None:
    users.copy("out.zarr")
    pyramid(users.ben / "mine.levels", "../out.zarr")
    os.symlink(users.ben / "mine.levels", users.ada / "out.levels")


def _appended(users: Users) -> None:
    users.copy("out.zarr")
    shutil.rmtree(users.ada / "out.zarr" / "chl")
    os.symlink(users.ben / "secret.zarr" / "chl", users.ada / "out.zarr" / "chl")


def _old_levels(users: Users) -> None:
    (users.ada / "out.levels").mkdir()
    os.symlink(users.ben / "secret.zarr" / ".zattrs", users.ada / "out.levels" / ".zlevels")
    os.symlink(users.ben / "secret.zarr", users.ada / "out.levels" / "0.zarr")


WRITES = {
    "the claim": (_claim, {"data_id": "out.zarr"}),
    "an old pyramid": (_old_pyramid, {"data_id": "out.zarr", "replace": True}),
    "an array to append to": (
        _appended,
        {"data_id": "out.zarr", "write_params": {"append_dim": "time"}},
    ),
    "a pyramid to replace": (_old_levels, {"data_id": "out.levels", "replace": True}),
}


@pytest.mark.parametrize("case", WRITES)
def test_nothing_of_another_user_is_written_or_removed(runner, users, stores, request_body, case):
    prepare, output = WRITES[case]
    prepare(users)
    before = {name: (users.ben / name).read_bytes() for name in files(users.ben)}
    request_body["output_config"] = {"store_id": "@ada", **output}
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert {name: (users.ben / name).read_bytes() for name in files(users.ben)} == before
    assert run["phase"] == "FAILED", run


def test_a_replaced_cube_loses_its_links_and_not_what_they_lead_to(
    runner, users, stores, request_body
):
    name = _part(users, "chl", "chl")
    before = files(users.ben)
    request_body["output_config"] = {"store_id": "@ada", "data_id": name, "replace": True}
    run = runner.end_of(runner.launch(cubegen(request_body, stores)))
    assert run["phase"] == "SUCCEEDED", run
    assert files(users.ben) == before and not (users.ada / name / "chl").is_symlink()


UPLOAD = """
import sys, s3fs
url, folder = sys.argv[1:]
fs = s3fs.S3FileSystem(key="a", secret="b", client_kwargs={"endpoint_url": url})
fs.put(folder + "/", "bucket/", recursive=True)
"""


def test_links_in_a_bucket_stay_below_the_users_prefix(
    runner: Runner, users: Users, stores, request_body, tmp_path, xcube_python
):
    targets = {
        "good": "../cube.zarr",
        "up": "../../ben/secret.zarr",
        "absolute": "/users/ben/secret.zarr",
        "bucket": "/bucket/users/ben/secret.zarr",
        "whole": "bucket/users/ada/whole.levels/../../ben/secret.zarr",
        "far": "../../../../other/secret.zarr",
    }
    for name, target in targets.items():
        pyramid(users.ada / f"{name}.levels", target)
    with s3_server("bucket") as url:
        shutil.move(users.ada.parent, tmp_path / "b" / "users")
        command = [str(xcube_python), "-c", UPLOAD, url, str(tmp_path / "b")]
        subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True)
        options = {"key": "a", "secret": "b", "client_kwargs": {"endpoint_url": url}}
        params = {"root": "bucket/users/ada", "storage_options": options}
        stores["ada"] = {"store_id": "s3", "store_params": params}
        for name in targets:
            asking(request_body, f"{name}.levels")
            answer = runner.estimate({"request": request_body, "stores": stores})
            if name == "good":
                assert answer["status"] == "ok", answer
                continue
            assert answer["kind"] == "request" and OUTSIDE in answer["message"], (name, answer)
