"""Pages of services, and the endpoints for the edge."""

from django.urls import path, re_path

from . import old_urls
from .access import endpoints
from .api.cate_views import FirstCountViewSet, FirstViewSet
from .api.layer_views import LayerViewSet
from .pages import viewers
from .pages.opening import open_service
from .pages.starting import StartPage

# At the root, too, because Cate's first web UI asks there.
_COUNT = FirstCountViewSet.as_view({"get": "retrieve"}, schema=None)
_WEBAPI = FirstViewSet.as_view(
    {"post": "start", "get": "retrieve", "delete": "destroy"}, schema=None
)
_SHUTDOWN = FirstViewSet.as_view({"delete": "destroy"}, schema=None)

# geoDB's client asks there, with and without a slash, if it believes that another server answers.
_LAYERS = LayerViewSet.as_view({"get": "list", "put": "publish"}, schema=None)
_LAYER = LayerViewSet.as_view({"get": "retrieve", "delete": "destroy"}, schema=None)

urlpatterns = [
    path("geodb_geoserver/<str:database>/collections", _LAYERS),
    path("geodb_geoserver/<str:database>/collections/", _LAYERS),
    path("geodb_geoserver/<str:database>/collections/<str:collection>", _LAYER),
    path("webapi/count", _COUNT),
    path("user/<str:user_id>/webapi", _WEBAPI),
    path("user/<str:user_id>/webapi/shutdown", _SHUTDOWN),
    path("services/", viewers.ServicesPage.as_view(), name="services"),
    path("services/new/", StartPage.as_view(), name="service-start"),
    path("services/<slug:instance_id>/", viewers.ServicePage.as_view(), name="service"),
    path("cubes/<slug:job_id>/viewer", viewers.open_in_viewer, name="cube-viewer"),
    path("services/<slug:instance_id>/open", open_service, name="service-open"),
    path(
        "services/<slug:instance_id>/<slug:action>",
        viewers.ServiceActions.as_view(),
        name="service-action",
    ),
    path("internal/edge/decide", endpoints.decide),
    path("internal/edge/report", endpoints.report),
    re_path(r"^(?P<user_id>a[0-9a-f]{32})/(?P<rest>.*)$", old_urls.main_server),
]
