"""Requests about servers, Cate and layers, and what the audit then says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from services.models import EdgeSession, StrayLayer
from tests.services.factories import CONFIGURATION

from ..world import World
from .ask import API, OPERATOR, WHOLE_FORM, chosen, operator, owner
from .rows import asleep, instance, mine, named, row


def keep_until(world: World) -> dict[str, str]:
    return {"until": (timezone.now() + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")}


def main_server(world: World) -> dict[str, Any]:
    return {"user_id": world.owner.user_id, "cfg": {**CONFIGURATION, "Styles": []}}


def edge_session(world: World) -> Any:
    return EdgeSession.objects.get()


def stray(world: World) -> Any:
    return StrayLayer.objects.get()


LAYERS = f"{API}/services/xcube_geoserv/databases/<database>/collections"
OLD_LAYERS = "geodb_geoserver/<database>/collections"
OF_USERS_API = [
    owner(f"POST {API}/xcube", "instance.requested", configuration=CONFIGURATION),
    owner(f"PUT {API}/xcube", "instance.changed", main_server),
    owner(f"DELETE {API}/xcube/<instance_id>", "instance.stopped"),
    owner(f"PUT {API}/xcube/<instance_id>/keep", "instance.changed", keep_until),
    owner(f"POST {API}/xcube/<instance_id>/sleep", "instance.asleep"),
    owner(f"POST {API}/xcube/<instance_id>/wake", "instance.woken", named(asleep)),
    owner(f"POST {API}/xcube/<instance_id>/shares", "share.made", link=True),
    owner(f"DELETE {API}/xcube/<instance_id>/shares/<share_id>", "share.withdrawn"),
    owner(f"POST {API}/users/<user_id>/webapis", "instance.changed"),
    owner(f"DELETE {API}/users/<user_id>/webapis", "instance.stopped"),
    owner(f"POST {API}/user/<user_id>/webapi", "instance.changed"),
    owner(f"DELETE {API}/user/<user_id>/webapi", "instance.stopped"),
    owner("POST user/<user_id>/webapi", "instance.changed"),
    owner("DELETE user/<user_id>/webapi", "instance.stopped"),
    owner("DELETE user/<user_id>/webapi/shutdown", "instance.stopped"),
    *(
        owner(f"PUT {path}", "layer.requested", collection_id="roads")
        for path in (LAYERS, OLD_LAYERS, f"{OLD_LAYERS}/")
    ),
    *(owner(f"DELETE {path}/<collection>", "layer.removed") for path in (LAYERS, OLD_LAYERS)),
]

OF_OPERATORS_API = [
    operator(f"POST {OPERATOR}/services/<instance_id>/stop", "instance.stopped"),
    operator(f"POST {OPERATOR}/services/<instance_id>/sleep", "instance.asleep"),
    operator(f"POST {OPERATOR}/services/<instance_id>/wake", "instance.woken", named(asleep)),
    operator(f"POST {OPERATOR}/services/<instance_id>/end-sessions", "session.ended"),
    operator(f"PUT {OPERATOR}/profiles/<name>", "object.added", title="Large"),
    operator(f"POST {OPERATOR}/layers/<layer_id>/repair", "layer.repaired"),
    operator(f"POST {OPERATOR}/layers/<layer_id>/remove", "layer.removed"),
    operator(f"POST {OPERATOR}/stray-layers/<stray_id>/adopt", "layer.adopted"),
]

OF_PAGES = [
    owner("POST services/<instance_id>/<action>", "instance.stopped"),
    owner("POST services/<instance_id>/<action>", "instance.asleep", action="sleep"),
    owner("POST services/<instance_id>/<action>", "instance.changed", action="keep", hours="8"),
    owner("POST services/<instance_id>/<action>", "instance.hidden", action="remove"),
    owner("POST services/new/", "instance.changed", profile="cate"),
]

OF_ADMIN = [
    chosen("services/edgesession", "withdraw", "session.ended", row(edge_session)),
    chosen("services/layer", "repair", "layer.repaired", row(mine("layers"))),
    chosen("services/layer", "remove", "layer.removed", row(mine("layers"))),
    chosen("services/serviceinstance", "stop", "instance.stopped", row(instance)),
    chosen("services/serviceinstance", "put_to_sleep", "instance.asleep", row(instance)),
    chosen("services/serviceinstance", "wake", "instance.woken", row(asleep)),
    chosen("services/straylayer", "adopt", "layer.adopted", row(stray)),
    operator(
        "POST admin/services/serviceinstance/<object_id>/act/",
        "instance.stopped",
        row(instance),
        do="stop",
    ),
    operator(
        "POST admin/services/serviceprofile/<object_id>/change/",
        "object.changed",
        row(lambda world: instance(world).profile),
        **WHOLE_FORM,
    ),
    operator(
        "POST admin/services/serviceprofile/add/",
        "object.added",
        **WHOLE_FORM,
        name="large",
        title="Large",
    ),
]

ASKS = [*OF_USERS_API, *OF_OPERATORS_API, *OF_PAGES, *OF_ADMIN]
