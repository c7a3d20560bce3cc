"""Stores, descriptions and parameters over the API."""

from __future__ import annotations

import pytest
from django.utils import timezone
from jsonschema import Draft202012Validator

from jobs.discovery import describing
from jobs.models import StoreDescription
from jobs.request.parameters import OPEN_PARAMS, WRITE_PARAMS, param_faults
from tests.accounts.factories import make_user

from .conftest import AWAY, LATE, failure

pytestmark = pytest.mark.django_db


def test_the_stores_are_listed_without_places_and_keys(reader, user, get):
    response = get(user)
    assert response.status_code == 200
    by_name = {store["store_id"]: store for store in response.json()}
    assert set(by_name) == {"@sea", "@mine", "@drop", "@plugin"}
    sea = by_name["@sea"]
    assert (sea["title"], sea["description"], sea["type"]) == ("The sea", "Temperatures", "s3")
    assert sea["access"] == {"read": True, "write": False, "per_user": False}
    assert sea["price"]["input_pixels_per_punit"] == 1000
    assert by_name["@mine"]["price"]["scheme"] == "free"
    assert by_name["@drop"]["price"] is None
    assert {store["state"]["status"] for store in by_name.values()} == {"unknown"}
    for secret in ("hidden", "bucket", "users"):
        assert secret not in response.content.decode()
    assert reader.asked == []
    assert get(user, "/sea").json() == sea


def test_who_may(reader, user, get, client):
    stranger = make_user("stranger@example.org")
    for path in ("", "/sea", "/sea/data", "/sea/data/a.zarr", "/sea/parameters"):
        assert client.get(f"/api/v2/stores{path}").status_code == 401
        assert get(stranger, path).status_code == 403
    for path in ("/none", "/none/data", "/none/data/a.zarr", "/none/parameters", "/@@sea"):
        assert get(user, path).status_code == 404
    assert get(user, "/drop/data").status_code == 403, "it can only be written"
    assert get(user, "/drop/data/a.zarr").status_code == 403
    assert reader.asked == []


def test_a_stores_file_with_a_fault_is_503(reader, user, get, settings):
    settings.HUB["XCUBE_HUB_STORES"].write_text("sea: 1")
    for path in ("", "/sea", "/sea/data"):
        assert get(user, path).status_code == 503


