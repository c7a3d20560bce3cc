"""A cube as a STAC item, and a user's cubes as a catalogue that pystac-client opens."""

import copy
import warnings
from datetime import UTC, datetime
from types import SimpleNamespace

import pystac
import pytest
from django.utils import timezone
from pystac_client import Client as StacClient
from pystac_client.warnings import FallbackToPystac, NoConformsTo

from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from jobs import usage
from jobs.models import Job, State
from jobs.output import quicklooks
from jobs.results import catalogue
from jobs.results.rights import RESULT
from tests.accounts.factories import bearer, make_user
from tests.jobs.pictures import looked
from tests.jobs.results.conftest import made
from tests.jobs.results.cubes import DESCRIPTION, MADE
from tests.jobs.results.stac_rules import check

pytestmark = pytest.mark.django_db


@pytest.fixture
def item_of(ask):
    def item_of(job):
        answer = ask(f"/cubegens/{job.job_id}/result/stac")
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/geo+json"
        return check(answer.json())

    return item_of


def told(**changes):
    """What a run tells, with another description, or another footprint."""
    footprint = changes.pop("footprint", MADE["footprint"])
    return {**MADE, "description": {**DESCRIPTION, **changes}, "footprint": footprint}


def test_an_item_has_place_time_dimensions_and_bands(item_of, cube):
    item = item_of(cube.job)
    assert (item.id, item.bbox) == (cube.job.job_id, [0, 0, 40, 40])
    assert item.datetime is None
    assert item.common_metadata.start_datetime == datetime(2020, 1, 1, 12, tzinfo=UTC)
    assert item.common_metadata.end_datetime == datetime(2020, 1, 6, 12, tzinfo=UTC)
    dimensions = item.properties["cube:dimensions"]
    assert dimensions["lon"] == {
        "type": "spatial", "axis": "x", "extent": [0, 40], "step": 10, "reference_system": 4326,
    }  # fmt: skip
    assert dimensions["time"]["extent"] == ["2020-01-01T12:00:00Z", "2020-01-06T12:00:00Z"]
    variables = item.properties["cube:variables"]
    assert variables["sst"]["extent"] == [270, 310] and variables["crs"]["type"] == "auxiliary"
    assert pystac.extensions.datacube.DatacubeExtension.ext(item).variables["sst"].unit == "K"
    projection = pystac.extensions.projection.ProjectionExtension.ext(item)
    assert (projection.code, projection.shape) == ("EPSG:4326", [4, 4])
    assert item.properties["title"] == "A small cube"
    sst, chl = item.assets["data"].to_dict()["bands"]
    assert (sst["name"], sst["data_type"], sst["nodata"]) == ("sst", "float64", "nan")
    assert sst["raster:spatial_resolution"] == pytest.approx(1_111_950.8)
    assert (chl["data_type"], chl["nodata"]) == ("int16", -999)
    assert item.assets["data"].href.endswith("/result/zip")


TWO = {
    "bbox": [170.0, -10.0, -170.0, 10.0],
    "geometry": {
        "type": "MultiPolygon",
        "coordinates": [
            [[[170, -10], [180, -10], [180, 10], [170, 10], [170, -10]]],
            [[[-180, -10], [-170, -10], [-170, 10], [-180, 10], [-180, -10]]],
        ],
    },
}


def no(*names):
    return dict.fromkeys(names)


