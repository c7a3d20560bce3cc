"""URLs of services, below `/api/v2/`. The contract puts PUT on the collection."""

from django.urls import path

from . import operator_views
from .cate_views import CateCountViewSet, CateViewSet, FirstCountViewSet, FirstViewSet
from .cube_views import CubeViewerViewSet
from .layer_views import AllLayersViewSet, LayerViewSet
from .share_views import ShareViewSet
from .views import ServiceInstanceViewSet, ServiceProfileViewSet

_ONE = "xcube/<slug:instance_id>"
_ANY = "operator/services/<slug:instance_id>"

_LAYERS = LayerViewSet.as_view({"get": "list", "put": "publish"})
_LAYER = LayerViewSet.as_view({"get": "retrieve", "delete": "destroy"})

_CATE = {"post": "start", "get": "retrieve", "delete": "destroy"}

urlpatterns = [
    path(
        "xcube",
        ServiceInstanceViewSet.as_view({"get": "list", "post": "start", "put": "put_main"}),
    ),
    path(_ONE, ServiceInstanceViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path(f"{_ONE}/events", ServiceInstanceViewSet.as_view({"get": "events"})),
    path(f"{_ONE}/logs", ServiceInstanceViewSet.as_view({"get": "log"})),
    path(f"{_ONE}/keep", ServiceInstanceViewSet.as_view({"put": "keep"})),
    path(f"{_ONE}/sleep", ServiceInstanceViewSet.as_view({"post": "sleep"})),
    path(f"{_ONE}/wake", ServiceInstanceViewSet.as_view({"post": "wake"})),
    path(f"{_ONE}/shares", ShareViewSet.as_view({"get": "list", "post": "make"})),
    path(f"{_ONE}/shares/<int:share_id>", ShareViewSet.as_view({"delete": "withdraw"})),
    path("cubegens/<slug:job_id>/viewer", CubeViewerViewSet.as_view({"post": "open"})),
    path(
        "users/<str:user_id>/webapis",
        CateViewSet.as_view(_CATE),
    ),
    path("webapis", CateCountViewSet.as_view({"get": "retrieve"})),
    path("user/<str:user_id>/webapi", FirstViewSet.as_view(_CATE)),
    path("webapi/count", FirstCountViewSet.as_view({"get": "retrieve"})),
    path("services/xcube_geoserv/collections", AllLayersViewSet.as_view({"get": "list"})),
    path("services/xcube_geoserv/databases/<str:database>/collections", _LAYERS),
    path("services/xcube_geoserv/databases/<str:database>/collections/<str:collection>", _LAYER),
    path("operator/services", operator_views.OperatorServiceViewSet.as_view({"get": "list"})),
    path(_ANY, operator_views.OperatorServiceViewSet.as_view({"get": "retrieve"})),
    path(f"{_ANY}/stop", operator_views.OperatorServiceViewSet.as_view({"post": "stop"})),
    path(f"{_ANY}/sleep", operator_views.OperatorServiceViewSet.as_view({"post": "sleep"})),
    path(f"{_ANY}/wake", operator_views.OperatorServiceViewSet.as_view({"post": "wake"})),
    path(
        f"{_ANY}/end-sessions",
        operator_views.OperatorServiceViewSet.as_view({"post": "end_sessions"}),
    ),
    path("operator/profiles", operator_views.OperatorProfileViewSet.as_view({"get": "list"})),
    path(
        "operator/profiles/<slug:name>",
        operator_views.OperatorProfileViewSet.as_view({"put": "update"}),
    ),
    path("operator/layers", operator_views.OperatorLayerViewSet.as_view({"get": "list"})),
    path(
        "operator/layers/<int:layer_id>/repair",
        operator_views.OperatorLayerViewSet.as_view({"post": "repair"}),
    ),
    path(
        "operator/layers/<int:layer_id>/remove",
        operator_views.OperatorLayerViewSet.as_view({"post": "remove"}),
    ),
    path(
        "operator/stray-layers", operator_views.OperatorStrayLayerViewSet.as_view({"get": "list"})
    ),
    path(
        "operator/stray-layers/<int:stray_id>/adopt",
        operator_views.OperatorStrayLayerViewSet.as_view({"post": "adopt"}),
    ),
    path("profiles", ServiceProfileViewSet.as_view({"get": "list"})),
]
