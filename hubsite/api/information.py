"""Public information: version, and which services are open, for clients and monitors."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite import __version__
from hubsite.engines.settings import hub

from ..health import parts
from .serializers import ServiceInformationSerializer, ServiceStatusSerializer

_STARTED = datetime.now(UTC)

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
_VIEWERS = {"name": "xcube_serve", "status": "Ready", "message": "Viewers can be opened."}
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


class InformationViewSet(ViewSet):
    """Needs no authentication."""

    authentication_classes: list = []
    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="get_service_information",
        summary="What this service is",
        description="Name, versions, start and time of this service. Public.",
        responses={
            200: OpenApiResponse(
                ServiceInformationSerializer,
                description="About this service.",
                examples=[OpenApiExample("A hub", value=INFORMATION_EXAMPLE)],
            )
        },
    )
    def retrieve(self, request: Request) -> Response:
        return Response(
            {
                "name": "xcube-gen-api",
                "description": "xcube Generator Service",
                "version": __version__,
                "xcubeDockerTag": getattr(settings, "XCUBE_VERSION", None),
                "serverStartTime": _time_text(_STARTED),
                "serverCurrentTime": _time_text(datetime.now(UTC)),
                "serverPID": os.getpid(),
                "chartVersion": hub.chart_version,
                "mockServices": hub.mock_services,
                "runLocal": hub.run_local,
            }
        )

    @extend_schema(
        operation_id="list_services",
        summary="Which services are open",
        description="Each service that this hub offers: `Ready`, `Suspended` by its operators, or "
        "`Error` with what does not work just now. At most two seconds old. Public.",
        responses={
            200: OpenApiResponse(
                ServiceStatusSerializer(many=True),
                description="The services.",
                examples=[
                    OpenApiExample("Open", value=_READY),
                    OpenApiExample("Viewers", value=_VIEWERS),
                    OpenApiExample("Switched off", value=_SUSPENDED),
                    OpenApiExample("Out of order", value=_ERROR),
                ],
            )
        },
    )
    def services(self, request: Request) -> Response:
        return Response([vars(service) for service in parts.look().services])


def _time_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
