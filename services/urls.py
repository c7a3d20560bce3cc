"""Pages of services, and the endpoints for the edge."""

from django.urls import path, re_path

from . import old_urls
from .access import endpoints
from .pages.opening import open_service

urlpatterns = [
    path("services/<slug:instance_id>/open", open_service, name="service-open"),
    path("internal/edge/decide", endpoints.decide),
    path("internal/edge/report", endpoints.report),
    re_path(r"^(?P<user_id>a[0-9a-f]{32})/(?P<rest>.*)$", old_urls.main_server),
]
