"""What a cube generation request may look like, whoever makes it."""

from __future__ import annotations

import copy
import json
import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hubsite.refusals import Kind
from jobs.request import UPLOAD_PLACEHOLDER, InvalidRequest, parse_request
from tests.patience import calls

COPY = {
    "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
    "output_config": {"store_id": "@scratch", "data_id": "copy.zarr"},
}

# As the xcube client sends them (notebooks and tests of xcube, examples of its documentation).
REAL = {
    "simple copy": COPY,
    "without output name": {
        "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
        "output_config": {"store_id": "@scratch"},
    },
    "Sentinel Hub": {
        "input_config": {
            "store_id": "@sentinelhub",
            "data_id": "S2L2A",
            "open_params": {"tile_size": [1024, 1024]},
        },
        "cube_config": {
            "variable_names": ["B04", "B05"],
            "crs": "WGS84",
            "bbox": [7, 53, 9, 55],
            "spatial_res": 0.001,
            "tile_size": [1024, 1024],
            "time_range": ["2019-08-05", "2019-08-10"],
            "time_period": "1D",
        },
        "output_config": {"store_id": "@scratch", "data_id": "x.zarr", "replace": True},
        "callback_config": {"api_uri": "https://stage.example.org/api", "access_token": "abc"},
    },
    "two inputs, inline code": {
        "input_configs": [
            {"store_id": "@demo", "opener_id": "dataset:zarr:s3", "data_id": "a.zarr"},
            {
                "store_id": "s3",
                "data_id": "b.zarr",
                "store_params": {"root": "bucket", "storage_options": {"anon": True}},
            },
        ],
        "cube_config": {
            "crs": "http://www.opengis.net/def/crs/EPSG/0/4326",
            "bbox": [165, -20, 175, 20],
            "spatial_res": 0.1,
            "time_range": ["2019-01-01", None],
            "chunks": {"time": None, "lat": 512, "lon": 512},
            "metadata": {"title": "demo", "contact": "https://example.org/me"},
            "variable_metadata": {"B04": {"long_name": "red"}},
        },
        "code_config": {
            "callable_ref": "user_code_1:process_dataset",
            "callable_params": {"output_var_name": "X", "threshold": 0.5},
            "inline_code": "def process_dataset(ds, **params):\n    return ds\n",
        },
        "output_config": {
            "store_id": "@scratch",
            "writer_id": "dataset:zarr:s3",
            "write_params": {"zarr_format": 2},
        },
    },
    "nulls for what is not given": {
        "input_config": {
            "store_id": "@demo",
            "data_id": "demo.zarr",
            "store_params": None,
            "open_params": None,
        },
        "input_configs": None,
        "cube_config": None,
        "code_config": None,
        "output_config": {"store_id": "@scratch", "data_id": None, "write_params": None},
        "callback_config": None,
    },
}

ARCHIVE = {
    **COPY,
    "code_config": {
        "callable_ref": "xcube_byoa.proc:Process",
        "file_set": {
            "path": "proc.zip",
            "sub_path": "proc-1.0",
            "includes": ["*.py", "/conf/"],
            "excludes": ["test_[a-z]*.py"],
        },
        "install_required": False,
    },
}


def faults(document, **options) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        parse_request(document, **options)
    assert raised.value.kind == Kind.INVALID
    return {error.field: error.message for error in raised.value.errors}


def with_cube(**cube_config) -> dict:
    return {**COPY, "cube_config": cube_config}


def with_code(**code_config) -> dict:
    return {**COPY, "code_config": {"callable_ref": "m:f", **code_config}}


def with_input(**input_config) -> dict:
    return {**COPY, "input_config": {**COPY["input_config"], **input_config}}


@pytest.mark.parametrize("document", REAL.values(), ids=REAL)
def test_requests_of_real_clients_are_accepted(document):
    before = copy.deepcopy(document)
    request = parse_request(document)
    assert document == before
    assert "callback_config" not in request.document
    assert None not in request.document.values()
    assert request.inputs


def test_one_input_and_a_list_of_inputs_are_named_as_given():
    assert [field for field, _ in parse_request(COPY).inputs] == ["input_config"]
    several = parse_request(REAL["two inputs, inline code"])
    assert [field for field, _ in several.inputs] == ["input_configs[0]", "input_configs[1]"]
    assert several.has_user_code


