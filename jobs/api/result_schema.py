"""The OpenAPI description of results and of the STAC catalogue."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from hubsite.api.errors import ApiError
from hubsite.api.schema import problem_responses
from hubsite.api.serializers import ClosedSerializer
from hubsite.refusals import Kind, Refused

from ..results.downloading import past_the_end
from ..results.stac import ITEM
from . import examples
from .error_shapes import CUBEGEN_ERRORS
from .fields import job_id_field
from .schema import JOB_ID

JSON = "application/json"
ZIP = "application/zip"
_JOB = f"https://hub.example.org/api/v2/cubegens/{examples.JOB_ID}"
_STAC = "https://hub.example.org/api/v2/stac"

NO_RESULT = Refused("The job has no result: it is FAILED.", kind=Kind.NOT_FOUND)
NOT_YET = Refused("The job has no result yet: it is RUNNING.", kind=Kind.CONFLICT)
GONE = Refused("The cube is not in @cubes any more: it was removed there.", kind=Kind.GONE)
ELSEWHERE = Refused(
    "This hub packs only cubes that lie on its own machine. The result says where this one is, "
    "and how it is opened there.",
    kind=Kind.CONFLICT,
)
TOO_MANY = Refused(
    "2 of your downloads are open already. Please try again when one has ended.",
    kind=Kind.BUSY,
    retry_after_s=30,
)
NO_MONTH = Refused("There are no cubes of this month, or not so many.", kind=Kind.NOT_FOUND)
STORES_UNREADABLE = Refused(
    "The hub's list of data stores cannot be read now.", kind=Kind.UNAVAILABLE, retry_after_s=30
)


class ResultLevelsSerializer(ClosedSerializer):
    """The pyramid beside the cube."""

    data_id = serializers.CharField()
    url = serializers.CharField(allow_null=True)


class ChecksumSerializer(ClosedSerializer):
    algorithm = serializers.ChoiceField(choices=["sha256"])
    value = serializers.RegexField("^[0-9a-f]{64}$")
    of = serializers.CharField(help_text="What was hashed, and how you make the same of a copy.")


class SnippetSerializer(ClosedSerializer):
    """Python that runs as it is, and leaves the cube in the variable `cube`."""

    id = serializers.ChoiceField(choices=["download", "xcube", "pyramid", "xarray", "zarr"])
    title = serializers.CharField()
    code = serializers.CharField()


class ResultLinksSerializer(ClosedSerializer):
    self = serializers.CharField()
    stac = serializers.CharField(help_text="The cube as a STAC item.")
    zip = serializers.CharField(
        allow_null=True, help_text="Where it is downloaded; null: not from this hub."
    )
    viewer = serializers.CharField(
        allow_null=True, help_text="`POST` opens the cube in your viewer."
    )
    quicklooks = serializers.CharField()


class ResultQuickLookSerializer(ClosedSerializer):
    variable = serializers.CharField()
    url = serializers.CharField()


class ResultSerializer(ClosedSerializer):
    """A finished cube: where it lies, what it is, and how it is opened."""

    job_id = job_id_field()
    store_id = serializers.CharField(help_text="The store, as requests name it.")
    store_type = serializers.CharField(help_text="xcube's name of its kind: `s3`, `file`, …")
    data_id = serializers.CharField(help_text="The cube's name in the store.")
    format = serializers.ChoiceField(choices=["zarr", "levels", "netcdf"])
    url = serializers.CharField(
        allow_null=True,
        help_text="Where it lies, without any key; null if its store has no addresses, as a folder "
        "of the hub's machine.",
    )
    endpoint_url = serializers.CharField(
        allow_null=True, help_text="Of an S3 service that is not Amazon's."
    )
    needs_keys = serializers.BooleanField(help_text="Whether keys of the bucket are needed.")
    levels = ResultLevelsSerializer(allow_null=True)
    size_bytes = serializers.IntegerField(
        min_value=0, allow_null=True, help_text="Of its files, when it was made."
    )
    file_count = serializers.IntegerField(min_value=0, allow_null=True)
    checksum = ChecksumSerializer(
        allow_null=True,
        help_text="Made by the run when the cube was complete, so it also tells whether the cube "
        "was changed since. Only of cubes on the hub's machine that could be read within seconds.",
    )
    description = serializers.DictField(
        allow_null=True,
        help_text="What the run found in the cube: `crs`, `bbox`, `time_range`, `dims`, "
        "`variables`, …; of cubes of earlier versions of the hub what their estimate said.",
    )
    footprint = serializers.DictField(
        allow_null=True, help_text="`bbox` and `geometry` (GeoJSON) in WGS84."
    )
    open = SnippetSerializer(many=True)
    links = ResultLinksSerializer()
    quicklooks = ResultQuickLookSerializer(many=True)


EXAMPLE: dict[str, Any] = {
    "job_id": examples.JOB_ID,
    "store_id": "@cubes",
    "store_type": "s3",
    "data_id": "german-bight-2024.zarr",
    "format": "zarr",
    "url": "s3://cubes/german-bight-2024.zarr",
    "endpoint_url": None,
    "needs_keys": False,
    "levels": None,
    "size_bytes": 4711234,
    "file_count": 251,
    "checksum": None,
    "description": {
        "crs": "EPSG:4326",
        "bbox": [7.0, 53.0, 9.0, 55.0],
        "time_range": ["2024-05-01T00:00:00Z", "2024-06-30T00:00:00Z"],
        "dims": {"time": 61, "lat": 200, "lon": 200},
        "variables": {
            "chlorophyll": {
                "dtype": "float32",
                "dims": ["time", "lat", "lon"],
                "units": "mg m-3",
            }
        },
    },
    "footprint": {
        "bbox": [7.0, 53.0, 9.0, 55.0],
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[7.0, 53.0], [9.0, 53.0], [9.0, 55.0], [7.0, 55.0], [7.0, 53.0]]],
        },
    },
    "open": [
        {
            "id": "xarray",
            "title": "With xarray",
            "code": "import xarray as xr\n\ncube = xr.open_zarr("
            "'s3://cubes/german-bight-2024.zarr', storage_options={'anon': True})",
        }
    ],
    "links": {
        "self": f"{_JOB}/result",
        "stac": f"{_JOB}/result/stac",
        "zip": None,
        "viewer": f"{_JOB}/viewer",
        "quicklooks": f"{_JOB}/quicklooks",
    },
    "quicklooks": [
        {"variable": "chlorophyll", "url": f"{_JOB}/quicklooks/chlorophyll.png"},
    ],
}

ITEM_EXAMPLE: dict[str, Any] = {
    "type": "Feature",
    "stac_version": "1.1.0",
    "stac_extensions": [],
    "id": examples.JOB_ID,
    "geometry": EXAMPLE["footprint"]["geometry"],
    "bbox": EXAMPLE["footprint"]["bbox"],
    "properties": {
        "datetime": None,
        "start_datetime": "2024-05-01T00:00:00Z",
        "end_datetime": "2024-06-30T00:00:00Z",
        "proj:code": "EPSG:4326",
    },
    "links": [{"rel": "self", "href": f"{_JOB}/result/stac", "type": ITEM}],
    "assets": {
        "data": {
            "href": "s3://cubes/german-bight-2024.zarr",
            "type": "application/vnd.zarr",
            "roles": ["data"],
        }
    },
}

CATALOGUE_EXAMPLE: dict[str, Any] = {
    "type": "Catalog",
    "stac_version": "1.1.0",
    "id": "cubes",
    "title": "Your cubes",
    "description": "The cubes that you have generated, by month.",
    "links": [
        {"rel": "self", "href": _STAC, "type": JSON},
        {"rel": "root", "href": _STAC, "type": JSON},
        {
            "rel": "child",
            "href": f"{_STAC}/2026-11",
            "type": JSON,
            "title": "November 2026",
        },
    ],
}

_OBJECT = {"type": "object", "additionalProperties": True}
_MONTH = OpenApiParameter(
    "month", {"type": "string", "pattern": r"^\d{4}-\d{2}$"}, OpenApiParameter.PATH
)
_PAGE = OpenApiParameter("page", {"type": "integer", "minimum": 1}, OpenApiParameter.PATH)
RESULT_ERRORS = (NO_RESULT, NOT_YET, GONE, STORES_UNREADABLE)


def errors_of_a_result(*more: Refused | ApiError) -> dict:
    return problem_responses(
        examples.SWITCHED_OFF,
        examples.NOT_FOUND,
        *RESULT_ERRORS,
        *more,
        shape=CUBEGEN_ERRORS,
        job_id=examples.JOB_ID,
    )


get_result = extend_schema(
    operation_id="get_cubegen_result",
    summary="Where a finished cube is, and how to open it",
    description="Location, size, checksum, contents, and Python that opens the cube with xcube, "
    "xarray and zarr. It holds no key, and no path of the hub's machine. 409 as long as the job is "
    "not over, or while another job replaces the cube; 404 if the job made none; 410 if the cube "
    "was replaced or removed, as far as the hub can see. Needs `manage:cubegens`.",
    parameters=[JOB_ID],
    responses={
        (200, JSON): OpenApiResponse(
            ResultSerializer,
            description="The result.",
            examples=[OpenApiExample("A cube in a public bucket", value=EXAMPLE)],
        ),
        **errors_of_a_result(),
    },
)

get_item = extend_schema(
    operation_id="get_cubegen_stac_item",
    summary="A finished cube as a STAC item",
    description="STAC 1.1 with the extensions datacube, projection and raster. Geometry and "
    "bounding box are in WGS84, also of cubes of another CRS; a cube that crosses the antimeridian "
    "is cut there. A cube without times has the time at which it was made. Needs "
    "`manage:cubegens`.",
    parameters=[JOB_ID],
    responses={
        (200, ITEM): OpenApiResponse(
            _OBJECT,
            description="The item.",
            examples=[OpenApiExample("An item", value=ITEM_EXAMPLE, media_type=ITEM)],
        ),
        **errors_of_a_result(),
    },
)


get_zip = extend_schema(
    operation_id="get_cubegen_zip",
    summary="Download a finished cube as a zip",
    description="Of cubes on the hub's own machine (`links.zip` of the result). It is made while "
    "it is sent, uncompressed, because chunks are compressed already; its length is known. If the "
    "connection breaks, ask for the rest with `Range: bytes=N-` and `If-Range` with the ETag. If "
    "the cube is changed meanwhile, the connection is cut off before the end. At most two at once "
    "for each user. 409 if a job is about to replace the cube, if the cube lies elsewhere, or if "
    "it has more than 100,000 files or links. Needs `manage:cubegens`.",
    parameters=[
        JOB_ID,
        OpenApiParameter(
            "Range", str, OpenApiParameter.HEADER, description="`bytes=N-`: all from there on."
        ),
        OpenApiParameter(
            "If-Range",
            str,
            OpenApiParameter.HEADER,
            description="The ETag of the download that is continued; if the cube is another by "
            "now, all of it is sent.",
        ),
    ],
    responses={
        **{
            (status, ZIP): OpenApiResponse(
                {"type": "string", "format": "binary", "contentMediaType": ZIP},
                description=text,
                examples=[OpenApiExample("A zip", value="(the zip)", media_type=ZIP)],
            )
            for status, text in ((200, "The zip."), (206, "The rest of it."))
        },
        **errors_of_a_result(ELSEWHERE, TOO_MANY, past_the_end(4711)),
    },
)


def _catalogue(operation: str, summary: str, description: str, *parameters: Any) -> Any:
    errors = problem_responses(NO_MONTH if parameters else STORES_UNREADABLE)
    return extend_schema(
        operation_id=operation,
        summary=summary,
        description=f"{description} Needs `manage:cubegens`.",
        tags=["Cube generation"],
        parameters=list(parameters),
        responses={
            (200, JSON): OpenApiResponse(
                _OBJECT,
                description="The catalogue.",
                examples=[OpenApiExample("A catalogue", value=CATALOGUE_EXAMPLE)],
            ),
            **errors,
        },
    )


get_catalogue = _catalogue(
    "get_stac_catalogue",
    "Your cubes as a STAC catalogue",
    "A static catalogue (STAC 1.1): follow its links, or open it with "
    "`pystac_client.Client.open(url, headers={'Authorization': 'Bearer …'})`. It has the cubes "
    "that are there, not those that were deleted, replaced or removed.",
)
get_month = _catalogue(
    "get_stac_month", "The cubes of one month", "Its items, or, of many, its parts.", _MONTH
)
get_page = _catalogue(
    "get_stac_page", "A part of the cubes of one month", "At most 100 items.", _MONTH, _PAGE
)
get_shared = _catalogue(
    "get_stac_shared", "The cubes that others share with you", "Its items, or, of many, its parts."
)
get_shared_page = _catalogue(
    "get_stac_shared_page", "A part of the cubes shared with you", "At most 100 items.", _PAGE
)
