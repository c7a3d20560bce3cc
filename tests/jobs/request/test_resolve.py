"""Which stores a request may use, and what the run, the ledger and the user see of them."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.estimates.cost import Price
from jobs.request import InvalidRequest, parse_request, redact, resolve, unredact
from jobs.request.addresses import endpoint_fault
from jobs.stores.catalogue import StoreCatalogue
from jobs.stores.store import Store

CHEAP = Price(1_000_000, 1_000_000)
COSTLY = Price(1000, 1000)
SECRET = "s3cr3t-of-the-hub"
CLIENT = "storage_options.client_kwargs"


def catalogue(*more: Store) -> StoreCatalogue:
    minio = {
        "root": "cubes",
        "storage_options": {
            "key": "k",
            "secret": SECRET,
            "client_kwargs": {"endpoint_url": "http://minio:9000"},
        },
    }
    stores = [
        Store("demo", "file", store_params={"root": "/data/demo"}, price=CHEAP, writable=False),
        Store("costly", "s3", store_params=minio, price=COSTLY),
        Store("home", "file", store_params={"root": "/data/home"}, per_user=True, price=CHEAP),
        Store("scratch", "s3", store_params=minio, readable=False),
        Store("unpriced", "s3", store_params=minio),
        Store("hub", "sentinelhub", store_params={"client_secret": SECRET}, price=COSTLY),
        *more,
    ]
    return StoreCatalogue({store.name: store for store in stores})


def s3(**changes) -> dict:
    """A caller's own store, with `storage_options` and `store_params` changed."""
    params = {"root": "mine/prefix", "storage_options": {"key": "mykey", "secret": "mysecret"}}
    for name, value in changes.items():
        target = (
            params if name in params or name in {"max_depth", "read_only", "includes"} else None
        )
        target = params["storage_options"] if target is None else target
        target[name] = value
    return {"store_id": "s3", "store_params": params}


def request(input_config=None, output_config=None, **more) -> dict:
    return {
        "input_config": {"store_id": "@demo", "data_id": "demo.zarr"} | (input_config or {}),
        "output_config": {"store_id": "@scratch", "data_id": "out.zarr"} | (output_config or {}),
        **more,
    }


def resolved(document, stores=None, **options):
    return resolve(
        parse_request(document), catalogue=stores or catalogue(), user_id="a123", **options
    )


def faults(document, **options) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        resolved(document, **options)
    return {error.field: error.message for error in raised.value.errors}


# Stores of the catalogue


def test_a_run_gets_the_stores_that_its_request_names_and_no_others():
    result = resolved(request())
    assert set(result.stores) == {"demo", "scratch"}
    assert result.stores["demo"] == {"store_id": "file", "store_params": {"root": "/data/demo"}}
    assert result.document["input_config"]["store_id"] == "@demo"
    assert result.output_store == "@scratch"
    assert not result.uses_own_store
    assert result.egress is None


def test_a_users_own_folder_is_in_the_root_that_the_run_gets():
    result = resolved(request({"store_id": "@home"}, {"store_id": "@home"}))
    assert result.stores == {
        "home": {"store_id": "file", "store_params": {"root": "/data/home/a123"}}
    }
    assert result.output_location() == "file:/data/home/a123/out.zarr"


def test_the_prices_of_all_inputs_count():
    inputs = [
        {"store_id": "@demo", "data_id": "a.zarr"},
        {"store_id": "@costly", "data_id": "b.zarr"},
        {**s3(), "data_id": "c.zarr"},
    ]
    result = resolved(
        {"input_configs": inputs, "output_config": {"store_id": "@scratch"}},
        own_store_pixels_per_punit=77,
    )
    assert result.input_prices == [CHEAP, COSTLY, Price(77, 77)]


def test_an_unknown_store_is_told_with_those_that_may_be_used():
    assert faults(request({"store_id": "@x"}, {"store_id": "@y"})) == {
        "input_config.store_id": "unknown store '@x'; known: @demo, @costly, @home, "
        "@unpriced, @hub",
        "output_config.store_id": "unknown store '@y'; known: @costly, @home, @scratch, "
        "@unpriced, @hub",
    }


@pytest.mark.parametrize("name", ["@", "@@demo", "@demo ", "@Demo"])
def test_names_of_stores_are_exact(name):
    assert list(faults(request({"store_id": name}))) == ["input_config.store_id"]