@pytest.mark.parametrize("data_id", ["a.zarr", "deep/er/b c.zarr", "ö/ü+&=.nc", "100% new.tif"])
def test_a_data_set_is_described(reader, user, get, data_id):
    from urllib.parse import quote

    reader.descriptions[data_id] = {"data_id": data_id, "variables": {"sst": {"units": "K"}}}
    path = f"/sea/data/{quote(data_id)}"
    response = get(user, path)
    assert response.json() == {"store_id": "@sea", **reader.descriptions[data_id]}
    again = get(user, path, headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    assert len(reader.asked) == 1
    assert response["X-Described-At"]


@pytest.mark.parametrize(
    "path", ["../x.zarr", "a/%2e%2e/x.zarr", "%252e%252e/x.zarr", "a%00b.zarr", "%2Fetc.zarr",
             "s3:%2F%2Fother/x.zarr", "a::b.zarr", "x" * 600 + ".zarr"]
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_not_there(reader, user, get, path):
    response = get(user, f"/sea/data/{path}")
    assert response.status_code == 404, response.content
    assert reader.asked == []


def test_what_cannot_be_described_is_named(reader, user, get):
    assert get(user, "/sea/data/none.zarr").status_code == 404
    reader.answer = failure("broken", 500, "group not found at path ''")
    refused = get(user, "/sea/data/broken.zarr")
    assert refused.status_code == 422
    assert "'broken.zarr' of @sea" in refused.json()["detail"]
    assert get(user, "/sea/data/notes.txt").status_code == 422
    assert get(user, "/sea").json()["state"]["status"] == "unknown", "it is no fault of the store"


def test_a_data_set_that_hangs_does_not_close_its_store(reader, user, get):
    reader.answer = LATE
    for _ in range(3):
        assert get(user, "/sea/data/slow.zarr").status_code == 503
    assert len(reader.asked) == 1
    reader.answer = None
    reader.descriptions["good.zarr"] = {"data_id": "good.zarr"}
    assert get(user, "/sea/data/good.zarr").status_code == 200


def test_an_old_description_is_better_than_none(reader, user, get):
    reader.descriptions["a.zarr"] = {"data_id": "a.zarr"}
    get(user, "/sea/data/a.zarr")
    StoreDescription.objects.update(described_at=timezone.now() - timezone.timedelta(hours=1))
    reader.answer = AWAY
    assert get(user, "/sea/data/a.zarr").status_code == 200
    assert get(user, "/sea/data/b.zarr").status_code == 503


def test_what_is_gone_is_forgotten(reader, user, get):
    reader.descriptions["a.zarr"] = {"data_id": "a.zarr"}
    get(user, "/sea/data/a.zarr")
    StoreDescription.objects.update(described_at=timezone.now() - timezone.timedelta(hours=1))
    reader.descriptions.clear()
    assert get(user, "/sea/data/a.zarr").status_code == 404
    assert StoreDescription.objects.count() == 0


def test_the_parameters_are_those_that_requests_may_have(reader, user, get):
    found = get(user, "/mine/parameters").json()
    assert [opener["opener_id"] for opener in found["openers"]] == [
        f"dataset:{name}:file" for name in OPEN_PARAMS
    ]
    assert {writer["format"] for writer in found["writers"]} == set(WRITE_PARAMS)
    assert get(user, "/sea/parameters").json()["writers"] == []
    assert get(user, "/drop/parameters").json()["openers"] == []
    assert reader.asked == [], "of files the table says all"


VALUES = [
    True, None, 0, 1, 2, 3, 512, 1000, 2**40, -1, 1.5, "", "x", "auto", "first", "x" * 300,
    "dataset", "NETCDF4", "NETCDF3", [], ["a"], [""], [1, 2], [512, 600], [512, 1], {}, {"x": 1},
    {"x": "auto"}, {"x": None}, {"x": -1}, {"v": {"dtype": "int16", "scale_factor": 0.1}},
    {"v": {"dtype": "object"}}, {"v": {"x": 1}}, {"v": "first"}, {"v": 1},
    {f"d{n}": 1 for n in range(21)},
]  # fmt: skip


def test_a_schema_accepts_what_requests_may_have_and_nothing_else(reader, user, get):
    found = get(user, "/mine/parameters").json()
    tables = [("openers", OPEN_PARAMS), ("writers", WRITE_PARAMS)]
    accepted = refused = 0
    for kind, table in tables:
        for accessor in found[kind]:
            kinds = table[accessor["format"]]
            validator = Draft202012Validator(accessor["schema"])
            Draft202012Validator.check_schema(accessor["schema"])
            for name in [*kinds, "storage_options"]:
                for value in VALUES:
                    is_good = not list(param_faults("x", {name: value}, kinds))
                    assert validator.is_valid({name: value}) == is_good, (name, value)
                    accepted, refused = accepted + is_good, refused + (not is_good)
    assert accepted > 100 and refused > 1000


def test_of_another_store_xcube_says_which_parameters_there_are(reader, user, get):
    properties = {"bbox": {"type": "array"}, "api_url": {}, "storage_options": {}}
    schema = {"type": "object", "properties": properties, "required": ["bbox", "api_url"]}
    opener = {"id": "dataset:zarr:cds", "schema": schema}
    reader.answer = {"status": "ok", "openers": [opener], "writers": [opener]}
    for _ in range(2):
        found = get(user, "/plugin/parameters").json()
    assert found["writers"] == []
    assert found["openers"][0]["schema"] == {
        "type": "object", "properties": {"bbox": {"type": "array"}}, "required": ["bbox"],
    }  # fmt: skip
    assert len(reader.asked) == 1
    assert "hidden" not in str(found)


def test_the_key_of_a_description_has_the_whole_name():
    assert describing.key_of("a.zarr") != describing.key_of("b.zarr")
