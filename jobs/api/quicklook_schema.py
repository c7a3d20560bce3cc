"""The OpenAPI description of quick-looks."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from hubsite.api.schema import problem_responses
from hubsite.api.serializers import ClosedSerializer
from hubsite.refusals import Kind, Refused

from ..output.quicklooks import LONGEST_SIDE, MOST
from . import examples
from .error_shapes import CUBEGEN_ERRORS
from .schema import JOB_ID

PNG = "image/png"
_COLOR = "^#[0-9a-f]{6}$"
_NO_PICTURE = Refused("This job has no quick-look chl.", kind=Kind.NOT_FOUND)


class QuickLookClassSerializer(ClosedSerializer):
    color = serializers.RegexField(_COLOR)
    label = serializers.CharField()


class QuickLookSerializer(ClosedSerializer):
    variable = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    units = serializers.CharField(allow_blank=True)
    url = serializers.CharField(
        allow_null=True, help_text="Where the picture is; null: there is none, `note` says why."
    )
    width = serializers.IntegerField(min_value=0, max_value=LONGEST_SIDE)
    height = serializers.IntegerField(min_value=0, max_value=LONGEST_SIDE)
    time = serializers.CharField(
        allow_null=True, help_text="The time step shown: one that has data."
    )
    at = serializers.DictField(
        child=serializers.CharField(),
        help_text="The place shown in further dimensions, by their names.",
    )
    value_range = serializers.ListField(
        child=serializers.FloatField(),
        min_length=2,
        max_length=2,
        allow_null=True,
        help_text="The values of the first and the last color.",
    )
    colors = serializers.ListField(child=serializers.RegexField(_COLOR))
    classes = QuickLookClassSerializer(many=True, help_text="Instead of a range, if it has classes")
    bbox = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        allow_null=True,
        help_text="The area shown, in the cube's coordinates: x1, y1, x2, y2.",
    )
    note = serializers.CharField(allow_blank=True)


EXAMPLE = {
    "variable": "sst",
    "title": "Sea surface temperature",
    "units": "kelvin",
    "url": f"https://hub.example.org/api/v2/cubegens/{examples.JOB_ID}/quicklooks/sst.png",
    "width": 512,
    "height": 256,
    "time": "2020-01-01T12:00:00Z",
    "at": {},
    "value_range": [272.5, 303.0],
    "colors": ["#440154", "#21918c", "#fde725"],
    "classes": [],
    "bbox": [-180.0, -90.0, 180.0, 90.0],
    "note": "",
}

list_quicklooks = extend_schema(
    operation_id="get_cubegen_quicklooks",
    summary="Pictures of a cube's variables",
    description=f"The run makes them when the cube is complete: at most {MOST}, those with both "
    f"spatial dimensions first, at most {LONGEST_SIDE} pixels wide and high, one time step each, "
    "in the colors that the variable's attributes say. No data is transparent. A variable of "
    "which none could be made has a note that says why. The list is empty while the job runs. "
    "Needs `manage:cubegens`.",
    parameters=[JOB_ID],
    responses={
        (200, "application/json"): OpenApiResponse(
            QuickLookSerializer(many=True),
            description="The pictures, in the order of the variables.",
            examples=[OpenApiExample("Picture", value=EXAMPLE)],
        ),
        **problem_responses(
            examples.SWITCHED_OFF, examples.NOT_FOUND, shape=CUBEGEN_ERRORS, job_id=examples.JOB_ID
        ),
    },
)

get_quicklook = extend_schema(
    operation_id="get_cubegen_quicklook",
    summary="One picture, as PNG",
    description="With an ETag, so that asking again costs nothing. Needs `manage:cubegens`.",
    parameters=[
        JOB_ID,
        OpenApiParameter(
            "name",
            str,
            OpenApiParameter.PATH,
            description="As in the `url` of the list: mostly the variable's name.",
        ),
    ],
    responses={
        (200, PNG): OpenApiResponse(
            {"type": "string", "format": "binary", "contentMediaType": PNG},
            description="The picture.",
            examples=[OpenApiExample("A PNG", value="iVBORw0KGgo…", media_type=PNG)],
        ),
        304: OpenApiResponse(description="The picture that you have is the newest."),
        **problem_responses(
            examples.SWITCHED_OFF, _NO_PICTURE, shape=CUBEGEN_ERRORS, job_id=examples.JOB_ID
        ),
    },
)