def test_nulls_with_a_meaning_stay():
    cube = parse_request(REAL["two inputs, inline code"]).document["cube_config"]
    assert cube["time_range"] == ["2019-01-01", None]
    assert cube["chunks"]["time"] is None


@pytest.mark.parametrize("document", [None, 1, "x", [], True, b"bytes", {1, 2}, math.nan])
def test_anything_but_an_object_is_refused(document):
    assert faults(document)


def test_every_fault_is_told_with_its_field():
    told = faults(
        {
            "input_configs": [{"store_id": 5}, {"data_id": "../x", "stuff": 1}],
            "cube_config": {"bbox": [1, 2, 3], "spatial_res": 0, "color": "red"},
            "extra": {},
        }
    )
    assert told == {
        "input_configs[0].store_id": "expected the name of a store, such as '@my_store'",
        "input_configs[0].data_id": "missing; expected the name of a dataset",
        "input_configs[1].stuff": "unknown; expected store_id, opener_id, data_id, "
        "store_params or open_params",
        "cube_config.bbox": "expected four numbers [x1, y1, x2, y2]",
        "cube_config.spatial_res": "expected a number greater than 0",
        "cube_config.color": "unknown; expected variable_names, crs, bbox, spatial_res, "
        "tile_size, time_range, time_period, chunks, metadata or variable_metadata",
        "output_config": "missing; expected an object",
        "extra": "unknown; expected input_config, input_configs, cube_config, code_config "
        "or output_config",
    }


def test_a_flood_of_faults_is_cut():
    told = faults({**COPY, **{f"k{i}": 1 for i in range(500)}})
    assert len(told) == 51
    assert told[""] == "more faults are not listed"


def test_an_input_is_expected():
    told = faults({"output_config": {"store_id": "@scratch"}})
    assert told == {"input_config": "expected exactly one of input_config and input_configs"}


def test_both_kinds_of_input_at_once_are_refused():
    told = faults({**COPY, "input_configs": [COPY["input_config"]]})
    assert told == {"input_config": "expected exactly one of input_config and input_configs"}


@pytest.mark.parametrize("count", [0, 21])
def test_the_number_of_inputs_is_bounded(count):
    document = {"input_configs": [COPY["input_config"]] * count, "output_config": {}}
    assert faults(document) == {"input_configs": "expected a list of 1 to 20 inputs"}


def test_a_part_whose_faults_are_not_listed_is_not_looked_into():
    broken = dict.fromkeys(("store_id", "opener_id", "data_id", "store_params", "open_params"), 1)
    document = {
        "input_configs": [{**broken, "extra": 1}] * 20,
        "output_config": {key: [] for key in ("store_id", "writer_id", "replace", "data_id")},
        "cube_config": {"variable_names": [1] * 500, "bbox": "x", "crs": 1, "time_range": 5},
        "code_config": 5,
    }
    assert len(faults(document)) == 51
    for key in list(document):
        assert faults({**COPY, key: document[key]})


@pytest.mark.parametrize(
    "document",
    [
        {**COPY, "input_configs": [1] * 200_000},
        {**COPY, "input_configs": [COPY["input_config"]] * 20_000},
        {**COPY, "cube_config": {"variable_metadata": {str(i): 1 for i in range(100_000)}}},
        {**COPY, "cube_config": {"variable_names": [{}] * 200_000}},
        {**COPY, **{str(i): i for i in range(100_000)}},
        {**COPY, "cube_config": {"metadata": {"a": [math.nan] * 100_000}}},
    ],
    ids=["wrong inputs", "inputs", "metadata", "names", "members", "numbers"],
)
def test_a_large_wrong_request_is_refused_with_little_work(document):
    """A few calls for each value in it, and none of them looks at the whole again."""
    assert faults(document)
    values = sum(1 for _ in walk(document))
    assert calls(lambda: faults(document)) <= MOST_CALLS_PER_VALUE * values


MOST_CALLS_PER_VALUE = 60


def walk(value):
    """Every value in a document."""
    yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from walk(item)


# Generic JSON


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1.1e15, 10**400, -(10**16)])
def test_numbers_are_finite_and_bounded(number):
    assert list(faults(with_cube(metadata={"a": [number]}))) == ["cube_config.metadata.a[0]"]


