"""URLs of cube generation, below `/api/v2/`. The contract puts PUT on collections."""

from django.urls import path

from .operator_views import OperatorEngineViewSet, OperatorJobViewSet, OperatorStoreViewSet
from .quicklook_views import QuickLookViewSet
from .result_views import CatalogueViewSet, ResultViewSet
from .run_views import RunViewSet
from .share_views import ResultShareViewSet
from .store_views import StoreDataViewSet, StoreViewSet
from .usage_views import UsageViewSet
from .views import CubegenViewSet, CubeInfoViewSet, UploadedCodeViewSet, VersionViewSet

urlpatterns = [
    path("users/me/usage", UsageViewSet.as_view({"get": "list"}), name="my-usage"),
    path(
        "cubegens",
        CubegenViewSet.as_view({"get": "list", "put": "submit", "delete": "destroy_all"}),
    ),
    path("cubegens/version", VersionViewSet.as_view({"get": "retrieve"})),
    path("cubegens/info", CubeInfoViewSet.as_view({"post": "estimate"})),
    path("cubegens/code", UploadedCodeViewSet.as_view({"put": "submit"})),
    path(
        "cubegens/<slug:job_id>", CubegenViewSet.as_view({"get": "retrieve", "delete": "destroy"})
    ),
    path("cubegens/<slug:job_id>/logs", CubegenViewSet.as_view({"get": "log"})),
    path("cubegens/<slug:job_id>/quicklooks", QuickLookViewSet.as_view({"get": "list"})),
    path(
        "cubegens/<slug:job_id>/quicklooks/<slug:name>.png",
        QuickLookViewSet.as_view({"get": "picture"}),
    ),
    path(
        "cubegens/<slug:job_id>/shares",
        ResultShareViewSet.as_view({"get": "list", "post": "make"}),
    ),
    path(
        "cubegens/<slug:job_id>/shares/<int:share_id>",
        ResultShareViewSet.as_view({"delete": "withdraw"}),
    ),
    path("cubegens/<slug:job_id>/result", ResultViewSet.as_view({"get": "retrieve"})),
    path("cubegens/<slug:job_id>/result/stac", ResultViewSet.as_view({"get": "item"})),
    path("cubegens/<slug:job_id>/result/zip", ResultViewSet.as_view({"get": "zip"})),
    path("operator/jobs", OperatorJobViewSet.as_view({"get": "list"})),
    path("operator/jobs/<slug:job_id>", OperatorJobViewSet.as_view({"get": "retrieve"})),
    path("operator/jobs/<slug:job_id>/cancel", OperatorJobViewSet.as_view({"post": "cancel"})),
    path(
        "operator/jobs/<slug:job_id>/run-again", OperatorJobViewSet.as_view({"post": "run_again"})
    ),
    path(
        "operator/jobs/<slug:job_id>/dealt-with",
        OperatorJobViewSet.as_view({"put": "deal_with", "delete": "reopen"}),
    ),
    path("operator/jobs/<slug:job_id>/priority", OperatorJobViewSet.as_view({"post": "priority"})),
    path("operator/jobs/<slug:job_id>/engine", OperatorJobViewSet.as_view({"post": "engine"})),
    path(
        "operator/jobs/<slug:job_id>/charge-back",
        OperatorJobViewSet.as_view({"post": "charge_back"}),
    ),
    path("operator/stores", OperatorStoreViewSet.as_view({"get": "list"})),
    path("operator/stores/<str:store>/probe", OperatorStoreViewSet.as_view({"post": "probe"})),
    path("operator/engines", OperatorEngineViewSet.as_view({"get": "list"})),
    path("operator/engines/<slug:engine>/drain", OperatorEngineViewSet.as_view({"post": "drain"})),
    path(
        "operator/engines/<slug:engine>/resume", OperatorEngineViewSet.as_view({"post": "resume"})
    ),
    path("stac", CatalogueViewSet.as_view({"get": "root"}), name="stac"),
    path("stac/shared", CatalogueViewSet.as_view({"get": "shared"})),
    path("stac/shared/<int:page>", CatalogueViewSet.as_view({"get": "shared_page"})),
    path("stac/<slug:month>", CatalogueViewSet.as_view({"get": "month"})),
    path("stac/<slug:month>/<int:page>", CatalogueViewSet.as_view({"get": "page"})),
    path("stores", StoreViewSet.as_view({"get": "list"})),
    path("stores/<str:store>", StoreViewSet.as_view({"get": "retrieve"})),
    path("stores/<str:store>/parameters", StoreViewSet.as_view({"get": "parameters"})),
    path("stores/<str:store>/data", StoreDataViewSet.as_view({"get": "list"})),
    path("stores/<str:store>/data/<path:data_id>", StoreDataViewSet.as_view({"get": "retrieve"})),
    path("cubegens/<slug:job_id>/code", RunViewSet.as_view({"get": "code"})),
    path("cubegens/<slug:job_id>/callbacks", RunViewSet.as_view({"put": "report"})),
]
