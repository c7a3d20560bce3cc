"""Shapes that every part of the API uses: closed objects, and errors."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers


def time_text(moment: datetime | None) -> str | None:
    """ISO 8601, UTC, with Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else None


class ClosedSerializer(serializers.Serializer):
    """An object that has only these members, because clients refuse members unknown to them."""


class _ClosedExtension(OpenApiSerializerExtension):
    """Describes closed objects in the OpenAPI document; importing the module registers it."""

    target_class = ClosedSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "additionalProperties": False}


class FieldErrorSerializer(serializers.Serializer):
    field = serializers.CharField(
        help_text="Path of the field, e.g. `input_configs[0].data_id`; empty for the body as a "
        "whole."
    )
    message = serializers.CharField(help_text="What is expected there.")


class ProblemSerializer(serializers.Serializer):
    """Every error, as RFC 9457 (problem details) describes it.

    `message` repeats `detail` for the geoDB client.
    """

    type = serializers.CharField(help_text="Always `about:blank`.")
    title = serializers.CharField(help_text="The kind of error.")
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What is wrong, and what is expected.")
    message = serializers.CharField(help_text="The same as `detail`.")
    errors = FieldErrorSerializer(
        many=True, required=False, help_text="Each field that is not valid."
    )


class ServiceInformationSerializer(serializers.Serializer):
    name = serializers.ChoiceField(choices=["xcube-gen-api"])
    description = serializers.CharField()
    version = serializers.CharField(help_text="Version of the hub.")
    xcubeDockerTag = serializers.CharField(  # noqa: N815 - the contract's name
        required=False, allow_null=True, help_text="Version of xcube, where pinned."
    )
    serverStartTime = serializers.DateTimeField(  # noqa: N815
        help_text="ISO 8601, UTC, with `Z`."
    )
    serverCurrentTime = serializers.DateTimeField(  # noqa: N815
        help_text="ISO 8601, UTC, with `Z`."
    )
    serverPID = serializers.IntegerField(required=False)  # noqa: N815
    chartVersion = serializers.CharField(required=False, allow_null=True)  # noqa: N815
    mockServices = serializers.CharField(  # noqa: N815
        required=False,
        allow_null=True,
        help_text="What `XCUBE_HUB_MOCK_SERVICES` is set to; it means nothing.",
    )
    runLocal = serializers.CharField(  # noqa: N815
        required=False,
        allow_null=True,
        help_text="What `XCUBE_HUB_RUN_LOCAL` is set to; it chose a Kubernetes configuration.",
    )


class ServiceStatusSerializer(serializers.Serializer):
    name = serializers.ChoiceField(choices=["xcube_gen", "xcube_serve", "cate", "xcube_geoserv"])
    status = serializers.ChoiceField(choices=["Ready", "Suspended", "Error"])
    message = serializers.CharField()