def test_depth_is_bounded():
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    told = faults(with_cube(metadata={"a": deep}))
    assert all("nested too deeply" in message for message in told.values())
    fits: object = 1
    for _ in range(16):
        fits = [fits]
    parse_request(with_cube(metadata={"a": fits}))


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 1025])
def test_texts_are_bounded_and_storable(text):
    assert list(faults(with_cube(metadata={"a": text}))) == ["cube_config.metadata.a"]
    assert list(faults(with_cube(metadata={text: 1}))) == ["cube_config.metadata"]


LARGE = {str(i): "ü" * 1000 for i in range(40)}


def test_metadata_is_at_most_64_kb():
    told = faults(with_cube(metadata=LARGE))
    assert told == {"cube_config.metadata": "expected at most 64 kB"}


@pytest.mark.parametrize("name", ["store_params", "open_params"])
def test_parameters_of_an_input_are_at_most_64_kb(name):
    large = {**COPY["input_config"], name: LARGE}
    told = faults({**COPY, "input_config": large})
    assert told == {f"input_config.{name}": "expected at most 64 kB"}
    told = faults({"input_configs": [large] * 2, "output_config": COPY["output_config"]})
    assert told == dict.fromkeys(
        (f"input_configs[{i}].{name}" for i in range(2)), "expected at most 64 kB"
    )


@pytest.mark.parametrize("name", ["store_params", "write_params"])
def test_parameters_of_the_output_are_at_most_64_kb(name):
    told = faults({**COPY, "output_config": {**COPY["output_config"], name: LARGE}})
    assert told == {f"output_config.{name}": "expected at most 64 kB"}


def test_parameters_of_code_are_at_most_64_kb():
    code = {"callable_ref": "m:f", "inline_code": "def f(): ...", "callable_params": LARGE}
    told = faults({**COPY, "code_config": code})
    assert told == {"code_config.callable_params": "expected at most 64 kB"}


# Cube


@pytest.mark.parametrize(
    "crs",
    [
        "WGS84",
        "EPSG:4326",
        "epsg:32633",
        "OGC:CRS84",
        "ESRI:54009",
        "urn:ogc:def:crs:EPSG::4326",
        "https://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "WGS 84 / UTM zone 33N",
        "+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs",
        "proj=laea lat_0=52 lon_0=10 x_0=4321000 y_0=3210000 ellps=GRS80 towgs84=0,0,0",
        'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
        'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]',
        'PROJCS["WGS 84 / UTM zone 33N",GEOGCS["WGS 84"]]',
    ],
)
def test_coordinate_reference_systems_by_code_name_or_parameters_are_accepted(crs):
    parse_request(with_cube(crs=crs))


@pytest.mark.parametrize(
    "crs",
    [
        "",
        "/etc/passwd",
        "../x.prj",
        "C:\\x.prj",
        "http://evil.example/x",
        "https://www.opengis.net.evil.example/def/crs/EPSG/0/4326",
        "http://www.opengis.net/def/crs/EPSG/0/4326/../x",
        "https://spatialreference.org/ref/epsg/4326/",
        "file:x",
        "x:y",
        "@null",
        "+init=epsg:4326",
        "+proj=longlat +nadgrids=@/etc/passwd",
        "+proj=longlat nadgrids=x.gsb",
        "+proj=longlat +geoidgrids=egm96.gtx",
        "+proj=longlat +grids=x",
        "+proj=pipeline +step +proj=utm",
        "proj=longlat init=epsg:4326",
        "+proj=longlat +ellps=../x",
        "+PROJ=longlat",
        '{"type": "GeographicCRS"}',
        'GEOGCS["x",EXTENSION["PROJ4","+proj=longlat +nadgrids=@null"]]',
        'BOUNDCRS[SOURCECRS[GEOGCRS["x"]],PARAMETERFILE["grid","x.gsb"]]',
        'GEOGCS["http://evil.example/"]',
        'GEOGCS["/etc/passwd"]',
    ],
)
def test_coordinate_reference_systems_that_may_name_files_or_hosts_are_refused(crs):
    assert list(faults(with_cube(crs=crs))) == ["cube_config.crs"]


