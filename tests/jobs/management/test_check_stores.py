"""`manage.py check_stores`."""

from __future__ import annotations

import io
import json
import shutil

import pytest
from django.core.management import CommandError, call_command

from jobs.management.commands.check_stores import Command

STORES = """
cubes:
  title: "[red]Cubes"
  store_id: s3
  store_params:
    root: bucket
    storage_options:
      key: hidden-key
      secret: hidden-secret
      endpoint_url: https://user:hidden-password@s3.example.org
  cost_params: {input_pixels_per_punit: 262144, output_pixels_per_punit: 589824}
home:
  store_id: file
  store_params: {root: /data/home}
  per_user: true
gift:
  store_id: memory
  cost_params: {scheme: free}
  writable: false
"""


@pytest.fixture
def stores(tmp_path, settings, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    path = tmp_path / "stores.yaml"
    path.write_text(STORES)
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    return path


def run(*arguments) -> str:
    output = io.StringIO()
    call_command("check_stores", *arguments, stdout=output, stderr=output, no_color=True)
    return output.getvalue()


def test_a_table_of_the_stores_is_shown_without_secrets(stores):
    shown = run()
    for text in (
        "3 stores in",
        "@cubes",
        "bucket at s3.example.org",
        "read 262,144 px/unit x 1",
        "/data/home/<user>",
        "none: no input",
        "free",
    ):
        assert text in shown
    assert "hidden" not in shown


def test_json_is_for_programs(stores):
    document = json.loads(run("--json"))
    assert document["faults"] == []
    assert [store["name"] for store in document["stores"]] == ["cubes", "home", "gift"]
    assert document["stores"][0]["price"]["output_pixels_per_punit"] == 589824
    assert document["stores"][2] == {
        "name": "gift",
        "title": "",
        "type": "memory",
        "place": "",
        "readable": True,
        "writable": False,
        "per_user": False,
        "price": document["stores"][2]["price"],
        "found": [],
    }
    assert document["stores"][2]["price"]["scheme"] == "free"
    assert "hidden" not in json.dumps(document)


def test_every_fault_is_listed_and_the_exit_code_is_1(stores):
    stores.write_text("a: {}\nb: 5\n")
    with pytest.raises(CommandError) as raised:
        run()
    assert raised.value.returncode == 1
    assert "Store 'a': store_id is missing" in str(raised.value)
    assert "Store 'b': expected a map" in str(raised.value)


def test_faults_are_in_the_json_too(stores):
    stores.write_text("a: {}\n")
    output = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_stores", "--json", stdout=output)
    assert len(json.loads(output.getvalue())["faults"]) == 1


def test_another_file_can_be_checked(stores, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("only: {store_id: memory}")
    assert "1 store in" in run("--file", str(other))


def test_without_a_file_it_says_what_to_set(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": None}
    assert "XCUBE_HUB_STORES" in run()


def test_the_help_explains_the_file():
    text = Command().create_parser("manage.py", "check_stores").format_help()
    for word in ("cost_params", "per_user", "--json", "--file", "examples:", "exit code"):
        assert word in text


def test_a_root_that_does_not_exist_is_told(stores, tmp_path, settings):
    (tmp_path / "a-file").write_text("x")
    (tmp_path / "there").mkdir()
    stores.write_text(
        "there: {store_id: file, store_params: {root: there}, writable: false}\n"
        "gone: {store_id: file, store_params: {root: gone}, writable: false}\n"
        "strange: {store_id: file, store_params: {root: a-file}}\n"
        "new: {store_id: file, store_params: {root: new}}\n"
    )
    output = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("check_stores", stdout=output, stderr=output)
    assert raised.value.returncode == 1
    assert str(raised.value).splitlines()[1:] == [
        f"  @gone: its root {tmp_path}/gone does not exist.",
        f"  @strange: its root {tmp_path}/a-file is no folder.",
    ]
    assert f"@new: its root {tmp_path}/new does not exist; the first cube makes it." in (
        output.getvalue()
    )
    output = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_stores", "--json", stdout=output)
    assert len(json.loads(output.getvalue())["faults"]) == 2
    settings.HUB = {**settings.HUB, "XCUBE_HUB_ENGINE": "kubernetes"}
    assert "4 stores" in run()  # pods have other folders


def test_a_probe_without_a_runner_says_so_and_does_not_hang(stores, monkeypatch, tmp_path):
    monkeypatch.setattr("jobs.estimates.asking.estimate_socket", lambda: tmp_path / "none.sock")
    with pytest.raises(CommandError, match="@gift: it cannot be opened: Estimates cannot be made"):
        run("--probe")


@pytest.mark.xcube
def test_a_probe_opens_one_dataset_of_each_store(stores, runner, demo_cube, tmp_path):
    shutil.copytree(demo_cube, tmp_path / "source" / demo_cube.name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken" / "bad.zarr").mkdir(parents=True)
    (tmp_path / "broken" / "bad.zarr" / ".zgroup").write_text("nonsense")
    stores.write_text(
        "demo: {store_id: file, store_params: {root: source}}\n"
        "empty: {store_id: file, store_params: {root: empty}}\n"
    )
    shown = run("--probe")
    assert "@demo: opened demo.zarr (2 variables; " in shown
    assert "time 6" in shown
    assert "@empty: opened; it holds no dataset." in shown
    stores.write_text(
        "broken: {store_id: file, store_params: {root: broken}}\n"
        "absent: {store_id: memory, store_params: {root: nowhere}, writable: false}\n"
        "away: {store_id: s3, store_params: {root: b, storage_options: "
        "{anon: true, client_kwargs: {endpoint_url: 'http://127.0.0.1:9'}}}}\n"
    )
    with pytest.raises(CommandError) as raised:
        run("--probe")
    assert "@broken: it cannot be opened: " in str(raised.value)
    assert "@absent: its root does not exist." in str(raised.value)
    assert "@away: it cannot be opened: " in str(raised.value)
