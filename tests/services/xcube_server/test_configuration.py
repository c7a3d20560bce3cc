"""Which configurations of xcube servers are accepted, and how others are refused."""

from __future__ import annotations

import copy
import json
import random
import time
from typing import Any

import pytest

from hubsite.refusals import Refused
from jobs.stores.catalogue import load_catalogue
from services.xcube_server import schema
from services.xcube_server.configuration import check_configuration, dataset_ids
from services.xcube_server.payload import server_configuration
from services.xcube_server.spelling import snake
from tests.services.factories import make_profile

from .examples import FULL, mapped, one, styled

pytestmark = pytest.mark.usefixtures("stores")


def refusal(configuration: Any, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        check_configuration(configuration, field="cfg", **options)
    return caught.value


def fields(configuration: Any, **options: Any) -> list[str]:
    return [error.field for error in refusal(configuration, **options).errors]


def test_everything_that_is_accepted_is_kept_as_it_was_given() -> None:
    given = copy.deepcopy(FULL)
    assert check_configuration(given) == FULL
    assert given == FULL
    assert dataset_ids(FULL) == ["a~*.zarr", "one", "mine~*", "k"]


def test_the_lower_case_spelling_of_the_contract_is_accepted_too() -> None:
    def lower(value: Any, where: str = "") -> Any:
        if isinstance(value, list):
            return [lower(item, where) for item in value]
        if not isinstance(value, dict):
            return value
        keep = where in ("ColorMappings", "StoreOpenParams", "Colors")
        return {key if keep else snake(key): lower(item, key) for key, item in value.items()}

    assert "data_stores" in lower(FULL)
    assert check_configuration(lower(FULL)) == FULL


def test_a_member_in_both_spellings_is_refused() -> None:
    assert fields({**one(), "data_stores": []}) == ["cfg.data_stores"]


# Each hostile dataset with the field that the refusal must name.
DATASETS = [
    ({"Augmentation": {"Path": "a.py", "Function": "f"}}, "Augmentation"),
    ({"augmentation": {"Path": "a.py"}}, "augmentation"),
    ({"Function": "os:system"}, "Function"),
    ({"Class": "os:system"}, "Class"),
    ({"InputDatasets": ["x"]}, "InputDatasets"),
    ({"InputParameters": {"a": "${ctx}"}}, "InputParameters"),
    ({"FileSystem": "memory"}, "FileSystem"),
    ({"FileSystem": "file"}, "FileSystem"),
    ({"FileSystem": "s3", "Endpoint": "http://169.254.169.254"}, "FileSystem"),
    ({"Endpoint": "http://169.254.169.254"}, "Endpoint"),
    ({"Anonymous": True}, "Anonymous"),
    ({"Region": "x"}, "Region"),
    ({"AccessControl": {"RequiredScopes": []}}, "AccessControl"),
    ({"PlaceGroups": [{"Path": "/etc/passwd"}]}, "PlaceGroups"),
    ({"StoreInstanceId": "keys"}, "StoreInstanceId"),
    ({"__class__": 1}, "__class__"),
    ({"Path": ""}, "Path"),
    ({"Path": 7}, "Path"),
    ({"Path": None}, "Path"),
    ({"Path": ["a"]}, "Path"),
    ({"Path": "/etc/passwd"}, "Path"),
    ({"Path": "../../ada/one.zarr"}, "Path"),
    ({"Path": "a/../../x.zarr"}, "Path"),
    ({"Path": "..%2f..%2fx.zarr"}, "Path"),
    ({"Path": "%252e%252e/x.zarr"}, "Path"),
    ({"Path": "..\\x.zarr"}, "Path"),
    ({"Path": "../*"}, "Path"),
    ({"Path": "*/../../*"}, "Path"),
    ({"Path": "/*"}, "Path"),
    ({"Path": "~/x.zarr"}, "Path"),
    ({"Path": "file:///etc/*"}, "Path"),
    ({"Path": "s3://bucket/x.zarr"}, "Path"),
    ({"Path": "simplecache::s3://bucket/x.zarr"}, "Path"),
    ({"Path": "a.zip!b.zarr"}, "Path"),
    ({"Path": "x.nc#mode=bytes"}, "Path"),
    ({"Path": "${HOME}/x.zarr"}, "Path"),
    ({"Path": "$HOME/x.zarr"}, "Path"),
    ({"Path": "a\nb.zarr"}, "Path"),
    ({"Path": "a\u202eb.zarr"}, "Path"),
    ({"Path": "*" * 11}, "Path"),
    ({"Path": "*.zarr", "Identifier": "x"}, "Identifier"),
    ({"Identifier": ""}, "Identifier"),
    ({"Identifier": "a/b"}, "Identifier"),
    ({"Identifier": "a\n"}, "Identifier"),
    ({"Identifier": "../x"}, "Identifier"),
    ({"Identifier": "x" * 201}, "Identifier"),
    ({"Identifier": "ä"}, "Identifier"),
    ({"Title": "${base_url}"}, "Title"),
    ({"Title": "$AWS_SECRET_ACCESS_KEY"}, "Title"),
    ({"Title": "a\u200bb"}, "Title"),
    ({"Title": "x" * 201}, "Title"),
    ({"Title": {"a": 1}}, "Title"),
    ({"Description": "x" * 1001}, "Description"),
    ({"Description": "a\x1b[31m"}, "Description"),
    ({"Attribution": "<script>alert(1)</script>"}, "Attribution"),
    ({"Attribution": ["ok", "<img src=x onerror=alert(1)>"]}, "Attribution[1]"),
    ({"Attribution": "&lt;"}, "Attribution"),
    ({"Attribution": ["x"] * 21}, "Attribution"),
    ({"Attribution": 5}, "Attribution"),
    ({"SortValue": True}, "SortValue"),
    ({"SortValue": "1"}, "SortValue"),
    ({"SortValue": float("nan")}, "SortValue"),
    ({"SortValue": float("inf")}, "SortValue"),
    ({"SortValue": 10**400}, "SortValue"),
    ({"Tags": "x"}, "Tags"),
    ({"Tags": [1]}, "Tags[0]"),
    ({"Variables": []}, "Variables"),
    ({"Variables": ["a"] * 1001}, "Variables"),
    ({"BoundingBox": [0, 0, 1]}, "BoundingBox"),
    ({"BoundingBox": [1, 0, 0, 1]}, "BoundingBox"),
    ({"BoundingBox": [0, 0, 1, 100]}, "BoundingBox"),
    ({"BoundingBox": [0, 0, 1, "1"]}, "BoundingBox[3]"),
    ({"ChunkCacheSize": "10T"}, "ChunkCacheSize"),
    ({"ChunkCacheSize": "9G"}, "ChunkCacheSize"),
    ({"ChunkCacheSize": 5}, "ChunkCacheSize"),
    ({"ChunkCacheSize": "1M\n"}, "ChunkCacheSize"),
    ({"Style": "none"}, "Style"),
    ({"GroupId": "none"}, "GroupId"),
    ({"Hidden": "yes"}, "Hidden"),
    ({"StoreOpenParams": []}, "StoreOpenParams"),
    ({"StoreOpenParams": {"engine": "pickle"}}, "StoreOpenParams.engine"),
    ({"StoreOpenParams": {"storage_options": {"key": "x"}}}, "StoreOpenParams.storage_options"),
    ({"StoreOpenParams": {"opener_id": "dataset:geotiff:file"}}, "StoreOpenParams.opener_id"),
    ({"StoreOpenParams": {"group": "../../x"}}, "StoreOpenParams.group"),
    ({"StoreOpenParams": {"group": "file:///etc"}}, "StoreOpenParams.group"),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "field"), DATASETS)
