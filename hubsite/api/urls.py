"""URLs of the site's own part of the API, below `/api/v2/`."""

from django.urls import path

from . import openapi
from .information import InformationView, ServicesView

urlpatterns = [
    path("", InformationView.as_view(), name="api-root"),
    path("services", ServicesView.as_view()),
    path("openapi.json", openapi.openapi_json, name="openapi"),
    path("ui", openapi.documentation_page),
    path("ui/", openapi.documentation_page, name="api-docs"),
]