@pytest.mark.parametrize(
    ("crs", "bbox"),
    [
        ("EPSG:4326", [-180, -90, 180, 90]),
        ("EPSG:4326", [170, -10, 180, 10]),
        (None, [-180, -10, -170, 10]),
        ("EPSG:32633", [166021, 0, 833978, 9329005]),
        (None, [166021, 0, 833978, 9329005]),
    ],
)
def test_areas_are_accepted(crs, bbox):
    parse_request(with_cube(crs=crs, bbox=bbox))


@pytest.mark.parametrize(
    ("crs", "bbox", "message"),
    [
        ("EPSG:4326", [0, 0, 361, 1], "expected x within ±360 and y within ±90 degrees"),
        ("CRS84", [0, 0, 1, 91], "expected x within ±360 and y within ±90 degrees"),
        ("+proj=longlat", [0, -91, 1, 0], "expected x within ±360 and y within ±90 degrees"),
        (None, [1, 0, 1, 1], "expected x1 and x2 to differ"),
        (None, [0, 1, 1, 1], "expected y1 < y2"),
        (None, [0, 2, 1, 1], "expected y1 < y2"),
        ("EPSG:32633", [10, 0, 5, 1], "expected x1 < x2"),
        (None, [1000, 0, 500, 1], "expected x1 < x2"),
        ("WGS84", [350, 0, -350, 1], "expected x1 < x2"),
    ],
)
def test_areas_that_are_none_are_refused(crs, bbox, message):
    assert faults(with_cube(crs=crs, bbox=bbox)) == {"cube_config.bbox": message}


@pytest.mark.parametrize("crs", ["EPSG:4326", "WGS84", None])
@pytest.mark.parametrize("spatial_res", [None, 0.1])
def test_an_area_across_the_antimeridian_is_two_cubes(crs, spatial_res):
    """xcube cannot make it: the run failed, though the estimate promised it."""
    told = faults(with_cube(crs=crs, bbox=[170, -10, -170.5, 10], spatial_res=spatial_res))
    assert list(told) == ["cube_config.bbox"]
    assert "[170, -10, 180, 10] and [-180, -10, -170.5, 10]" in told["cube_config.bbox"]


@pytest.mark.parametrize(
    ("bbox", "spatial_res"), [([0, 0, 10, 10], 50), ([0, 0, 10, 10], 10), ([0, 0, 1, 100], 1)]
)
def test_a_pixel_larger_than_the_area_is_refused(bbox, spatial_res):
    (told,) = faults(with_cube(crs="EPSG:3857", bbox=bbox, spatial_res=spatial_res)).items()
    assert told[0] == "cube_config.spatial_res"
    assert "at least 2 x 2" in told[1]


@pytest.mark.parametrize(
    ("variable", "key", "is_refused"),
    [
        ("sst", "_FillValue", True),
        ("sst", "scale_factor", True),
        ("time", "units", True),
        ("sst", "units", False),
        ("time", "long_name", False),
    ],
)
def test_metadata_that_is_an_encoding_is_refused(variable, key, is_refused):
    document = with_cube(variable_metadata={variable: {key: "x"}})
    if is_refused:
        assert list(faults(document)) == [f"cube_config.variable_metadata.{variable}.{key}"]
    else:
        parse_request(document)


@pytest.mark.parametrize("bbox", [[0, 0, 1, True], ["0", 0, 1, 1], [0, 0, 1], [0] * 5, "0,0,1,1"])
def test_a_bbox_is_four_numbers(bbox):
    assert len(faults(with_cube(bbox=bbox))) == 1


def test_images_are_at_most_a_million_pixels_long():
    parse_request(with_cube(bbox=[0, 0, 10, 1], spatial_res=1e-5))
    told = faults(with_cube(bbox=[0, 0, 10.1, 1], spatial_res=1e-5))
    assert list(told) == ["cube_config.spatial_res"]
    assert "1,010,000 pixels" in told["cube_config.spatial_res"]
    assert faults(with_cube(bbox=[170, -1, -170, 1], spatial_res=1e-5))
    assert faults(with_cube(bbox=[0, 0, 1e15, 1], spatial_res=5e-324))