def test_a_hostile_dataset_is_refused_with_its_field(dataset, field) -> None:
    assert f"cfg.DataStores[0].Datasets[0].{field}" in fields(one(**dataset))


@pytest.mark.parametrize(("dataset", "field"), DATASETS)
def test_it_is_refused_among_the_datasets_of_no_store_too(dataset, field) -> None:
    if field == "StoreInstanceId":
        dataset = {"StoreInstanceId": "gone"}
    entry = {"Identifier": "i", "StoreInstanceId": "@cubes", "Path": "one.zarr", **dataset}
    assert f"cfg.Datasets[0].{field}" in fields({"Datasets": [entry]})


WHOLE = [
    ({**one(), "Authentication": {"Domain": "x", "Audience": "y"}}, "Authentication"),
    ({**one(), "AccessControl": {}}, "AccessControl"),
    ({**one(), "PlaceGroups": [{"Identifier": "p", "Path": "/etc/*"}]}, "PlaceGroups"),
    ({**one(), "Viewer": {"Configuration": {"Path": "/etc"}}}, "Viewer"),
    ({**one(), "Viewer": {"Augmentation": {"Path": "x", "Extensions": ["a.b"]}}}, "Viewer"),
    ({**one(), "Viewer": {"Persistence": {"Path": "/tmp"}}}, "Viewer"),
    ({**one(), "viewer": {}}, "viewer"),
    ({**one(), "Compute": {"MaxWorkers": 999}}, "Compute"),
    ({**one(), "VolumesAccess": {"MaxVoxelCount": 10**9}}, "VolumesAccess"),
    ({**one(), "base_dir": "/"}, "base_dir"),
    ({**one(), "static_routes": [{"path": "/x", "dir_path": "/"}]}, "static_routes"),
    ({**one(), "api_spec": {"includes": ["s3"]}}, "api_spec"),
    ({**one(), "tornado": {"xheaders": True}}, "tornado"),
    ({**one(), "trace_perf": True}, "trace_perf"),
    ({**one(), "port": 22}, "port"),
    ({**one(), "address": "0.0.0.0"}, "address"),
    ({**one(), "url_prefix": "/x"}, "url_prefix"),
    ({**one(), "reverse_url_prefix": "https://evil"}, "reverse_url_prefix"),
    ({**one(), "allowed_hosts": []}, "allowed_hosts"),
    ({**one(), "": 1}, '[""]'),
    ({**one(), "a b": 1}, '["a b"]'),
    ({**one(), "__proto__": {}}, "__proto__"),
    ({**one(), "EntrypointDatasetId": 1}, "EntrypointDatasetId"),
    ({**one(), "DatasetAttribution": "<b>"}, "DatasetAttribution"),
    ({**one(), "ServiceProvider": {"ProviderSite": "javascript:alert(1)"}},
     "ServiceProvider.ProviderSite"),
    ({**one(), "ServiceProvider": {"ProviderName": "<x>"}}, "ServiceProvider.ProviderName"),
    ({**one(), "ServiceProvider": {"Other": "x"}}, "ServiceProvider.Other"),
    ({**one(), "DatasetGroups": [{"Identifier": "g", "Title": "a"}] * 2},
     "DatasetGroups[1].Identifier"),
    ({"DataStores": [{"StoreId": "s3", "StoreParams": {"root": "b"}}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "file", "StoreParams": {"root": "/"}}]},
     "DataStores[0].StoreParams"),
    ({"DataStores": [{"StoreId": "@cubes", "StoreParams": {"root": "/"}}]},
     "DataStores[0].StoreParams"),
    ({"DataStores": [{"StoreId": "@cubes", "store_params": {"root": "/"}}]},
     "DataStores[0].store_params"),
    ({"DataStores": [{"Identifier": "cubes"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@gone"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@drop"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@ram"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@mine/ben"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@cubes\n"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@@cubes"}]}, "DataStores[0].StoreId"),
    ({"DataStores": [{"StoreId": "@sensor"}]}, "DataStores[0].Datasets"),
    ({"DataStores": [{"StoreId": "@sensor", "Datasets": [{"Path": "*"}]}]},
     "DataStores[0].Datasets[0].Path"),
    ({"DataStores": [{"StoreId": "@sensor", "Datasets": [
        {"Path": "S2", "StoreOpenParams": {"a": {"api_url": "x"}}}]}]},
     "DataStores[0].Datasets[0].StoreOpenParams.a.api_url"),
    ({"DataStores": [{"StoreId": "@cubes"}, {"StoreId": "@mine", "Identifier": "cubes"}]},
     "DataStores[1].Identifier"),
    ({"DataStores": [{"StoreId": "@mine", "Identifier": "cubes"}],
      "Datasets": [{"Identifier": "x", "Path": "x.zarr", "StoreInstanceId": "@cubes"}]},
     "Datasets[0].StoreInstanceId"),
    ({"DataStores": [{"StoreId": "@cubes", "Datasets": []}]}, "DataStores[0].Datasets"),
    ({"DataStores": [{"StoreId": "@cubes", "Datasets": [{"Path": "a", "Identifier": "i"}] * 2}]},
     "DataStores[0].Datasets[1].Identifier"),
    ({"DataStores": {"StoreId": "@cubes"}}, "DataStores"),
    ({"DataStores": "@cubes"}, "DataStores"),
    ({"DataStores": [None]}, "DataStores[0]"),
    ({"DataStores": [[]]}, "DataStores[0]"),
    ({"DataStores": [{"StoreId": "@cubes"}] * 21}, "DataStores"),
    ({"DataStores": []}, "DataStores"),
    ({"Datasets": []}, "DataStores"),
    ({"Styles": []}, "DataStores"),
    ({"Datasets": [{"Path": "a.zarr"}]}, "Datasets[0].StoreInstanceId"),
    ({"Datasets": [{"Identifier": "a", "Path": "a", "StoreInstanceId": "file_1"}]},
     "Datasets[0].StoreInstanceId"),
    (styled(ColorBar="nothing"), "Styles[0].ColorMappings.sst.ColorBar"),
    (styled(ColorBar='{"name": "x", "colors": []}'), "Styles[0].ColorMappings.sst.ColorBar"),
    (styled(ColorBar=5), "Styles[0].ColorMappings.sst.ColorBar"),
    (styled(ColorFile="/etc/passwd"), "Styles[0].ColorMappings.sst.ColorFile"),
    (styled(Norm="log"), "Styles[0].ColorMappings.sst.Norm"),
    (styled(ValueRange=[1, 0]), "Styles[0].ColorMappings.sst.ValueRange"),
    (styled(ValueRange=[1, 1]), "Styles[0].ColorMappings.sst.ValueRange"),
    (styled(ValueRange=[0, "1"]), "Styles[0].ColorMappings.sst.ValueRange[1]"),
    (styled(ValueRange=[0, True]), "Styles[0].ColorMappings.sst.ValueRange[1]"),
    (styled(ValueRange=[0]), "Styles[0].ColorMappings.sst.ValueRange"),
    (styled(ValueRange=[0, 1, 2]), "Styles[0].ColorMappings.sst.ValueRange"),
    (styled(ValueRange=[0, float("nan")]), "Styles[0].ColorMappings.sst.ValueRange[1]"),
    ({**one(), "Styles": [{"Identifier": "s", "ColorMappings": {"rgb": {"Red": 1}}}]},
     "Styles[0].ColorMappings.rgb.Red"),
    ({**one(), "Styles": [{"Identifier": "s", "ColorMappings": {"$x": {}}}]},
     'Styles[0].ColorMappings["$x"]'),
    ({**one(), "Styles": [{"Identifier": "s"}]}, "Styles[0].ColorMappings"),
    ({**one(), "Styles": [{"Identifier": "s", "ColorMappings": {}}] * 2}, "Styles[1].Identifier"),
    (mapped([0, "red"]), "CustomColorMaps[0].Colors"),
    (mapped([0, "red"], [0, "blue"]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], ["1", "blue"]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1, "url(x)"]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1, [1, 2]]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1, [1, 2, 300]]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1, [1, 2, 3, 4]]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1, "blue", 5]), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], {"Value": 1}), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], {"Value": 1, "Color": "red", "x": 1}), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1.5, "blue"], kind="categorical"), "CustomColorMaps[0].Colors[1]"),
    (mapped([0, "red"], [1, "blue"], kind="pickle"), "CustomColorMaps[0].Type"),
    (mapped([0, "red"], [1, "blue"], Identifier="viridis"), "CustomColorMaps[0].Identifier"),
    (mapped([0, "red"], [1, "blue"], Identifier="x_r"), "CustomColorMaps[0].Identifier"),
]  # fmt: skip