def test_a_store_is_used_only_as_it_may_be():
    assert faults(request({"store_id": "@scratch"}, {"store_id": "@demo"})) == {
        "input_config.store_id": "store '@scratch' cannot be read",
        "output_config.store_id": "store '@demo' cannot be written",
    }


CODE = {"inline_code": "def f(cube):\n    return cube\n", "callable_ref": "m:f"}


def test_users_code_gets_no_store_whose_credentials_are_shared():
    """It could read them, and keep them."""
    told = faults(request({"store_id": "@costly"}, {"store_id": "@scratch"}, code_config=CODE))
    assert set(told) == {"input_config.store_id", "output_config.store_id"}
    assert "code of your own" in told["input_config.store_id"]
    assert SECRET not in json.dumps(told)


def test_users_code_may_use_stores_without_credentials_and_their_own():
    kept = resolved(request(output_config={"store_id": "@home"}, code_config=CODE))
    assert set(kept.stores) == {"demo", "home"}
    own = resolved(request(output_config=s3(), code_config=CODE))
    assert own.uses_own_store


@pytest.mark.parametrize(
    ("params", "has"),
    [
        ({"root": "b", "storage_options": {"anon": True}}, False),
        ({"root": "b", "storage_options": {"key": "", "secret": None}}, False),
        ({"root": "b", "storage_options": {"secret": "x"}}, True),
        ({"client_secret": "x"}, True),
        ({"servers": [{"api_key": "x"}]}, True),
    ],
)
def test_which_stores_have_credentials(params, has):
    assert Store("s", "s3", store_params=params).has_credentials is has


def test_a_store_without_prices_is_no_input():
    assert faults(request({"store_id": "@unpriced"})) == {
        "input_config.store_id": "store '@unpriced' has no prices: it cannot be used as an input"
    }
    resolved(request(None, {"store_id": "@unpriced"}))


def test_a_named_stores_parameters_cannot_be_changed():
    resolved(request({"store_params": {}}))
    told = faults(request({"store_params": {"root": "/"}}, {"store_params": {"root": "/"}}))
    assert list(told) == ["input_config.store_params", "output_config.store_params"]


def test_an_opener_without_a_store_would_open_anything_and_is_refused():
    document = {
        "input_config": {"opener_id": "dataset:zarr:file", "data_id": "x.zarr"},
        "output_config": {"writer_id": "dataset:zarr:file", "data_id": "x.zarr"},
    }
    told = faults(document)
    assert list(told) == ["input_config.store_id", "output_config.store_id"]
    assert told["input_config.store_id"].startswith("missing; expected the name of a store (@demo")


@pytest.mark.parametrize("store_id", ["demo", "file", "memory", "https", "ftp", "reference", "S3"])
def test_store_types_that_are_not_opened_are_refused(store_id):
    told = faults(request({"store_id": store_id}, {"store_id": store_id}))
    assert list(told) == ["input_config.store_id", "output_config.store_id"]
    assert f"store type '{store_id}' is not available" in told["input_config.store_id"]


def test_no_own_stores_where_the_operator_allows_none():
    told = faults(request({**s3()}), own_store_types=[])
    assert "your own" not in told["input_config.store_id"]


# Openers, writers, parameters


@pytest.mark.parametrize(
    ("opener_id", "data_id"),
    [
        ("dataset:zarr:file", "x.zarr"),
        ("dataset:zarr:file", "without_extension"),
        ("dataset:levels:file", "x.levels"),
        ("dataset:netcdf:file", "a/x.nc"),
        ("dataset:geotiff:file", "x.TIF"),
    ],
)
def test_openers_of_the_stores_own_are_accepted(opener_id, data_id):
    resolved(request({"opener_id": opener_id, "data_id": data_id}))


@pytest.mark.parametrize(
    ("opener_id", "data_id"),
    [
        ("dataset:zarr:s3", "x.zarr"),
        ("dataset:zarr:https", "x.zarr"),
        ("dataset:zarr:reference", "x.zarr"),
        ("dataset:zarr", "x.zarr"),
        ("dataset:zarr:file:x", "x.zarr"),
        ("mldataset:levels:file", "x.levels"),
        ("geodataframe:geojson:file", "x.geojson"),
        ("dataset:kerchunk:file", "x.json"),
        ("dataset:geotiff:file", "x.zarr/v/0.0"),
        ("dataset:geotiff:file", "x.zarr"),
        ("dataset:netcdf:file", "x"),
        ("dataset:zarr:file", "x.nc"),
        ("x", "x.zarr"),
    ],
)
def test_openers_of_elsewhere_or_of_another_format_are_refused(opener_id, data_id):
    told = faults(request({"opener_id": opener_id, "data_id": data_id}))
    assert list(told) == ["input_config.opener_id"]


