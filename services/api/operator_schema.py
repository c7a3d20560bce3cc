"""The OpenAPI description of services, profiles and layers of all users."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from accounts.api.operators.access_schema import OWNER
from accounts.api.operators.acts import NEEDS, READS, act, asked, listing, nothing, path_id
from hubsite.api.examples import answer_example
from hubsite.api.schema import problem_responses
from hubsite.refusals import Kind, Refused

from ..models import Kind as ServiceKind
from ..models import LayerState, State
from .operator_serializers import (
    OperatorLayerSerializer,
    OperatorProfileSerializer,
    OperatorServiceSerializer,
    ProfileChangeSerializer,
    SessionsSerializer,
    StrayLayerSerializer,
)

_ANN = {"user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6", "email": "ann@example.org"}
_SERVICE = {
    "id": "xproultfzazevctsijkxz6by7gf",
    "owner": _ANN,
    "client_id": "",
    "kind": "xcube_server",
    "profile": "small",
    "title": "North Sea",
    "state": "READY",
    "reason": "",
    "message": "",
    "engine": "local",
    "is_live": True,
    "units_per_hour": 2,
    "minutes": 90,
    "restarts": 0,
    "created_at": "2026-11-26T12:00:00Z",
    "ready_since": "2026-11-26T12:00:05Z",
    "last_used_at": "2026-11-26T13:20:00Z",
    "kept_until": None,
    "stops_at": "2026-12-26T12:00:00Z",
    "finished_at": None,
}
_PROFILE = {
    "name": "small",
    "kind": "xcube_server",
    "title": "Small",
    "description": "For a few users.",
    "is_enabled": True,
    "position": 0,
    "cpus": 1.0,
    "memory_bytes": 1073741824,
    "idle_s": 1800,
    "age_s": 2592000,
    "stores": [],
    "image": "",
    "roles": [],
    "units_per_hour": 2,
}
_LAYER = {
    "id": 5,
    "owner": _ANN,
    "workspace": "geodb_g-1",
    "database": "land",
    "collection": "use",
    "name": "land_use",
    "state": "FAILED",
    "reason": "refused",
    "since": "2026-11-26T12:00:00Z",
    "verified_at": None,
    "attempts": 3,
    "error": "",
}
_STRAY = {
    "id": 6,
    "workspace": "geodb_g-1",
    "name": "land_roads",
    "store": "land",
    "first_seen_at": "2026-11-26T12:00:00Z",
    "seen_at": "2026-11-26T13:00:00Z",
}

SERVICE_ID = path_id("instance_id")
NO_SERVICE = nothing("service")
LAYER_ID = path_id("layer_id", int)


def cannot_pay() -> Refused:
    return Refused("Its owner has too few units to wake it.", kind=Kind.TOO_LARGE)


def not_a_role() -> Refused:
    return Refused("No user has the role geodb_g-9 in geoDB.", kind=Kind.CONFLICT)


list_services = listing(
    "list_all_services",
    "Services of all users",
    OperatorServiceSerializer,
    _SERVICE,
    OWNER,
    OpenApiParameter("state", {"type": "string", "enum": State.values}),
    OpenApiParameter("kind", {"type": "string", "enum": ServiceKind.values}),
    OpenApiParameter("profile", str, description="The name of a profile."),
)
get_service = extend_schema(
    operation_id="get_any_service",
    summary="One service",
    description=READS,
    parameters=[SERVICE_ID],
    responses={200: OperatorServiceSerializer, **problem_responses(NO_SERVICE)},
    examples=[answer_example("A viewer", _SERVICE)],
)
stop_service = act("stop_any_service", "Stop a service", of=SERVICE_ID, refusals=[NO_SERVICE])
sleep_service = act(
    "sleep_any_service",
    "Put a service to sleep",
    description="One that is neither starting nor ready stays as it is.",
    of=SERVICE_ID,
    refusals=[NO_SERVICE],
)
wake_service = act(
    "wake_any_service",
    "Wake a service",
    description="Its owner pays, as if they had woken it.",
    of=SERVICE_ID,
    refusals=[NO_SERVICE, cannot_pay()],
)
end_sessions = extend_schema(
    operation_id="delete_sessions_of_service",
    summary="End the sessions of browsers at a service",
    description=f"They are refused within seconds; who may still open it opens it anew. {NEEDS}",
    parameters=[SERVICE_ID],
    request=None,
    responses={200: SessionsSerializer, **problem_responses(NO_SERVICE)},
    examples=[answer_example("Ended", {"ended": 2})],
)
list_profiles = listing(
    "list_all_profiles",
    "All profiles, also those that are not offered",
    OperatorProfileSerializer,
    _PROFILE,
    has_parts=False,
)
put_profile = extend_schema(
    operation_id="put_profile",
    summary="Make or change a profile",
    description="A change counts for new services; limits and times also for those that run. "
    f"{NEEDS}",
    parameters=[path_id("name")],
    request=ProfileChangeSerializer,
    responses={200: OperatorProfileSerializer},
    examples=[
        asked("Another price", {"units_per_hour": 2}),
        answer_example("Changed", _PROFILE),
    ],
)
list_layers = listing(
    "list_layers_of_operators",
    "Layers of all users, with their state",
    OperatorLayerSerializer,
    _LAYER,
    OWNER,
    OpenApiParameter("state", {"type": "string", "enum": LayerState.values}),
)
repair_layer = act(
    "repair_layer",
    "Take all steps of a layer again",
    of=LAYER_ID,
    refusals=[nothing("layer")],
)
remove_layer = act(
    "delete_any_layer",
    "Remove a layer from the GeoServer",
    description="The collection stays.",
    of=LAYER_ID,
    refusals=[nothing("layer")],
)
list_strays = listing(
    "list_stray_layers", "Layers of the GeoServer without a row", StrayLayerSerializer, _STRAY
)
adopt_stray = act(
    "adopt_stray_layer",
    "Make a row for a layer of the GeoServer",
    of=path_id("stray_id", int),
    refusals=[nothing("stray layer"), not_a_role()],
)
