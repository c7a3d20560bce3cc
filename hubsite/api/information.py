"""What this service is, and which of its services are open: public, for clients and monitors."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite import __version__

from ..health import parts
from .schema import component

_STARTED = datetime.now(UTC)

_TIME = {"type": "string", "format": "date-time", "description": "ISO 8601, UTC, with `Z`."}
_TEXT_OR_NULL = {"type": ["string", "null"]}
INFORMATION = component(
    "ServiceInformation",
    {
        "type": "object",
        "required": ["name", "description", "version", "serverStartTime", "serverCurrentTime"],
        "properties": {
            "name": {"const": "xcube-gen-api"},
            "description": {"type": "string"},
            "version": {"type": "string", "description": "Version of the hub."},
            "xcubeDockerTag": {**_TEXT_OR_NULL, "description": "Version of xcube, where pinned."},
            "serverStartTime": _TIME,
            "serverCurrentTime": _TIME,
            "serverPID": {"type": "integer"},
            "chartVersion": _TEXT_OR_NULL,
            "mockServices": {
                **_TEXT_OR_NULL,
                "description": "What `XCUBE_HUB_MOCK_SERVICES` is set to; it means nothing.",
            },
            "runLocal": {
                **_TEXT_OR_NULL,
                "description": "What `XCUBE_HUB_RUN_LOCAL` is set to; it chose a Kubernetes "
                "configuration.",
            },
        },
    },
)
SERVICE = component(
    "ServiceStatus",
    {
        "type": "object",
        "required": ["name", "status", "message"],
        "properties": {
            "name": {"enum": ["xcube_gen"]},
            "status": {"enum": ["Ready", "Suspended", "Error"]},
            "message": {"type": "string"},
        },
    },
)

INFORMATION_EXAMPLE = {
    "name": "xcube-gen-api",
    "description": "xcube Generator Service",
    "version": __version__,
    "xcubeDockerTag": "1.14.1",
    "serverStartTime": "2026-11-23T08:00:00.118204Z",
    "serverCurrentTime": "2026-11-23T14:03:10.902114Z",
    "serverPID": 5246,
    "chartVersion": None,
    "mockServices": None,
    "runLocal": None,
}
_READY = {"name": "xcube_gen", "status": "Ready", "message": "Cubes can be generated."}
_SUSPENDED = {
    "name": "xcube_gen",
    "status": "Suspended",
    "message": "Cubegens resources are switched off on this service.",
}
_ERROR = {
    "name": "xcube_gen",
    "status": "Error",
    "message": "Cubes cannot be generated just now. The runner does not answer.",
}


class PublicView(APIView):
    authentication_classes: list = []
    permission_classes = [AllowAny]


class InformationView(PublicView):
    @extend_schema(
        operation_id="get_service_information",
        summary="What this service is",
        description="Name, versions, start and time of this service. Public.",
        responses={
            200: OpenApiResponse(
                INFORMATION,
                description="About this service.",
                examples=[OpenApiExample("A hub", value=INFORMATION_EXAMPLE)],
            )
        },
    )
    def get(self, request: Request) -> Response:
        return Response(
            {
                "name": "xcube-gen-api",
                "description": "xcube Generator Service",
                "version": __version__,
                "xcubeDockerTag": getattr(settings, "XCUBE_VERSION", None),
                "serverStartTime": _time_text(_STARTED),
                "serverCurrentTime": _time_text(datetime.now(UTC)),
                "serverPID": os.getpid(),
                "chartVersion": settings.HUB["XCUBE_HUB_CHART_VERSION"],
                "mockServices": settings.HUB["XCUBE_HUB_MOCK_SERVICES"],
                "runLocal": settings.HUB["XCUBE_HUB_RUN_LOCAL"],
            }
        )


class ServicesView(PublicView):
    @extend_schema(
        operation_id="list_services",
        summary="Which services are open",
        description="Each service that this hub offers: `Ready`, `Suspended` by its operators, or "
        "`Error` with what does not work just now. At most two seconds old. Public.",
        responses={
            200: OpenApiResponse(
                {"type": "array", "items": SERVICE},
                description="The services.",
                examples=[
                    OpenApiExample("Open", value=[_READY]),
                    OpenApiExample("Switched off", value=[_SUSPENDED]),
                    OpenApiExample("Out of order", value=[_ERROR]),
                ],
            )
        },
    )
    def get(self, request: Request) -> Response:
        return Response([vars(service) for service in parts.look().services])


def _time_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