def test_a_plugins_store_has_openers_of_its_own_name():
    resolved(
        request({"store_id": "@hub", "data_id": "S2L2A", "opener_id": "dataset:zarr:sentinelhub"})
    )
    assert faults(request({"store_id": "@hub", "data_id": "S2L2A", "opener_id": "dataset:zarr:s3"}))


@pytest.mark.parametrize(
    ("writer_id", "data_id"),
    [
        ("dataset:zarr:file", "x.zarr"),
        ("dataset:geotiff:s3", "x.tif"),
        ("dataset:netcdf:s3", "x.zarr"),
        ("dataset:netcdf:s3", None),
        ("mldataset:levels:s3", "x.levels"),
    ],
)
def test_writers_of_elsewhere_or_of_another_format_are_refused(writer_id, data_id):
    told = faults(request(None, {"writer_id": writer_id, "data_id": data_id}))
    assert "output_config.writer_id" in told


@pytest.mark.parametrize("data_id", ["x.zarr", "f/x.levels", "x.nc", None])
def test_writers_are_told_by_the_name(data_id):
    resolved(request(None, {"data_id": data_id}))


@pytest.mark.parametrize(
    "params",
    [
        {"engine": "rasterio"},
        {"storage_options": {"key": "x"}},
        {"fs": "x"},
        {"root": "x"},
        {"backend_kwargs": {}},
        {"chunked_array_type": "x"},
        {"from_array_kwargs": {}},
        {"opener_id": "dataset:zarr:https"},
        {"filename_or_obj": "x"},
        {"group": "../other.zarr"},
        {"group": "/etc"},
        {"chunks": {"/etc": 1}},
        {"drop_variables": ["file:///x"]},
        {"anything": 1},
    ],
)
def test_open_params_that_lead_elsewhere_are_refused(params):
    (field,) = faults(request({"open_params": params}))
    assert field.startswith("input_config.open_params.")


def test_ordinary_open_and_write_params_are_accepted():
    resolved(
        request(
            {
                "open_params": {
                    "chunks": {"time": 1, "lat": "auto", "lon": None},
                    "group": "level0",
                    "cache_size": 1000,
                    "decode_cf": True,
                }
            },
            {
                "write_params": {
                    "encoding": {"sst": {"dtype": "int16", "units": "days since 1970-01-01"}},
                    "consolidated": True,
                    "zarr_format": 3,
                }
            },
        )
    )
    resolved(
        request(
            {
                "store_id": "@hub",
                "data_id": "S2L2A",
                "open_params": {"dataset_name": "x", "tile_size": [512, 512], "region": "EU"},
            }
        )
    )


@pytest.mark.parametrize(
    "params",
    [
        {"api_url": "x"},
        {"API_URL": "x"},
        {"a": [{"storage_options": 1}]},
        {"a": "http://169.254.169.254"},
        {"a": {"b": "../x"}},
    ],
)
def test_open_params_of_plugin_stores_do_not_lead_elsewhere(params):
    told = faults(request({"store_id": "@hub", "data_id": "x", "open_params": params}))
    assert all(field.startswith("input_config.open_params.") for field in told)


@pytest.mark.parametrize(
    "params",
    [
        {"base_dataset_id": "other.zarr"},
        {"base_dataset_path": "x"},
        {"base_dataset_open_params": {}},
        {"storage_options": {}},
        {"fs_kwargs": {}},
        {"engine": "zarr"},
        {"mode": "w"},
        {"compute": False},
        {"replace": True},
        {"region": "auto"},
        {"group": "../x"},
        {"encoding": {"x": {"compressor": {"id": "s3://x"}}}},
    ],
)
def test_write_params_that_lead_elsewhere_are_refused(params):
    (field,) = faults(request(None, {"write_params": params}))
    assert field.startswith("output_config.write_params.")


# Outputs


@pytest.mark.parametrize("data_id", ["x", "a.zarr/b", "a.zarr/b.zarr", "a.nc/b.zarr"])
def test_in_a_shared_store_no_output_lies_in_or_around_another(data_id):
    assert list(faults(request(None, {"data_id": data_id}))) == ["output_config.data_id"]
    resolved(request(None, {"store_id": "@home", "data_id": data_id}))
    resolved(request(None, {**s3(), "data_id": data_id}))