@pytest.mark.parametrize(
    "time_range",
    [
        ["2020-02-30", None],
        ["2020-1-1", None],
        ["2020-01-01T00:00:00Z", None],  # xcube's own schema takes dates only
        ["1677-12-31", None],
        [None, "2262-01-01"],
        ["2020-01-02", "2020-01-01"],
        ["2020-01-01\n", None],
        ["２０２０-01-01", None],
        ["2020-01-01"],
        [None, None, None],
        [20200101, None],
        "2020-01-01",
    ],
)
def test_time_ranges_that_are_none_are_refused(time_range):
    assert len(faults(with_cube(time_range=time_range))) == 1


@pytest.mark.parametrize("time_range", [[None, None], ["1678-01-01", "2261-12-31"], None])
def test_time_ranges_may_be_open(time_range):
    parse_request(with_cube(time_range=time_range))


@pytest.mark.parametrize("period", ["D", "1D", "8D", "2W", "1M", "1Y"])
def test_time_periods_are_accepted(period):
    parse_request(with_cube(time_period=period))


@pytest.mark.parametrize("period", ["0D", "1H", "1d", "D1", "1D\n", "-1D", "999999D", ""])
def test_time_periods_that_are_none_are_refused(period):
    assert list(faults(with_cube(time_period=period))) == ["cube_config.time_period"]


@pytest.mark.parametrize(
    "cube",
    [
        {"tile_size": [1, 512]},
        {"tile_size": [512, 2501]},
        {"tile_size": 512},
        {"tile_size": [512, True]},
        {"chunks": {"time": 0}},
        {"chunks": {"time": "auto"}},
        {"chunks": [1]},
        {"variable_names": []},
        {"variable_names": [""]},
        {"variable_names": ["x"] * 1001},
        {"variable_metadata": {"x": 1}},
        {"metadata": []},
        {"spatial_res": -1},
        {"spatial_res": "1"},
        {"spatial_res": True},
    ],
)
def test_other_members_of_cube_config_are_checked(cube):
    assert len(faults(with_cube(**cube))) == 1


# Code


@pytest.mark.parametrize(
    "reference", ["m", "m:", ":f", "m:f:g", "m f:g", "1m:f", "a..b:f", "m:f-g"]
)
def test_callable_ref_is_module_and_name(reference):
    told = faults(with_code(callable_ref=reference, inline_code="x = 1"))
    assert told == {"code_config.callable_ref": "expected a function or class as 'module:name'"}


def test_code_is_inline_or_an_upload():
    assert list(faults(with_code())) == ["code_config"]
    assert "code_config" in faults(with_code(inline_code="x", file_set={"path": "x"}))


def test_inline_code_is_at_most_one_megabyte():
    parse_request(with_code(inline_code="#" * 1024**2))
    assert list(faults(with_code(inline_code="#" * (1024**2 + 1)))) == ["code_config.inline_code"]
    assert list(faults(with_code(inline_code="ü" * (1024**2 - 1)))) == ["code_config.inline_code"]


@pytest.mark.parametrize(
    "path",
    ["/etc", "proc.zip", "https://evil.example/x.zip", "github://o:r@main/", "s3://b/x.zip"],
)
def test_a_file_set_path_from_the_caller_is_refused(path):
    assert list(faults(with_code(file_set={"path": path}))) == ["code_config.file_set.path"]


def test_uploaded_code_is_accepted_and_its_path_replaced():
    request = parse_request(ARCHIVE, uploaded=True)
    assert request.document["code_config"]["file_set"]["path"] == UPLOAD_PLACEHOLDER
    assert request.document["code_config"]["file_set"]["sub_path"] == "proc-1.0"


@pytest.mark.parametrize(
    ("member", "value", "field"),
    [
        ("path", "/tmp/proc.zip", "path"),
        ("path", "a/proc.zip", "path"),
        ("path", "..", "path"),
        ("path", "file:///x.zip", "path"),
        ("path", "zip::x", "path"),
        ("sub_path", "../x", "sub_path"),
        ("sub_path", "/x", "sub_path"),
        ("sub_path", "a/%2e%2e/b", "sub_path"),
        ("includes", ["../*"], "includes[0]"),
        ("excludes", ["*.py", "a/../b"], "excludes[1]"),
        ("includes", ["x" * 257], "includes[0]"),
        ("storage_params", {"key": "x"}, "storage_params"),
    ],
)
def test_an_uploads_file_set_stays_in_the_archive(member, value, field):
    document = copy.deepcopy(ARCHIVE)
    document["code_config"]["file_set"][member] = value
    assert list(faults(document, uploaded=True)) == [f"code_config.file_set.{field}"]


