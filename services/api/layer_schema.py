"""The OpenAPI description of GeoServer layers: one decorator for each operation."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema

from hubsite.api.schema import PAGE, problem_responses
from hubsite.refusals import Kind, Refused

from ..geoserver.names import LONGEST
from ..geoserver.offered import SWITCHED_OFF
from .layer_serializers import LayerSerializer, LayerTableSerializer, PublishSerializer
from .schema import answer, body

TAG = ["GeoServer layers"]
NEEDS = "Needs `manage:collections`, and a subscription to geoDB."
DATABASE = OpenApiParameter(
    "database",
    {"type": "string", "maxLength": LONGEST},
    OpenApiParameter.PATH,
    description="A database of yours in geoDB.",
)
DATABASE_OR_ALL = OpenApiParameter(
    "database",
    {"type": "string", "maxLength": LONGEST},
    OpenApiParameter.PATH,
    description="A database of yours in geoDB; `all` stands for all of them.",
)
COLLECTION = OpenApiParameter(
    "collection",
    {"type": "string", "maxLength": LONGEST},
    OpenApiParameter.PATH,
    description="The collection, without the name of its database.",
)

_ROLE = "geodb_5f0e1c2d-9d4f-4a86"
_BASE = f"https://maps.example.org/geoserver/{_ROLE}"
_LAYER = f"{_ROLE}:land_use"
_WFS = f"{_BASE}/ows?service=WFS&version=1.0.0&request=GetFeature&typeName={_LAYER}&maxFeatures=10"
USE: dict[str, Any] = {
    "collection_id": "use",
    "database": "land",
    "name": "use",
    "href": None,
    "default_style": None,
    "preview_url": f"{_BASE}/wms?service=WMS&version=1.1.0&request=GetMap&layers={_LAYER}"
    "&bbox=5.8,47.2,15.1,55.1&width=690&height=768&srs=EPSG:4326&styles="
    "&format=application/openlayers",
    "geojson_url": f"{_WFS}&outputFormat=application/json",
    "wfs_url": f"{_WFS}&outputFormat=application/vnd.google-earth.kml%2Bxml",
    "state": "READY",
    "message": None,
}
_LATER = "GeoServer has not done it yet; it is tried again."
_WAITS = {**USE, "state": "REQUESTED", "message": _LATER}
_SHOWN = {name: value for name, value in USE.items() if value is not None}
_TABLE = {name: [value] for name, value in USE.items()}
_ALL = {**_TABLE, "collection_id": ["land_use"], "database": ["None"], "name": ["land_use"]}

_OFF = Refused(SWITCHED_OFF, kind=Kind.UNSUPPORTED)
_NOT_YOURS = Refused(f"The user {_ROLE} does not have access to database sea.", kind=Kind.FORBIDDEN)
_NO_DATABASE = Refused("Database sea not found.", kind=Kind.NOT_FOUND)
_AWAY = Refused(
    "geoDB, which knows whose database it is, does not answer just now; nothing was stored.",
    kind=Kind.UNAVAILABLE,
    retry_after_s=10,
)
_NO_COLLECTION = Refused(
    "an existing collection of database land is expected", field="collection_id"
)
_CONFLICT = Refused(
    "Its layer would have the name of d_use of database lan, which is published.",
    kind=Kind.CONFLICT,
)
_TOO_MANY = Refused("You have 1000 layers; remove one first.", kind=Kind.TOO_LARGE)
_ABSENT = Refused("Collection use of database land is not published.")
_DATABASE_ERRORS = (_OFF, _NOT_YOURS, _NO_DATABASE, _AWAY)

list_all = extend_schema(
    operation_id="list_all_layers",
    summary="What everybody has published in the GeoServer",
    description="By columns. `collection_id` is the name of the layer: database, `_`, collection. "
    "Needs `manage:collections`.",
    tags=TAG,
    parameters=PAGE,
    responses={
        **answer(LayerTableSerializer, "The layers.", one_layer=_ALL, none={}),
        **problem_responses(_OFF),
    },
)

list_layers = extend_schema(
    operation_id="list_layers",
    summary="Collections of a database that you have published",
    description=f"By columns, with their states: also those that wait or failed. {NEEDS}",
    tags=TAG,
    parameters=[DATABASE_OR_ALL, *PAGE],
    responses={
        **answer(LayerTableSerializer, "The layers.", one_layer=_TABLE, none={}),
        **problem_responses(*_DATABASE_ERRORS),
    },
)

publish = extend_schema(
    operation_id="put_layer",
    summary="Publish a collection as a layer in the GeoServer",
    description="It waits some seconds until the layer is `READY`. If the GeoServer takes longer, "
    "it answers with the state so far, and the hub goes on; ask for the layer later. Repeated, it "
    f"changes nothing. {NEEDS}",
    tags=TAG,
    parameters=[DATABASE],
    request=body(PublishSerializer, a_collection={"collection_id": "use"}),
    responses={
        **answer(LayerSerializer, "The layer.", ready=USE, the_server_is_slow=_WAITS),
        **problem_responses(_NO_COLLECTION, _CONFLICT, _TOO_MANY, *_DATABASE_ERRORS),
    },
)

get_layer = extend_schema(
    operation_id="get_layer",
    summary="A published collection",
    description=f"With its state. {NEEDS}",
    tags=TAG,
    parameters=[DATABASE, COLLECTION],
    responses={
        **answer(LayerSerializer, "The layer, without what is null.", ready=_SHOWN),
        **problem_responses(_ABSENT, *_DATABASE_ERRORS),
    },
)

remove = extend_schema(
    operation_id="delete_layer",
    summary="Remove a layer from the GeoServer",
    description="The collection stays in geoDB. It waits some seconds until the layer is gone; if "
    f"the GeoServer takes longer, the hub goes on. {NEEDS}",
    tags=TAG,
    parameters=[DATABASE, COLLECTION],
    responses={
        **answer(LayerSerializer, "The layer as it was.", removed={**_SHOWN, "state": "REMOVING"}),
        **problem_responses(_ABSENT, *_DATABASE_ERRORS),
    },
)