@pytest.mark.parametrize("data_id", ["x.tif", "f/x.jp2", "x.geotiff"])
@pytest.mark.parametrize("store", [{"store_id": "@home"}, {}, {"own": True}])
def test_no_output_is_named_after_a_format_that_is_only_read(data_id, store):
    """xcube would write Zarr, and then not open it by that name."""
    output = {**s3(), "data_id": data_id} if store.pop("own", False) else {"data_id": data_id}
    told = faults(request(None, {**output, **store}))
    assert list(told) == ["output_config.data_id"]


def test_the_hub_names_an_output_that_has_no_name():
    result = resolved(request(None, {"data_id": None}))
    assert result.output_data_id is None
    with pytest.raises(ValueError, match="data_id"):
        result.output_location()
    named = result.with_output_data_id("job.zarr")
    assert named.document["output_config"]["data_id"] == "job.zarr"
    assert named.output_location() == "s3:minio:9000|cubes/job.zarr"
    assert result.output_data_id is None
    assert named.with_output_data_id("other.zarr") is named


@pytest.mark.parametrize(
    ("output", "changes"),
    [
        ({}, False),
        ({"replace": False}, False),
        ({"replace": True}, True),
        ({"write_params": {"append_dim": "time"}}, True),
        ({"write_params": {"group": "x"}}, True),
    ],
)
def test_what_may_change_existing_data_is_known(output, changes):
    assert resolved(request(None, output)).may_change_existing is changes


def test_the_same_place_is_one_claim_by_whatever_name_it_is_reached():
    options = {"key": "x", "secret": "y", "endpoint_url": "HTTP://Minio:9000/"}
    alias = Store("alias", "s3", store_params={"root": "s3://cubes/", "storage_options": options})
    stores = catalogue(alias)
    by_name = resolved(request(), stores).output_location()
    by_alias = resolved(request(None, {"store_id": "@alias"}), stores).output_location()
    own = {"store_id": "s3", "store_params": {"root": "cubes", "storage_options": options}}
    by_own = resolved(request(None, own), own_store_networks=["10.0.0.0/8"]).output_location()
    assert by_name == by_alias == by_own == "s3:minio:9000|cubes/out.zarr"


# The caller's own store


def test_an_own_store_needs_the_egress_guard_and_is_shown_without_credentials():
    result = resolved(
        request(s3(), {**s3(client_kwargs={"endpoint_url": "https://s3.example.org"})}),
        own_store_networks=["10.1.0.0/16"],
    )
    assert result.uses_own_store
    assert result.egress == {"deny_private": True, "allow_networks": ["10.1.0.0/16"]}
    assert result.stores == {}
    assert result.output_store == "s3: mine/prefix at https://s3.example.org"
    assert result.output_location() == "s3:s3.example.org|mine/prefix/out.zarr"
    assert "mysecret" not in repr(result)


@pytest.mark.parametrize(
    "own",
    [
        s3(),
        s3(token="t"),
        s3(anon=False),
        s3(client_kwargs={"endpoint_url": "https://s3.example.org:9000", "region_name": "eu-1"}),
        s3(endpoint_url="http://8.8.8.8/"),
        s3(root="bucket"),
        s3(root="bucket/a/b/"),
        s3(max_depth=None, includes=["*.zarr"]),
    ],
)
def test_own_stores_are_accepted(own):
    resolved(request(own, own))


def test_an_own_store_may_be_read_anonymously_but_not_written():
    own = s3()
    own["store_params"]["storage_options"] = {"anon": True}
    resolved(request(own))
    assert list(faults(request(None, own))) == ["output_config.store_params.storage_options.anon"]


