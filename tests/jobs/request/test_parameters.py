"""The closed table of open and write parameters: which names and values a format takes."""

import pytest

from jobs.request.parameters import OPEN_PARAMS, WRITE_PARAMS, param_faults


def faults(params, table):
    return {fault.field: fault.message for fault in param_faults("p", params, table)}


@pytest.mark.parametrize(
    ("written_as", "params"),
    [
        ("levels", {"num_levels": 40}),
        ("levels", {"num_levels": 0}),
        ("levels", {"num_levels": True}),
        ("levels", {"num_levels": 2.0}),
        ("levels", {"num_levels": "3"}),
        ("levels", {"tile_size": 1}),
        ("levels", {"tile_size": [1, 512]}),
        ("levels", {"tile_size": [512]}),
        ("levels", {"agg_methods": "sum"}),
        ("levels", {"use_saved_levels": 1}),
        ("zarr", {"num_levels": 3}),
        ("zarr", {"tile_size": [512, 512]}),
        ("zarr", {"zarr_format": 1}),
        ("zarr", {"zarr_format": True}),
        ("zarr", {"zarr_format": "2"}),
        ("zarr", {"append_dim": ["time"]}),
        ("zarr", {"consolidated": "yes"}),
        ("zarr", {"group": ""}),
        ("zarr", {"levels": 1}),
        ("zarr", {"levels": "true"}),
        ("zarr", {"levels": [True]}),
        ("zarr", {"levels": None}),
        ("levels", {"levels": True}),
        ("netcdf", {"levels": True}),
        ("zarr", {"encoding": []}),
        ("zarr", {"unlimited_dims": ["time"]}),
        ("zarr", {"safe_chunks": False}),
        ("zarr", {"write_empty_chunks": True}),
        ("netcdf", {"zarr_format": 3}),
        ("netcdf", {"format": "NETCDF3_CLASSIC"}),
        ("netcdf", {"unlimited_dims": "time"}),
    ],
)
def test_a_wrong_write_parameter_is_named(written_as, params):
    (name,) = params
    assert list(faults(params, WRITE_PARAMS[written_as])) == [f"p.{name}"]


@pytest.mark.parametrize(
    "encoding",
    [
        {"chunks": [1, 1, 1]},
        {"chunksizes": [1, 1, 1]},
        {"shards": [1, 1, 1]},
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "pickle"}]},
        {"serializer": "x"},
        {"dtype": "object"},
        {"dtype": "|O"},
        {"dtype": "U1000000"},
        {"scale_factor": "1"},
        {"_FillValue": "x"},
        {"units": "x" * 257},
    ],
)
@pytest.mark.parametrize("written_as", WRITE_PARAMS)
def test_encodings_choose_no_pieces_and_no_codecs(written_as, encoding):
    (name,) = encoding
    told = faults({"encoding": {"sst": encoding}}, WRITE_PARAMS[written_as])
    assert list(told) == [f"p.encoding.sst.{name}"]


@pytest.mark.parametrize(
    ("opened_as", "params"),
    [
        ("zarr", {"cache_size": 10**12}),
        ("zarr", {"cache_size": -1}),
        ("zarr", {"chunks": {"time": 0}}),
        ("zarr", {"chunks": {"time": "1 MB"}}),
        ("zarr", {"chunks": {str(n): 1 for n in range(21)}}),
        ("zarr", {"chunks": "auto"}),
        ("zarr", {"decode_coords": "all"}),
        ("zarr", {"drop_variables": "sst"}),
        ("zarr", {"data_type": "mldataset"}),
        ("zarr", {"tile_size": [512, 512]}),
        ("netcdf", {"consolidated": True}),
        ("geotiff", {"tile_size": [1, 1]}),
        ("geotiff", {"chunks": {}}),
        ("j2k", {"overview_level": 1000}),
    ],
)
def test_a_wrong_open_parameter_is_named(opened_as, params):
    (name,) = params
    (field,) = faults(params, OPEN_PARAMS[opened_as])
    assert field.startswith(f"p.{name}")


@pytest.mark.parametrize(
    ("table", "params"),
    [
        (
            WRITE_PARAMS["levels"],
            {
                "num_levels": 8,
                "tile_size": [512, 512],
                "agg_methods": {"sst": "mean", "*": "first"},
                "use_saved_levels": True,
                "zarr_format": 2,
                "consolidated": True,
            },
        ),
        (WRITE_PARAMS["levels"], {"tile_size": 512, "agg_methods": "mean"}),
        (
            WRITE_PARAMS["zarr"],
            {
                "encoding": {"sst": {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -1}},
                "append_dim": "time",
                "group": "a/b",
            },
        ),
        (WRITE_PARAMS["netcdf"], {"format": "NETCDF4", "unlimited_dims": ["time"]}),
        (
            OPEN_PARAMS["zarr"],
            {
                "chunks": {"time": 1, "lat": "auto", "lon": None},
                "cache_size": 2**28,
                "drop_variables": ["a"],
                "use_cftime": True,
                "consolidated": False,
                "data_type": "dataset",
            },
        ),
        (OPEN_PARAMS["geotiff"], {"tile_size": [1024, 1024], "band_as_variable": False}),
    ],
)
def test_usual_parameters_are_accepted(table, params):
    assert faults(params, table) == {}
