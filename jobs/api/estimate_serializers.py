"""Answers of `/cubegens/info`: the cube that a request would generate, and its cost.

The shapes are those that the xcube 1.14.1 client parses, as in `serializers.py`.
"""

from __future__ import annotations

from rest_framework import serializers

from hubsite.api.serializers import ClosedSerializer

from .fields import count_field


class VariableDescriptorSerializer(ClosedSerializer):
    """xcube's description of a variable."""

    name = serializers.CharField(min_length=1)
    dtype = serializers.CharField(help_text="NumPy's name of its type.")
    dims = serializers.ListField(child=serializers.CharField(min_length=1))
    chunks = serializers.ListField(child=serializers.IntegerField(min_value=0), required=False)
    attrs = serializers.DictField(required=False)


class DatasetDescriptorSerializer(serializers.Serializer):
    """xcube's description of the cube."""

    data_id = serializers.CharField(min_length=1)
    data_type = serializers.CharField()
    crs = serializers.CharField(min_length=1, required=False)
    bbox = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        required=False,
        help_text="`[x1, y1, x2, y2]` in units of `crs`.",
    )
    time_range = serializers.ListField(
        child=serializers.CharField(allow_null=True),
        min_length=2,
        max_length=2,
        required=False,
        help_text="First and last day or time.",
    )
    time_period = serializers.CharField(required=False, help_text="Length of a time step.")
    dims = serializers.DictField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        help_text="Length of each dimension.",
    )
    spatial_res = serializers.FloatField(
        required=False, help_text="Size of a pixel, in units of `crs`."
    )
    data_vars = serializers.DictField(
        child=VariableDescriptorSerializer(), required=False, help_text="Variables by name."
    )


class SizeEstimationSerializer(serializers.Serializer):
    """xcube's estimate of the cube's size."""

    image_size = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="`[width, height]` in pixels."
    )
    tile_size = serializers.ListField(
        child=serializers.IntegerField(), required=False, help_text="`[width, height]` of a chunk."
    )
    num_variables = serializers.IntegerField(required=False)
    num_tiles = serializers.ListField(child=serializers.IntegerField(), required=False)
    num_requests = serializers.IntegerField(required=False)
    num_bytes = serializers.IntegerField(required=False)


class CostEstimationSerializer(ClosedSerializer):
    """In processing units (punits). One unit pays for a block of pixels in one time step of one
    variable. The prices of the stores give the size of the block, mostly 512 x 512."""

    required = count_field("What the request would cost.")
    available = count_field("What you have left.")
    limit = count_field("The most that one job may cost.")


class LevelsSerializer(ClosedSerializer):
    """The pyramid that would be written beside the cube. Its cost is part of the cost."""

    data_id = serializers.CharField(
        required=False, help_text="Its name in the output's store, if the output has one."
    )
    image_sizes = serializers.ListField(
        child=serializers.ListField(
            child=serializers.IntegerField(min_value=1), min_length=2, max_length=2
        ),
        min_length=1,
        help_text="`[width, height]` of each level. The first is the cube itself, which is not "
        "written twice.",
    )
    tile_size = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        min_length=2,
        max_length=2,
        help_text="`[width, height]` of a chunk of the further levels.",
    )


class CubeInfoResultSerializer(serializers.Serializer):
    dataset_descriptor = DatasetDescriptorSerializer()
    size_estimation = SizeEstimationSerializer()
    cost_estimation = CostEstimationSerializer()
    zarr_format = serializers.ChoiceField(
        choices=[2, 3],
        required=False,
        help_text="The Zarr format the cube would be written in, if it is written as Zarr.",
    )
    levels = LevelsSerializer(
        required=False, help_text="Only if a pyramid is asked for (`levels=true`)."
    )


class CubeInfoSerializer(ClosedSerializer):
    """The cube that a request would generate, and its cost."""

    status = serializers.ChoiceField(choices=["ok"])
    status_code = serializers.IntegerField(help_text="Always 200.")
    result = CubeInfoResultSerializer()
    message = serializers.CharField(required=False)
    output = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Lines of a log; mostly none."
    )