@pytest.mark.parametrize(
    ("own", "field"),
    [
        (s3(profile="default"), "storage_options.profile"),
        (s3(session="x"), "storage_options.session"),
        (s3(config_kwargs={"proxies": {}}), "storage_options.config_kwargs"),
        (s3(s3_additional_kwargs={}), "storage_options.s3_additional_kwargs"),
        (s3(client_kwargs={"verify": False}), f"{CLIENT}.verify"),
        (s3(client_kwargs={"aws_session_token": "x"}), f"{CLIENT}.aws_session_token"),
        (s3(client_kwargs=[]), CLIENT),
        (s3(client_kwargs={"region_name": "x@evil.example/"}), f"{CLIENT}.region_name"),
        (s3(anon=True), "storage_options.key"),
        (s3(anon="yes"), "storage_options.anon"),
        (s3(key=None), "storage_options.key"),
        (s3(secret=""), "storage_options.secret"),
        (s3(secret="a\nb"), "storage_options.secret"),
        (s3(token=5), "storage_options.token"),
        (s3(endpoint_url=5), "storage_options.endpoint_url"),
        (s3(endpoint_url="http://127.0.0.1"), "storage_options.endpoint_url"),
        (s3(client_kwargs={"endpoint_url": "http://127.0.0.1"}), f"{CLIENT}.endpoint_url"),
        (s3(storage_options=None), "storage_options"),
        (s3(root=None), "root"),
        (s3(root=""), "root"),
        (s3(root="/x"), "root"),
        (s3(root="s3://bucket"), "root"),
        (s3(root="bucket/../other"), "root"),
        (s3(root="arn:aws:s3:x"), "root"),
        (s3(max_depth=0), "max_depth"),
        (s3(max_depth=True), "max_depth"),
        (s3(includes=[5]), "includes"),
        (s3(read_only=1), "read_only"),
    ],
)  # fmt: skip
def test_whatever_else_s3fs_could_be_told_is_refused(own, field):
    assert f"input_config.store_params.{field}" in faults(request(own))


def test_an_unknown_parameter_of_an_own_store_is_refused():
    own = s3()
    own["store_params"]["fs"] = "x"
    assert list(faults(request(own))) == ["input_config.store_params.fs"]
    own = {"store_id": "s3"}
    assert set(faults(request(own))) == {
        "input_config.store_params.root",
        "input_config.store_params.storage_options",
    }


def test_two_endpoints_at_once_are_refused():
    own = s3(endpoint_url="https://a.example", client_kwargs={"endpoint_url": "https://b.example"})
    assert list(faults(request(own))) == ["input_config.store_params.storage_options.endpoint_url"]


def test_an_own_store_that_is_read_only_is_no_output():
    assert list(faults(request(None, s3(read_only=True)))) == [
        "output_config.store_params.read_only"
    ]


@pytest.mark.parametrize("data_id", ["x.nc", "x.tif", "x.json", "x", "x.zarr/a.tif"])
def test_only_zarr_is_read_where_the_caller_controls_the_bytes(data_id):
    told = faults(request({**s3(), "data_id": data_id}))
    assert told == {
        "input_config.data_id": "expected a name that ends with .zarr or .levels "
        "in a store of your own"
    }


def test_a_type_that_the_operator_opened_is_not_allow_listed_but_its_urls_are_judged():
    own = {"store_id": "cds", "store_params": {"endpoint_url": "https://cds.example.org", "x": 1}}
    result = resolved(request(own), own_store_types=["s3", "cds"])
    assert result.uses_own_store
    own["store_params"]["endpoint_url"] = "http://10.0.0.1"
    told = faults(request(own), own_store_types=["cds"])
    assert list(told) == ["input_config.store_params.endpoint_url"]


# Endpoints


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.eu-central-1.amazonaws.com",
        "https://obs.eu-de.otc.t-systems.com",
        "http://s3.example.org:9000/",
        "https://8.8.8.8",
        "https://[2001:4860:4860::8888]:443",
        "https://10.example.org",
    ],
)
def test_public_endpoints_are_accepted(url):
    assert endpoint_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3.example.org",
        "//s3.example.org",
        "ftp://s3.example.org",
        "file:///etc/passwd",
        "http://",
        "http://user@s3.example.org",
        "http://user:pw@s3.example.org",
        "http://s3.example.org@127.0.0.1",
        "http://s3.example.org/path",
        "http://s3.example.org?x",
        "http://s3.example.org#x",
        "http://s3.example.org:0",
        "http://s3.example.org:99999",
        "http://s3.example.org:x",
        "http://s3 .example.org",
        "http://s3.example.org\n",
        "http://s3.example.org\\@127.0.0.1",
        "http://127.0.0.1",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.1",
        "http://0177.0.0.1",
        "http://127.0.0.1.",
        "http://0",
        "http://0.0.0.0",
        "http://8.8.2056",
        "http://1.2.3.4.5",
        "http://10.0.0.1",
        "http://172.16.0.1",
        "http://192.168.1.1",
        "http://192.0.0.192",
        "http://[fec0::1]",
        "http://100.64.0.1",
        "http://169.254.169.254",
        "http://224.0.0.1",
        "http://240.0.0.1",
        "http://255.255.255.255",
        "http://[::1]",
        "http://[::]",
        "http://[fe80::1]",
        "http://[fe80::1%25eth0]",
        "http://[fc00::1]",
        "http://[ff02::1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:10.0.0.1]",
        "http://[64:ff9b::7f00:1]",
        "http://[2002:7f00:1::]",
        "http://localhost",
        "http://LOCALHOST:9000",
        "http://localhost.",
        "http://x.localhost",
        "http://printer.local",
        "http://metadata.google.internal",
        "http://minio",
        "http://minio.default.svc",
        "http://minio.default.svc.cluster.local",
        "http://①②⑦.⓪.⓪.①",
        "http://exämple.org",
        "http://a_b!.example.org",
        "http://[::1",
    ],
)
def test_endpoints_inside_or_malformed_are_refused(url):
    assert endpoint_fault(url)