@pytest.mark.parametrize(
    ("tells", "expected"),
    [
        (told(footprint=TWO), {"bbox": [170, -10, -170, 10]}),
        (told(crs="EPSG:32632", bbox=[3e5, 5e6, 4e5, 6e6]), {"proj:code": "EPSG:32632"}),
        (told(crs='PROJCRS["mine",BASEGEOGCRS["x"]]'), {"proj:code": None}),
        (told(time_range=None, time_steps=0, dims={"lat": 4, "lon": 4}), {"start_datetime": None}),
        (told(time_range=["2020-01-01T00:00:00Z"] * 2), {"datetime": datetime(2020, 1, 1)}),
        (told(time_range=["2020-01-01T00:00:00.123456789Z", "2020-01-02T00:00:00Z"]), {}),
        (told(time_range=["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]), {}),
        (told(dims={"time": 6, "lat": 4, "lon": 4, "bnds": 2, "depth": 5000, "no": 0}), {}),
        (told(variables={}), {"cube:variables": {}}),
        (told(variables={"a": {"dtype": "<U5", "dims": ["time", "lat", "lon"]}}), {}),
        (told(variables={"a": {}, "b": {"dims": ["elsewhere"]}}), {}),
        (told(attributes={"title": {"not": "a text"}}), {"title": "one.zarr"}),
        (told(**no("crs", "bbox", "time_range", "dims", "variables", "attributes")), {}),
        (told(footprint=None, bbox_wgs84=None, crs="EPSG:3035"), {"bbox": None}),
        (told(footprint=None, bbox_wgs84=[1, 2, 3, 4], crs="EPSG:3035"), {"bbox": [1, 2, 3, 4]}),
        (told(footprint=None, bbox_wgs84=[170, 2, -170, 4]), {"bbox": None}),
        ({"description": {}}, {"bbox": None}),
        (None, {"title": "one.zarr", "bbox": None}),
    ],
)
def test_whatever_is_known_of_a_cube_its_item_is_valid(item_of, ada, cube, tells, expected):
    item = item_of(made(ada, tells=tells))
    found = {**item.properties, "bbox": item.bbox, "datetime": item.datetime}
    if found["datetime"]:
        found["datetime"] = found["datetime"].replace(tzinfo=None)
    assert {name: found.get(name) for name in expected} == expected
    assert item.datetime or item.common_metadata.start_datetime


def test_the_rules_of_the_test_find_faults(ask, cube):
    good = ask(f"/cubegens/{cube.job.job_id}/result/stac").json()
    faults = {
        "cube:dimensions": {"x": {"type": "spatial", "axis": "x"}},
        "proj:shape": [4],
        "proj:epsg": 4326,
        "cube:variables": {"a": {"dimensions": []}},
        "datetime": None,
        "title": 1,
    }
    for name, wrong in faults.items():
        bad = copy.deepcopy(good)
        bad["properties"][name] = wrong
        if name == "datetime":
            del bad["properties"]["start_datetime"]
        with pytest.raises((pystac.STACValidationError, pystac.STACError)):
            check(bad)


def test_a_cube_in_a_bucket_has_its_address_pyramid_and_pictures(item_of, ada):
    job = made(ada, "b.zarr", store="@public", levels_claim="x", finished_at=timezone.now())
    for position, name in enumerate(("sst", "chl")):
        quicklooks.keep(job, quicklooks.parse(looked(variable=name, position=position)))
    assets = item_of(job).assets
    assert assets["data"].href == "s3://open/b.zarr"
    assert assets["data"].media_type == pystac.MediaType.VND_ZARR
    assert assets["levels"].href == "s3://open/b.levels"
    assert assets["quicklook-sst"].roles == ["overview", "thumbnail"]
    assert assets["quicklook-chl"].roles == ["overview"]


# The catalogue


@pytest.mark.django_db(transaction=True)
def test_pystac_client_opens_the_catalogue_with_a_token(live_server, ada, put, stores):
    for name in ("one.zarr", "two.zarr", "three.nc"):
        put(ada, name, {"": b"x"} if name.endswith(".nc") else None)
        made(ada, name)
    made(ada, "gone.zarr")
    made(make_user("ben@example.org", permissions=["manage:cubegens"]), "bens.zarr")
    old = datetime(2025, 1, 31, 23, 59, 59, tzinfo=UTC)
    Job.objects.filter(output_data_id="two.zarr").update(finished_at=old)
    usage.recount(ada)
    url = f"{live_server.url}/api/v2/stac"
    with warnings.catch_warnings(action="error", category=NoConformsTo):
        client = StacClient.open(url, headers=bearer(ada))
    assert [child.id for child in client.get_children()] == [f"{timezone.now():%Y-%m}", "2025-01"]
    with pytest.warns(FallbackToPystac):  # it follows links, because there is no search
        items = list(client.get_items(recursive=True))
    assert {item.properties["xcube-hub:data_id"] for item in items} == {
        "one.zarr", "two.zarr", "three.nc",
    }  # fmt: skip
    assert all(item.get_root() is client for item in items)
    assert items[0].get_parent().get_parent() is client
    with pytest.raises(Exception, match="401|token|Authentication"):
        list(StacClient.open(url).get_children())
    static = pystac.Catalog.from_dict(client.to_dict(transform_hrefs=False))
    assert static.title == "Your cubes"


def test_each_part_of_the_catalogue_is_valid_and_short(ask, ada, stores, put):
    put(ada, "one.zarr")
    first = made(ada)
    rows = [
        Job(
            job_id=f"{ada.username}-{number:018}", owner=ada, engine="local", deadline_s=1,
            memory_bytes=1, units=0, state=State.SUCCEEDED, is_live=False,
            output_store="@public", output_data_id=f"{number}.zarr", output_claim=f"{number:064}",
            finished_at=datetime(2026, 1 + number % 2, 3, tzinfo=UTC),
        )
        for number in range(600)
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "placed", lambda job: SimpleNamespace())
        Job.objects.bulk_create(rows)
        usage.recount(ada)
        root = ask("/stac")
        check(root.json())
        children = [link for link in root.json()["links"] if link["rel"] == "child"]
        assert [child["title"] for child in children] == [
            f"{first.finished_at:%B %Y}",
            "February 2026",
            "January 2026",
        ]
        month = ask("/stac/2026-01")
        check(month.json())
        parts = [link["href"] for link in month.json()["links"] if link["rel"] == "child"]
        assert len(parts) == 3 and parts[0].endswith("/stac/2026-01/1")
        found = []
        for part in (parts[0], parts[-1]):
            page = ask(part.partition("/api/v2")[2])
            assert len(page.content) < 40_000
            check(page.json())
            found += [link["title"] for link in page.json()["links"] if link["rel"] == "item"]
        assert len(set(found)) == 200 and found[0] == "0.zarr" and found[-1] == "598.zarr"


def test_the_catalogue_costs_few_queries(ask, ada, stores, put, django_assert_num_queries):
    for number in range(3):
        put(ada, f"{number}.zarr")
        made(ada, f"{number}.zarr")
    ask("/stac")
    month = f"{timezone.now():%Y-%m}"
    for path, count in (("", 3), (f"/{month}", 3), (f"/{month}/1", 2)):
        with django_assert_num_queries(QUERIES_OF_A_TOKEN + count):
            assert ask(f"/stac{path}").status_code == 200


QUERIES_OF_A_TOKEN = 6  # the test makes one for each call, and the audit records it


@pytest.mark.parametrize(
    "path",
    [
        "2026-13",
        "2026-00",
        "0000-01",
        "9999-12",
        "2026-1",
        "x",
        "2026-01",
        "2026-01/0",
        "2026-01/9",
    ],
)
def test_there_is_no_such_month_or_page(ask, cube, path):
    answer = ask(f"/stac/{path}")
    assert answer.status_code == 404 and answer.json()["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.FAILED},
        {"result": {"status": "warning"}},
        {"hidden_at": timezone.now()},
        {"output_store": "@former"},
        {"output_claim": "0" * 64},
    ],
)
def test_what_has_no_cube_is_not_in_the_catalogue(ask, ada, cube, fields):
    made(ada, **{"output_claim": "1" * 64, **fields})
    assert titles(ask) == ["one.zarr"]


@pytest.mark.parametrize(
    ("later", "is_listed"),
    [
        ({"state": State.SUCCEEDED}, True),
        ({"state": State.RUNNING, "is_live": True}, False),
        ({"state": State.FAILED, "usage": {"written_cells": 5}}, False),
        ({"state": State.FAILED, "usage": {"written_cells": 0}}, True),
        ({"state": State.FAILED, "usage": None}, True),
        ({"state": State.QUEUED, "started_at": None, "is_live": True}, True),
    ],
)
def test_a_replaced_cube_is_listed_once_or_not(ask, ada, cube, later, is_listed):
    made(ada, **later)
    assert titles(ask) == ["one.zarr"] * is_listed


def titles(ask):
    month = f"{timezone.now():%Y-%m}"
    answer = ask(f"/stac/{month}")
    if answer.status_code == 404:
        return []
    return [link["title"] for link in answer.json()["links"] if link["rel"] == "item"]


# What others share


def give(job, person):
    wish = Wish(kind=kinds.kind_of(RESULT), subject=job.job_id, by=job.owner)
    return giving.share_with_person(wish, person.email)


def test_cubes_that_others_share_are_in_the_catalogue_until_the_share_ends(ask, ada, cube):
    ben, eve = (make_user(permissions=["manage:cubegens"]) for _ in range(2))
    made(ada, "gone.zarr", output_claim="1" * 64)
    shares = [give(job, ben) for job in Job.objects.filter(owner=ada)]

    def found(who):
        links = check_catalogue(ask("/stac", who)) + check_catalogue(ask("/stac/shared", who))
        return [link["title"] for link in links if link["rel"] in ("child", "item")]

    assert found(ben) == ["Shared with you", "one.zarr"]
    assert found(eve) == []
    item = ask(f"/cubegens/{cube.job.job_id}/result/stac", ben).json()
    assert [link["href"] for link in item["links"] if link["rel"] == "parent"] == [
        "http://testserver/api/v2/stac/shared"
    ]
    assert check(item).id == cube.job.job_id
    result = ask(f"/cubegens/{cube.job.job_id}/result", ben).json()
    assert result["links"]["viewer"] is None and result["data_id"] == "one.zarr"
    giving.withdraw(shares[-1], by=ada)
    giving.withdraw(shares[0], by=ada)
    assert found(ben) == []
    assert ask("/stac/shared/2", ben).status_code == 404


def check_catalogue(answer):
    assert answer.status_code == 200, answer.content
    check(answer.json())
    return answer.json()["links"]
