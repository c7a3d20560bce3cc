"""A cube generation request, as the API document describes it to people and generators.

`jobs/request` decides what is accepted: it finds all faults of a request at once and in bounded
time. A test compares the names and limits of these serializers with it.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hubsite.api.serializers import ClosedSerializer

from ..request.schema import MAX_INPUTS, MAX_VARIABLES, REQUEST

_CUBE: dict[str, Any] = REQUEST["properties"]["cube_config"]["properties"]


def _text(words: str, **options: Any) -> serializers.CharField:
    return serializers.CharField(
        **{"min_length": 1, "required": False, "help_text": words, **options}
    )


def _object(words: str) -> serializers.DictField:
    return serializers.DictField(required=False, help_text=words)


def _list(words: str, child: serializers.Field, **options: Any) -> serializers.ListField:
    return serializers.ListField(child=child, required=False, help_text=words, **options)


@extend_schema_field({"type": "string", "format": "binary", "contentMediaType": "application/zip"})
class _ZipField(serializers.FileField):
    pass


@extend_schema_field({"type": "number", "exclusiveMinimum": 0})
class _PositiveField(serializers.FloatField):
    pass


_STORE_ID = (
    "`@name` names a data store of this hub (then without `store_params`); else a store type of "
    "xcube, such as `s3`, with your own `store_params`."
)
_STORE_PARAMS = (
    "Parameters of a store of your own. For `s3`: `root` (bucket and path) and `storage_options` "
    "with `key` and `secret`, or `anon: true`. Kept encrypted until the run ends, never shown."
)


class InputConfigSerializer(ClosedSerializer):
    """A dataset to read."""

    store_id = _text(_STORE_ID)
    opener_id = _text(
        "xcube's id of the data opener, such as `dataset:zarr:s3`; found by itself if not given."
    )
    data_id = serializers.CharField(help_text="Name of the dataset in its store.")
    store_params = _object(_STORE_PARAMS)
    open_params = _object("Parameters of the data opener.")


class OutputConfigSerializer(ClosedSerializer):
    """Where the cube is written."""

    store_id = _text(_STORE_ID)
    writer_id = _text("xcube's id of the data writer, such as `dataset:zarr:s3`.")
    data_id = serializers.CharField(
        required=False,
        help_text="Name to write the cube under, such as `my-cube.zarr`; its extension chooses "
        "the format. If not given, `<job id>.zarr`. A job holds the name as long as it runs.",
    )
    store_params = _object(_STORE_PARAMS)
    write_params = _object("Parameters of the data writer.")
    replace = serializers.BooleanField(
        required=False,
        help_text="Replace a cube that you wrote before under that name. Without it, or where "
        "the cube is somebody else's: 409.",
    )


class CubeConfigSerializer(ClosedSerializer):
    """The cube to generate. Members that are not given are taken from the input."""

    variable_names = _list(
        "Variables to take; all if not given.",
        serializers.CharField(min_length=1),
        min_length=1,
        max_length=MAX_VARIABLES,
    )
    crs = _text(
        "Coordinate reference system of the cube and of `bbox`: an authority code (`EPSG:4326`, "
        "`EPSG:32632`), a name (`WGS84`), a PROJ string or WKT. If not given, the input's."
    )
    bbox = _list(
        "`[x1, y1, x2, y2]` in units of `crs`: for geographic ones west, south, east, north in "
        "degrees (two cubes, where the area crosses the antimeridian); for projected ones easting "
        "and northing, mostly metres. It must meet the data.",
        serializers.FloatField(),
        min_length=4,
        max_length=4,
    )
    spatial_res = _PositiveField(
        required=False, help_text="Size of a pixel, in units of `crs` per pixel: degrees or metres."
    )
    tile_size = _list(
        "`[width, height]` of a chunk in pixels, each 2 to 2500.",
        serializers.IntegerField(min_value=2, max_value=2500),
        min_length=2,
        max_length=2,
    )
    time_range = _list(
        "`[first day, last day]` as `YYYY-MM-DD`, both included; `null` leaves an end open.",
        serializers.CharField(allow_null=True),
        min_length=2,
        max_length=2,
    )
    time_period = serializers.RegexField(
        _CUBE["time_period"]["pattern"],
        min_length=1,
        required=False,
        help_text="Length of a time step: a number and `D`ays, `W`eeks, `M`onths or `Y`ears, such "
        "as `1D`, `8D`, `1M`. Accepted, but it changes nothing: the data's own steps are taken.",
    )
    chunks = serializers.DictField(
        child=serializers.IntegerField(min_value=1, allow_null=True),
        required=False,
        help_text="Chunk size of each dimension, as a number of its elements; `null` for the "
        "whole.",
    )
    metadata = _object("Attributes to set on the cube.")
    variable_metadata = serializers.DictField(
        child=serializers.DictField(),
        required=False,
        help_text="Attributes to set on variables, by name.",
    )


class FileSetSerializer(ClosedSerializer):
    """Code uploaded as a zip, with `PUT /cubegens/code` only."""

    path = serializers.CharField(min_length=1, help_text="File name of the uploaded zip.")
    sub_path = _text("Folder in the zip that the code lies in.")
    includes = _list(
        "Wildcard patterns of files to take from the zip.",
        serializers.CharField(min_length=1, max_length=256),
        max_length=100,
    )
    excludes = _list(
        "Wildcard patterns of files to leave out.",
        serializers.CharField(min_length=1, max_length=256),
        max_length=100,
    )
    storage_params = _object("Not accepted for uploaded code.")


class CodeConfigSerializer(ClosedSerializer):
    """The caller's own Python code to apply to the cube. Needs the scope `process:cubegens`."""

    callable_ref = _text("What to call: `module:function` or `module:class`.", required=True)
    callable_params = _object("Keyword arguments of the call.")
    inline_code = _text("The Python code itself. Instead of `file_set`.")
    file_set = FileSetSerializer(
        required=False, help_text="Code uploaded as a zip, with `PUT /cubegens/code` only."
    )
    install_required = serializers.BooleanField(
        required=False,
        help_text="Whether the package in the zip must be installed to be imported.",
    )


class CubegenRequestSerializer(ClosedSerializer):
    """A cube generation request, in xcube's form. Exactly one of `input_config` and
    `input_configs` is needed. Members that are `null` count as not given."""

    input_config = InputConfigSerializer(required=False, help_text="The dataset to read.")
    input_configs = serializers.ListField(
        child=InputConfigSerializer(),
        required=False,
        min_length=1,
        max_length=MAX_INPUTS,
        help_text="Several datasets, merged into one cube on a common grid.",
    )
    cube_config = CubeConfigSerializer(
        required=False, help_text="The cube to make. What is not given is taken from the input."
    )
    code_config = CodeConfigSerializer(
        required=False,
        help_text="Own Python code to apply to the cube. Needs the scope `process:cubegens`.",
    )
    output_config = OutputConfigSerializer(help_text="Where the cube is written.")
    callback_config = _object("Accepted and ignored: the hub makes a run report to itself.")


class CubegenCodeFormSerializer(serializers.Serializer):
    """A multipart form of two files."""

    body = CubegenRequestSerializer(help_text="The request, as JSON.")
    user_code = _ZipField(
        help_text="The code as a zip of at most 10 MB. Its file name is the one in "
        "`code_config.file_set.path`."
    )