def test_networks_that_the_operator_opened_are_accepted():
    networks = ["10.1.0.0/16", "fd00::/8"]
    assert endpoint_fault("http://10.1.2.3:9000", networks=networks) is None
    assert endpoint_fault("http://[::ffff:10.1.2.3]", networks=networks) is None
    assert endpoint_fault("http://[fd00::5]", networks=networks) is None
    assert endpoint_fault("http://minio:9000", networks=networks) is None
    assert endpoint_fault("http://10.2.0.1", networks=networks)
    assert endpoint_fault("http://localhost:9000", networks=networks)
    assert endpoint_fault("http://169.254.169.254", networks=networks)
    assert endpoint_fault("http://localhost:9000", networks=["127.0.0.0/8"]) is None


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=30) | st.ip_addresses().map(lambda a: f"http://{a}"))
def test_any_endpoint_is_judged_without_failing(url):
    endpoint_fault(url)


# What is shown, stored, estimated


def test_an_estimate_gets_no_user_code():
    document = request(
        output_config={"store_id": "@home"},
        code_config={"callable_ref": "m:f", "inline_code": "x = 1"},
        callback_config={"api_uri": "http://x", "access_token": "t"},
    )
    result = resolved(document)
    assert result.has_user_code
    assert set(result.document) == {"input_config", "output_config", "code_config"}
    assert set(result.for_estimate()) == {"input_config", "output_config"}


def test_credentials_are_kept_apart_and_put_back():
    result = resolved(request(s3(token="mytoken"), s3()))
    shown = json.dumps(result.redacted_document())
    for secret in ("mykey", "mysecret", "mytoken"):
        assert secret not in shown
    assert '"root": "mine/prefix"' in shown
    assert result.credentials()["/input_config/store_params/storage_options/token"] == "mytoken"
    assert unredact(result.redacted_document(), result.credentials()) == result.document


NAMES = st.sampled_from(
    ["key", "secret", "token", "password", "api_key", "accessKey", "root", "a/b", "~", "", "anon"]
)
PARAMS = st.dictionaries(
    NAMES,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("***"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)
CONFIGS = st.dictionaries(
    st.sampled_from(["store_params", "open_params", "write_params", "data_id", "key"]),
    PARAMS | st.text(max_size=3),
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "input_config": CONFIGS,
        "input_configs": st.lists(CONFIGS, max_size=3),
        "output_config": CONFIGS,
    },
)


@settings(deadline=None, max_examples=150)
@given(DOCUMENTS)
def test_unredact_undoes_redact(document):
    before = copy.deepcopy(document)
    redacted, credentials = redact(document)
    assert document == before
    credentials = json.loads(json.dumps(credentials))
    assert unredact(json.loads(json.dumps(redacted)), credentials) == document


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "secret",
        "token",
        "password",
        "account_key",
        "aws_secret_access_key",
        "clientSecret",
        "connection_string",
        "api-key",
        "APIKEY",
        "sas_token",
    ],
)
def test_credentials_are_known_by_their_names(name):
    document = {"input_config": {"store_params": {"a": [{name: "x"}], "root": "r"}}}
    assert list(redact(document)[1].values()) == ["x"]


@pytest.mark.parametrize("name", ["root", "anon", "keyword", "monkey", "endpoint_url", "author"])
def test_other_parameters_are_shown(name):
    assert redact({"input_config": {"store_params": {name: "x"}}})[1] == {}
