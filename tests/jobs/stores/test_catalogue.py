"""The data stores file: what it may say, and where its stores' data lies."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.estimates.cost import Price
from jobs.stores.catalogue import StoreCatalogue, load_catalogue
from jobs.stores.location import location
from jobs.stores.store import Store
from jobs.stores.stores_file import StoresFileError

GOOD = """
cubes:
  title: Shared cubes
  description: made 2020-01-01
  store_id: s3
  store_params:
    root: bucket/cubes
    max_depth: 3
    since: 2020-01-01
    storage_options:
      anon: false
      key: ${CUBES_KEY}
      secret: $CUBES_SECRET
      note: 5$$ or $5
  cost_params:
    input_pixels_per_punit: 589824
    output_pixels_per_punit: 262144.0
    input_punits_weight: 1
home:
  store_id: file
  store_params: {root: data/home}
  per_user: true
free:
  store_id: memory
  cost_params: {scheme: free}
  writable: false
"""
ENVIRON = {"CUBES_KEY": "my-key", "CUBES_SECRET": "my: 'secret'\n#"}


def read(tmp_path: Path, text: str, environ=ENVIRON) -> StoreCatalogue:
    path = tmp_path / "stores.yaml"
    path.write_text(text)
    return StoreCatalogue.from_file(path, environ)


def faults(tmp_path: Path, text: str, environ=ENVIRON) -> list[str]:
    with pytest.raises(StoresFileError) as raised:
        read(tmp_path, text, environ)
    assert str(tmp_path) in str(raised.value)
    return raised.value.faults


def entry(text: str) -> str:
    """A file with one s3 store, and `text` as further members of it."""
    return f"x:\n  store_id: s3\n  store_params: {{root: b}}\n  {text}\n"


def test_stores_are_read_with_their_prices_and_permissions(tmp_path):
    catalogue = read(tmp_path, GOOD)
    assert [store.name for store in catalogue] == ["cubes", "home", "free"]
    cubes = catalogue.get("cubes")
    assert (cubes.title, cubes.description) == ("Shared cubes", "made 2020-01-01")
    assert (cubes.readable, cubes.writable, cubes.per_user) == (True, True, False)
    assert cubes.price == Price(589824, 262144, 1.0, 1.0)
    assert isinstance(cubes.price.input_punits_weight, float)
    assert catalogue.get("free").price.free
    assert not catalogue.get("free").writable
    assert catalogue.get("home").price is None
    assert catalogue.get("nothing") is None
    assert "home" in catalogue
    assert len(catalogue) == 3


def test_values_come_from_the_environment_as_text(tmp_path):
    params = read(tmp_path, GOOD).get("cubes").store_params
    assert params == {
        "root": "bucket/cubes",
        "max_depth": 3,
        "since": "2020-01-01",  # as in JSON
        "storage_options": {
            "anon": False,
            "key": "my-key",
            "secret": "my: 'secret'\n#",  # never read as YAML
            "note": "5$ or $5",
        },
    }


def test_a_missing_variable_is_named_with_its_place(tmp_path):
    assert faults(tmp_path, GOOD, {"CUBES_KEY": "x"}) == [
        "Store 'cubes': store_params.storage_options.secret names the environment variable "
        "CUBES_SECRET, which is not set (write $$ for a dollar)."
    ]


def test_json_is_read_too(tmp_path):
    path = tmp_path / "stores.json"
    stores = {"x": {"store_id": "s3", "store_params": {"root": "bü😀"}}}
    path.write_text(json.dumps(stores, indent="\t"))
    assert StoreCatalogue.from_file(path, {}).get("x").store_params == {"root": "bü😀"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{\n'x': 1}", "Line 2: Expecting property name enclosed in double quotes."),
        ('{"x": {}, "x": {}}', "It cannot be read: 'x' is given twice."),
        ("", "Line 1: Expecting value."),
    ],
)
def test_json_with_faults_is_refused(tmp_path, text, fault):
    path = tmp_path / "stores.json"
    path.write_text(text)
    with pytest.raises(StoresFileError) as raised:
        StoreCatalogue.from_file(path, {})
    assert raised.value.faults == [fault]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_is_an_empty_catalogue(tmp_path, text):
    assert list(read(tmp_path, text)) == []


def test_every_fault_is_told(tmp_path):
    told = faults(
        tmp_path,
        """
        "@a": {store_id: s3, store_params: {root: b}}
        b: 5
        c: {title: 7, colour: red}
        d: {store_id: file, readable: 1}
        """,
    )
    assert told == [
        "Store '@a': expected a name of letters, digits, '_', '.', '-' (without '@').",
        "Store 'b': expected a map with at least store_id.",
        "Store 'c': 'colour' is unknown; expected title, description, store_id, store_params, "
        "cost_params, readable, writable, per_user.",
        "Store 'c': store_id is missing; expected a store type such as 's3' or 'file'.",
        "Store 'c': title is 7; expected text.",
        "Store 'd': store_params.root is missing; expected the folder of the store.",
        "Store 'd': readable is 1; expected true or false.",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x: {store_id: s3}\nx: {store_id: s3}", "Line 2: 'x' is given twice."),
        ("x:\n  store_id: s3\n  store_id: s3", "Line 3: 'store_id' is given twice."),
        ("x: [", "Line 1: expected the node content, but found '<stream end>'."),
        ("- x", "It is not a map of names to stores."),
        ("x: &x {store_id: s3, store_params: {root: b, y: *x}}", "It is nested without end."),
        ("x: !!python/object:os.system {}", None),
    ],
)
def test_what_is_no_map_of_stores_is_refused(tmp_path, text, fault):
    (told,) = faults(tmp_path, text)
    assert fault is None or told == fault


def test_files_that_cannot_be_read_are_told(tmp_path):
    with pytest.raises(StoresFileError, match="No such file"):
        StoreCatalogue.from_file(tmp_path / "none.yaml", {})
    (tmp_path / "latin.yaml").write_bytes(b"x: \xff")
    with pytest.raises(StoresFileError, match="UTF-8"):
        StoreCatalogue.from_file(tmp_path / "latin.yaml", {})


@pytest.mark.parametrize(
    ("cost_params", "fault"),
    [
        ("5", "cost_params is not a map"),
        ("{scheme: gold}", "cost_params.scheme is 'gold'; expected 'punits' or 'free'"),
        ("{}", "cost_params.input_pixels_per_punit is missing; expected a whole number above 0"),
        ("{input_pixels_per_unit: 1}", "cost_params.input_pixels_per_unit is unknown; expected "),
        ("{input_pixels_per_punit: 0}", "cost_params.input_pixels_per_punit is 0; expected a whol"),
        ("{input_pixels_per_punit: 0.5}", "cost_params.input_pixels_per_punit is 0.5; expected a"),
        ("{input_pixels_per_punit: true}", "cost_params.input_pixels_per_punit is True; expected"),
        ("{input_pixels_per_punit: .inf}", "cost_params.input_pixels_per_punit is inf; expected"),
        ("{output_punits_weight: -1}", "cost_params.output_punits_weight is -1; expected a number"),
        ("{output_punits_weight: x}", "cost_params.output_punits_weight is 'x'; expected a number"),
    ],
)
def test_prices_are_checked(tmp_path, cost_params, fault):
    assert any(fault in told for told in faults(tmp_path, entry(f"cost_params: {cost_params}")))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("x: {store_id: cds, per_user: true}", "per_user needs a root, which a 'cds' store has"),
        ("x: {store_id: memory, per_user: true}", "per_user needs store_params.root, which is"),
        ("x: {store_id: s3}", "store_params.root is missing; expected bucket or bucket/prefix"),
        ("x: {store_id: s3, store_params: {root: 5}}", "store_params.root is not text"),
        ("x: {store_id: s3, store_params: [b]}", "store_params is not a map"),
        ("x: {store_id: cds, store_params: {1: 2}}", "store_params has the key 1; expected text"),
        ("x: {store_id: cds, store_params: {a: .nan}}", "store_params.a is not text, finite"),
        ("x: {store_id: cds, store_params: {a: !!set {b}}}", "store_params.a is not text, finite"),
        (
            "x: {store_id: s3, store_params: {root: b, read_only: true}, writable: true}",
            "writable is true but store_params.read_only too",
        ),
    ],
)
def test_parameters_are_checked(tmp_path, text, fault):
    told = faults(tmp_path, text)
    assert any(fault in line for line in told), told


@pytest.mark.parametrize(
    "text",
    [
        "x: {store_id: https, store_params: {root: h}}",
        "x: {store_id: reference}",
        "x: {store_id: s3, store_params: {root: b, read_only: true}}",
    ],
)
def test_stores_that_cannot_be_written_are_not_writable(tmp_path, text):
    assert not read(tmp_path, text).get("x").writable


# What a run gets


def test_a_run_gets_clean_parameters_of_its_own(tmp_path):
    cubes = read(tmp_path, GOOD).get("cubes")
    given_to_run = cubes.for_user("a123")
    assert set(given_to_run) == {"store_id", "store_params"}
    given_to_run["store_params"]["storage_options"]["key"] = "changed"
    assert cubes.store_params["storage_options"]["key"] == "my-key"


def test_a_relative_folder_begins_at_the_file(tmp_path):
    home = read(tmp_path, GOOD).get("home")
    root = home.for_user("a123")["store_params"]["root"]
    assert root == str(tmp_path / "data" / "home" / "a123")


@pytest.mark.parametrize(
    ("store_id", "root", "expected"),
    [
        ("s3", "bucket", "bucket/a1"),
        ("s3", "bucket/prefix/", "bucket/prefix/a1"),
        ("memory", "x", "x/a1"),
        ("abfs", "container", "container/a1"),
    ],
)
def test_each_user_has_a_folder_below_root(tmp_path, store_id, root, expected):
    text = f"x: {{store_id: {store_id}, store_params: {{root: {root}}}, per_user: true}}"
    assert read(tmp_path, text).get("x").for_user("a1")["store_params"]["root"] == expected


@pytest.mark.parametrize("user_id", ["", "..", "a/b", "a.b", "/x", "a\n"])
def test_a_user_id_that_is_no_folder_name_is_refused(user_id):
    store = Store("x", "s3", store_params={"root": "b"}, per_user=True)
    with pytest.raises(ValueError, match="folder"):
        store.for_user(user_id)


def test_secrets_are_not_shown(tmp_path):
    cubes = read(tmp_path, GOOD).get("cubes")
    assert "my-key" not in repr(cubes)
    assert cubes.place == "bucket/cubes at s3.amazonaws.com"


# Locations


def s3(root, endpoint=None, **options):
    if endpoint:
        options["client_kwargs"] = {"endpoint_url": endpoint}
    return {"store_id": "s3", "store_params": {"root": root, "storage_options": options}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (s3("b"), s3("s3://b/")),
        (s3("b/p"), s3("b//p/")),
        (s3("b", key="x", secret="y"), s3("b", key="z", secret="z")),
        (s3("b", "https://s3.amazonaws.com"), s3("b", "https://s3.eu-central-1.amazonaws.com/")),
        (s3("b"), s3("b", "https://s3.dualstack.us-west-2.amazonaws.com:443")),
        (s3("b", "http://minio:80"), s3("b", "https://MINIO")),
        (s3("b", "https://h"), s3("b", endpoint_url="https://h")),
        (
            {"store_id": "ftp", "store_params": {"root": "a", "storage_options": {"host": "h"}}},
            {
                "store_id": "ftp",
                "store_params": {
                    "root": "a/",
                    "max_depth": 5,
                    "storage_options": {"host": "h", "password": "x"},
                },
            },
        ),
    ],
)
def test_the_same_place_has_one_location(one, other):
    assert location(one, "x.zarr") == location(other, "x.zarr")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (s3("b"), s3("c")),
        (s3("b"), s3("b/p")),
        (s3("b"), s3("b", "https://h")),
        (s3("b", "https://h:9000"), s3("b", "https://h:9001")),
        (s3("b"), {"store_id": "memory", "store_params": {"root": "b"}}),
        (
            {"store_id": "ftp", "store_params": {"storage_options": {"host": "h"}}},
            {"store_id": "ftp", "store_params": {"storage_options": {"host": "g"}}},
        ),
    ],
)
def test_other_places_have_other_locations(one, other):
    assert location(one, "x.zarr") != location(other, "x.zarr")


def test_folders_that_are_links_are_the_same_place(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    real, link = (
        {"store_id": "file", "store_params": {"root": str(tmp_path / name)}}
        for name in ("real", "link")
    )
    assert location(real, "a/x.zarr") == location(link, "a/x.zarr")
    assert location(real, "a/x.zarr") == f"file:{tmp_path.resolve()}/real/a/x.zarr"


@hypothesis_settings(deadline=None, max_examples=200)
@given(st.text("abc/.", min_size=1, max_size=600), st.text("abc", min_size=1, max_size=600))
def test_locations_fit_a_database_column(root, data_id):
    place = location(s3(root), data_id)
    assert len(place) <= 255
    assert place != location(s3(root), f"{data_id}d")


# The configured file


def test_the_catalogue_is_read_again_when_the_file_changes(tmp_path, settings):
    path = tmp_path / "stores.yaml"
    path.write_text("x: {store_id: memory}")
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    first = load_catalogue()
    assert load_catalogue() is first
    path.write_text("longer: {store_id: memory}")
    os.utime(path, ns=(1, 1))
    assert [store.name for store in load_catalogue()] == ["longer"]
    path.unlink()
    with pytest.raises(StoresFileError, match="No such file"):
        load_catalogue()


def test_without_a_file_the_catalogue_is_empty(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": None}
    assert len(load_catalogue()) == 0
