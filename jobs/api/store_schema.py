"""The OpenAPI description of `/stores`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from hubsite.api.pagination import MAX_LIMIT
from hubsite.api.schema import PAGE, problem_responses, query_number
from hubsite.refusals import Kind, Refused

from ..estimates.cost import Price
from ..request.parameters import OPEN_PARAMS, object_schema
from . import examples

JSON = "application/json"
_NO_STORE = Refused("There is no data store @sea.", kind=Kind.NOT_FOUND)
_NOT_READABLE = Refused("The data store @results cannot be read.", kind=Kind.FORBIDDEN)
_NO_DATA = Refused("@demo has no data set 'nordsee.zarr'.", kind=Kind.NOT_FOUND)
_BROKEN = Refused(
    "The data set 'north-sea.zarr' of @demo cannot be described: group not found at path ''",
    kind=Kind.UNSUPPORTED,
)
_DOWN = Refused(
    "The data store @demo does not answer just now: The data store did not answer in time.",
    kind=Kind.UNAVAILABLE,
    retry_after_s=10,
)
_BAD_SEARCH = Refused("a text of at most 200 printable characters is expected", field="search")


class StoreAccessSerializer(serializers.Serializer):
    read = serializers.BooleanField(help_text="It may be an input.")
    write = serializers.BooleanField(help_text="It may be an output.")
    per_user = serializers.BooleanField(help_text="Each user has a folder of their own.")


class StorePriceSerializer(serializers.Serializer):
    scheme = serializers.ChoiceField(["punits", "free"])
    input_pixels_per_punit = serializers.IntegerField()
    output_pixels_per_punit = serializers.IntegerField()
    input_punits_weight = serializers.FloatField()
    output_punits_weight = serializers.FloatField()


class StoreStateSerializer(serializers.Serializer):
    status = serializers.ChoiceField(["unknown", "ok", "unavailable"])
    message = serializers.CharField(allow_null=True, help_text="Why it did not answer.")
    checked_at = serializers.DateTimeField(allow_null=True)
    data_sets = serializers.IntegerField(allow_null=True, help_text="Null: not listed yet.")
    is_complete = serializers.BooleanField(
        allow_null=True, help_text="False: it holds more than 100,000 data sets."
    )
    is_stale = serializers.BooleanField(
        allow_null=True, help_text="True: the list is older than it should be."
    )


class StoreSerializer(serializers.Serializer):
    store_id = serializers.CharField(help_text="As requests name it.")
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    type = serializers.CharField(help_text="xcube's store type.")
    access = StoreAccessSerializer()
    price = StorePriceSerializer(allow_null=True, help_text="Null: it cannot be an input.")
    state = StoreStateSerializer(help_text="From when it was last asked; asks nothing.")


class StoreDataSerializer(serializers.Serializer):
    data_id = serializers.CharField()
    data_type = serializers.CharField(allow_null=True, help_text="xcube's data type.")
    format = serializers.CharField(allow_null=True)


class StoreVariableSerializer(serializers.Serializer):
    dtype = serializers.CharField()
    dims = serializers.ListField(child=serializers.CharField())
    chunks = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, required=False
    )
    units = serializers.CharField(allow_null=True, required=False)
    long_name = serializers.CharField(allow_null=True, required=False)
    standard_name = serializers.CharField(allow_null=True, required=False)
    fill_value = serializers.JSONField(allow_null=True, required=False)
    valid_range = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, required=False
    )
    value_range = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, required=False
    )
    color = serializers.DictField(required=False)


class StoreDataDetailSerializer(serializers.Serializer):
    store_id = serializers.CharField()
    data_id = serializers.CharField()
    data_type = serializers.CharField()
    num_levels = serializers.IntegerField(required=False, help_text="Only of a pyramid.")
    crs = serializers.CharField(allow_null=True, required=False)
    bbox = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        required=False,
        help_text="x1, y1, x2, y2 in `crs`.",
    )
    bbox_wgs84 = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        required=False,
        help_text="West, south, east, north; west is larger across the antimeridian.",
    )
    spatial_res = serializers.FloatField(allow_null=True, required=False)
    time_range = serializers.ListField(
        child=serializers.CharField(), allow_null=True, required=False
    )
    time_steps = serializers.IntegerField(allow_null=True, required=False)
    dims = serializers.DictField(child=serializers.IntegerField(), required=False)
    variables = serializers.DictField(child=StoreVariableSerializer(), required=False)
    coords = serializers.DictField(required=False)
    zarr_format = serializers.IntegerField(allow_null=True, required=False)
    size_bytes = serializers.IntegerField(
        allow_null=True, required=False, help_text="Decoded, not compressed."
    )
    attributes = serializers.DictField(required=False)
    left_out = serializers.DictField(
        child=serializers.IntegerField(),
        required=False,
        help_text="How many variables and other members are not shown, because there are too many.",
    )


class StoreOpenerSerializer(serializers.Serializer):
    opener_id = serializers.CharField()
    format = serializers.CharField(allow_blank=True)
    schema = serializers.DictField(help_text="A JSON Schema of `open_params`.")


class StoreWriterSerializer(serializers.Serializer):
    writer_id = serializers.CharField()
    format = serializers.CharField(allow_blank=True)
    schema = serializers.DictField(help_text="A JSON Schema of `write_params`.")


class StoreParametersSerializer(serializers.Serializer):
    openers = StoreOpenerSerializer(many=True)
    writers = StoreWriterSerializer(many=True)


STORE: dict[str, Any] = {
    "store_id": "@demo",
    "title": "Demonstration data",
    "description": "Chlorophyll and temperature of the North Sea.",
    "type": "s3",
    "access": {"read": True, "write": False, "per_user": False},
    "price": Price().as_json(),
    "state": {
        "status": "ok",
        "message": None,
        "checked_at": "2026-11-26T08:00:00.000000Z",
        "data_sets": 2,
        "is_complete": True,
        "is_stale": False,
    },
}
DATA = {"data_id": "north-sea.zarr", "data_type": "dataset", "format": "zarr"}
DETAIL: dict[str, Any] = {
    "store_id": "@demo",
    "data_id": "north-sea.zarr",
    "data_type": "dataset",
    "crs": "EPSG:4326",
    "bbox": [0.0, 50.0, 10.0, 60.0],
    "bbox_wgs84": [0.0, 50.0, 10.0, 60.0],
    "spatial_res": 0.01,
    "time_range": ["2024-01-01T12:00:00Z", "2024-12-31T12:00:00Z"],
    "time_steps": 366,
    "dims": {"time": 366, "lat": 1000, "lon": 1000},
    "variables": {
        "chlorophyll": {
            "dtype": "float32",
            "dims": ["time", "lat", "lon"],
            "chunks": [1, 500, 500],
            "units": "mg m-3",
            "long_name": "Chlorophyll concentration",
            "standard_name": None,
            "fill_value": "NaN",
            "valid_range": [0.0, 100.0],
            "value_range": None,
        }
    },
    "coords": {
        "lat": {
            "dtype": "float64",
            "dims": ["lat"],
            "units": "degrees_north",
            "long_name": "latitude",
            "standard_name": "latitude",
            "first": 59.995,
            "last": 50.005,
        }
    },
    "zarr_format": 2,
    "size_bytes": 1464016928,
    "attributes": {"title": "North Sea, daily"},
}
PARAMETERS: dict[str, Any] = {
    "openers": [
        {
            "opener_id": "dataset:geotiff:s3",
            "format": "geotiff",
            "schema": object_schema(OPEN_PARAMS["geotiff"]),
        }
    ],
    "writers": [],
}

STORE_ID = OpenApiParameter(
    "store",
    {"type": "string", "maxLength": 101},
    OpenApiParameter.PATH,
    description="The name of the store, with or without `@`.",
)
_LISTED = [
    OpenApiParameter(name, kind, OpenApiParameter.HEADER, response=[200], description=text)
    for name, kind, text in (
        ("X-Listed-At", str, "When the store was asked (ISO 8601)."),
        (
            "X-Stale",
            bool,
            "`true`: the list may be out of date, because the store is slow or away.",
        ),
        ("X-Complete", bool, "`false`: the store holds more than 100,000; the rest is left out."),
        ("ETag", str, "Send it as `If-None-Match`, and the answer is 304 while it is true."),
    )
]


def _ok(schema: Any, text: str, value: Any) -> dict:
    return {
        (200, JSON): OpenApiResponse(
            schema, description=text, examples=[OpenApiExample("Example", value=value)]
        )
    }


_NOT_CHANGED = {304: OpenApiResponse(description="What you have is still true.")}

list_stores = extend_schema(
    operation_id="get_stores",
    summary="The data stores of this hub",
    description="What requests may name as `store_id`: for inputs, for outputs, or both. No store "
    "is asked; `state` is from the last time that one was. Needs `manage:cubegens`.",
    responses={
        **_ok(StoreSerializer(many=True), "All stores.", STORE),
        **problem_responses(examples.SWITCHED_OFF, _DOWN),
    },
)
get_store = extend_schema(
    operation_id="get_store",
    summary="One data store",
    description="As in the list. Needs `manage:cubegens`.",
    parameters=[STORE_ID],
    responses={
        **_ok(StoreSerializer, "The store.", STORE),
        **problem_responses(examples.SWITCHED_OFF, _NO_STORE, _DOWN),
    },
)
list_data = extend_schema(
    operation_id="get_store_data",
    summary="The data sets of a store",
    description="Sorted by `data_id`. Of a store where each user has a folder, only your own. What "
    "a job of yours writes is seen at once, what others put there after some minutes. A store "
    "that is slow or away gives the list of before (`X-Stale`), or 503 if there is none yet. "
    "Needs `manage:cubegens`.",
    parameters=[
        STORE_ID,
        query_number("limit", MAX_LIMIT, MAX_LIMIT, "At most so many."),
        query_number("offset", 0, 10**9, "Leave out so many, the first."),
        OpenApiParameter(
            "search",
            {"type": "string", "maxLength": 200},
            description="Words that all occur in the `data_id`, in any case.",
        ),
        OpenApiParameter(
            "data_type",
            {"type": "string", "maxLength": 200},
            description="Only data sets of this type: `dataset`, `mldataset`, …",
        ),
        *PAGE[2:],
        *_LISTED,
    ],
    responses={
        **_ok(StoreDataSerializer(many=True), "A part of the list.", DATA),
        **_NOT_CHANGED,
        **problem_responses(examples.SWITCHED_OFF, _BAD_SEARCH, _NOT_READABLE, _NO_STORE, _DOWN),
    },
)
get_data = extend_schema(
    operation_id="get_store_data_set",
    summary="What a data set is",
    description="Its variables, area, times and size: by its metadata and coordinates, no data is "
    "read. Null is what they do not tell. Needs `manage:cubegens`.",
    parameters=[
        STORE_ID,
        OpenApiParameter(
            "data_id",
            {"type": "string", "maxLength": 512},
            OpenApiParameter.PATH,
            description="It may contain slashes, as they are.",
        ),
    ],
    responses={
        **_ok(StoreDataDetailSerializer, "The data set.", DETAIL),
        **_NOT_CHANGED,
        **problem_responses(examples.SWITCHED_OFF, _NOT_READABLE, _NO_DATA, _BROKEN, _DOWN),
    },
)
get_parameters = extend_schema(
    operation_id="get_store_parameters",
    summary="How its data sets are opened and written",
    description="The `open_params` and `write_params` that a request may have, for each opener and "
    "writer, as JSON Schema. Other parameters are refused. Needs `manage:cubegens`.",
    parameters=[STORE_ID],
    responses={
        **_ok(StoreParametersSerializer, "Openers and writers.", PARAMETERS),
        **problem_responses(examples.SWITCHED_OFF, _NO_STORE, _DOWN),
    },
)