def test_an_upload_needs_a_file_set():
    assert list(faults(COPY, uploaded=True)) == ["code_config"]
    assert list(faults(with_code(inline_code="x"), uploaded=True)) == ["code_config.file_set"]


def test_install_required_needs_a_file_set():
    told = faults(with_code(inline_code="x", install_required=True))
    assert list(told) == ["code_config.install_required"]


# Names of data


@pytest.mark.parametrize(
    "data_id",
    [
        "demo.zarr",
        "folder/sub folder/demo.zarr",
        "S2L2A",
        "esacci.OC.day.L3S.CHLOR_A.multi-sensor.multi-platform.MERGED.3-1.geographic",
        "clc-backbone-2021|CLMS_CLCplus_RASTER_2021",
        "collections/sentinel-2-l1c/items/S2B_32VKQ_20180212",
        "6453099/100%25.zarr",
        "größe.zarr",
        "...zarr",
        "a:b",
    ],
)
def test_names_in_a_store_are_accepted(data_id):
    parse_request(with_input(data_id=data_id))


@pytest.mark.parametrize(
    "data_id",
    [
        "",
        " ",
        ".",
        "..",
        "../x.zarr",
        "a/../x.zarr",
        "a/..",
        "./x",
        "a//b",
        "a/",
        "/etc/passwd",
        "~/x",
        "\\\\host\\share",
        "a\\b",
        "C:/x",
        "a/%2e%2e/b",
        "%252e%252e/x",
        "%25252525252e./x",
        "%2fetc",
        "a%00b",
        "a\nb",
        "a\x7fb",
        "file://x",
        "s3://b/x",
        "a::b",
        "simplecache::s3://b/x",
        "a.zip!b.tif",
        "x.nc#mode=bytes",
        "x?y",
        "*.zarr",
        "x" * 513,
    ],
)
def test_names_that_lead_out_of_the_store_are_refused(data_id):
    assert list(faults(with_input(data_id=data_id))) == ["input_config.data_id"]
    told = faults({**COPY, "output_config": {"store_id": "@x", "data_id": data_id}})
    assert list(told) == ["output_config.data_id"]


# Properties

# fmt: off
KEY_NAMES = [
    "input_config", "input_configs", "cube_config", "code_config", "output_config",
    "callback_config", "store_id", "data_id", "opener_id", "store_params", "open_params",
    "bbox", "crs", "spatial_res", "tile_size", "time_range", "time_period", "chunks",
    "metadata", "variable_metadata", "variable_names", "callable_ref", "inline_code",
    "file_set", "path", "sub_path", "includes", "replace",
]
# fmt: on
KEYS = st.sampled_from(KEY_NAMES) | st.text(max_size=8)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["@demo", "EPSG:4326", "2020-01-01", "x.zarr", "m:f", "1D"])
)
JSON = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
CUBES = st.fixed_dictionaries(
    {},
    optional={
        "crs": VALUES,
        "bbox": st.lists(st.floats() | st.integers(), min_size=3, max_size=5),
        "spatial_res": st.floats(),
        "tile_size": st.lists(st.integers(), min_size=2, max_size=2),
        "time_range": st.lists(st.dates().map(str) | VALUES, min_size=2, max_size=2),
        "time_period": st.from_regex(r"\A[0-9]*[DWMY]\Z"),
        "chunks": JSON,
        "metadata": JSON,
    },
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
@example({"input_config": None, "output_config": None})
@example({"code_config": {"file_set": []}, "input_configs": {}, "output_config": []})
def test_any_json_is_a_request_or_invalid_and_nothing_else(document):
    for uploaded in (False, True):
        try:
            request = parse_request(document, uploaded=uploaded)
        except InvalidRequest as error:
            assert error.errors
        else:
            json.dumps(request.document, allow_nan=False).encode()


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(CUBES)
def test_any_cube_config_is_accepted_or_invalid_and_nothing_else(cube):
    try:
        accepted = parse_request(with_cube(**cube)).document["cube_config"]
    except InvalidRequest:
        return
    if "bbox" in accepted:
        x1, y1, x2, y2 = accepted["bbox"]
        assert x1 != x2
        assert y1 < y2
