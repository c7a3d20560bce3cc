"""URLs of the site's own part of the API, below `/api/v2/`."""

from django.urls import path

from . import openapi
from .information import InformationViewSet

urlpatterns = [
    path("", InformationViewSet.as_view({"get": "retrieve"}), name="api-root"),
    path("services", InformationViewSet.as_view({"get": "services"})),
    path("openapi.json", openapi.openapi_json, name="openapi"),
    path("ui", openapi.documentation_page),
    path("ui/", openapi.documentation_page, name="api-docs"),
]