@pytest.mark.parametrize(("configuration", "field"), WHOLE)
def test_a_hostile_configuration_is_refused_with_its_field(configuration, field) -> None:
    expected = f"cfg{field}" if field.startswith("[") else f"cfg.{field}"
    assert expected in fields(configuration)


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "x", "", [], [one()], {}, "{}"])
def test_what_is_no_configuration_at_all_is_refused_as_a_whole(value) -> None:
    assert fields(value) == ["cfg"]


def deep(levels: int, kind: str) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


HUGE = {
    "depth of lists": {"DataStores": deep(5000, "list")},
    "depth of objects": {"DataStores": deep(5000, "object")},
    "depth in open parameters": one(StoreOpenParams=deep(5000, "object")),
    "many members": {f"m{i}": i for i in range(50_000)},
    "many datasets": {"Datasets": [{"Path": "a"}] * 20_000},
    "many wrong datasets": {"Datasets": [{"x": i} for i in range(150)]},
    "many members of a dataset": one(**{f"m{i}": i for i in range(50_000)}),
    "many mappings": styled() | {
        "Styles": [{"Identifier": "s", "ColorMappings": {f"v{i}": 1 for i in range(20_000)}}]
    },
    "many wrong colors": mapped(*[[0, "x"]] * 256),
    "a long text": one(Title="x" * 1_000_000),
    "a long key": {**one(), "x" * 1_000_000: 1},
    "a lone surrogate": one(Title="\ud800"),
    "a lone surrogate in a key": {**one(), "\ud800": 1},
    "a zero": one(Path="a\x00b.zarr"),
    "wildcards for backtracking": one(Path="*a" * 200),
    "many wildcards": one(Path="?" * 500),
    "much text": one(Tags=["x" * 1000] * 1000),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_one_is_refused_with_at_most_ten_fields_and_takes_no_longer(name) -> None:
    """The time is compared with that of encoding as much JSON."""
    started = time.process_time()
    refused = refusal(HUGE[name])
    took = time.process_time() - started
    assert 1 <= len([e for e in refused.errors if e.field]) <= 10
    assert len(refused.errors) <= 11
    assert len(str(refused)) <= 4000
    assert all(len(error.field) <= 500 for error in refused.errors)
    sample = [{"Path": "a", "n": i} for i in range(50_000)]
    started = time.process_time()
    json.loads(json.dumps(sample))
    assert took < 40 * (time.process_time() - started)


def test_more_than_ten_faults_are_said_to_be_more() -> None:
    refused = refusal({"Datasets": [{"x": i} for i in range(20)]})
    assert len(refused.errors) == 11
    assert refused.errors[-1].message == "more faults are not listed"


def test_a_refusal_names_the_stores_that_may_be_shown_and_no_secret() -> None:
    refused = refusal({"DataStores": [{"StoreId": "@gone"}]})
    assert "@cubes, @mine, @keys, @sensor" in str(refused)
    assert "@drop" not in str(refused) and "S3CRET" not in str(refused)


@pytest.mark.django_db
def test_a_profile_allows_its_stores_only() -> None:
    profile = make_profile("narrow", stores=["mine"])
    assert fields(one(), profile=profile) == ["cfg.DataStores[0].StoreId"]
    assert check_configuration({"DataStores": [{"StoreId": "@mine"}]}, profile=profile)


def test_all_that_xcube_knows_is_accepted_or_refused_with_a_reason() -> None:
    """No part of the schema may be open, or ends in a fault without a sentence."""
    pending: list[tuple[str, dict[str, Any]]] = [("", schema.CONFIGURATION)]
    seen = 0
    while pending:
        path, part = pending.pop()
        seen += 1
        assert part["expected"], path
        if part.get("type") == "object" and "properties" in part:
            assert "additionalProperties" in part, path
            pending += [(f"{path}.{name}", item) for name, item in part["properties"].items()]
        if isinstance(items := part.get("items"), dict) and "maxItems" not in part:
            raise AssertionError(f"{path} is a list without a limit")
        if isinstance(items, dict):
            pending.append((f"{path}[]", items))
        if part.get("type") == "string":
            assert part["maxLength"] <= 1000, path
    assert seen > 60


ODD = (
    None, True, 0, -1, 1e15, 1e16, float("nan"), "", " ", "a" * 300, "*", "../x", "${x}", "\u202e",
    [], [[]], [None], {}, {"": {}}, {"Path": "/etc"}, "@cubes", "@gone", [1, 0], "1G", b"x", (1,),
)  # fmt: skip


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Each (holder, key or index) in a document."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, dict | list):
            found += places_in(item)
    return found


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_put_anywhere_is_accepted_or_refused_and_never_fails(seed) -> None:
    """Each place of the full example gets odd values, loses its value, or gets another's."""
    chance = random.Random(seed)
    refused = 0
    for number in range(len(places_in(FULL))):
        configuration = copy.deepcopy(FULL)
        holder, key = places_in(configuration)[number]
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1:
                other, its_key = chance.choice(places_in(configuration))
                holder[key] = copy.deepcopy(other[its_key])
            case _:
                holder[key] = chance.choice(ODD)
        try:
            accepted = check_configuration(configuration, field="cfg")
        except Refused as refusal:
            refused += 1
            assert refusal.errors and all(e.field.startswith("cfg") for e in refusal.errors)
        else:
            assert json.loads(json.dumps(accepted)) == accepted
            server_configuration(accepted, load_catalogue(), None, "ada")
    assert refused > 50
