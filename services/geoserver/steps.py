"""The steps by which GeoServer gets a layer, and loses it. Each may be repeated at any time.

A step first looks, then changes only what lacks, then looks again. So it does not matter whether
the answer to an earlier change was lost, and whether that was before or after it had effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from hubsite.coordination.delivery import NotDelivered

from ..models import LayerReason
from .client import GeoServer, Refusal, path
from .names import Place
from .settings import hub


class GivenUp(Exception):
    """It cannot be published, and trying again would not help."""

    def __init__(self, reason: LayerReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Published:
    """What GeoServer says of a published layer."""

    srs: str
    bbox: list[float] | None
    style: str


def publish(server: GeoServer, place: Place) -> Published:
    """Workspace, data store, feature type, layer, style. Raises NotDelivered, GivenUp."""
    _workspace(server, place)
    _store(server, place)
    feature_type = _feature_type(server, place)
    style = _style(server, place)
    return Published(_srs(feature_type), _bbox(feature_type), style)


def remove(server: GeoServer, place: Place) -> None:
    """Delete the layer and its feature type; never its store, workspace or styles.

    A layer of this name that shows something else is not the hub's, and stays.
    """
    layer = _get(server, _layer_path(place), "layer")
    if layer is not None and is_of(layer, place):
        server.delete(_layer_path(place))
    layer = _get(server, _layer_path(place), "layer")
    if layer is not None and is_of(layer, place):
        raise NotDelivered("GeoServer has the layer still, though it was deleted")
    server.delete(_type_path(place))
    if server.get(_type_path(place)) is not None:
        raise NotDelivered("GeoServer has the feature type still, though it was deleted")


def is_of(layer: dict[str, Any], place: Place) -> bool:
    """Whether a layer shows the feature type of `place`, by the address of its resource."""
    resource = layer.get("resource")
    href = resource.get("href") if isinstance(resource, dict) else None
    parts = [unquote(part) for part in urlsplit(str(href)).path.split("/")]
    wanted = [
        *("workspaces", place.workspace, "datastores", place.database),
        *("featuretypes", f"{place.name}.json"),
    ]
    return parts[-6:] == wanted or parts[-6:] == [*wanted[:-1], place.name]


def _workspace(server: GeoServer, place: Place) -> None:
    where = path("workspaces", place.workspace)
    if server.get(where) is None:
        _make(server, path("workspaces"), {"workspace": {"name": place.workspace}}, where)


def _store(server: GeoServer, place: Place) -> None:
    """The PostGIS data store: one for each database of geoDB."""
    stores = path("workspaces", place.workspace, "datastores")
    where = path("workspaces", place.workspace, "datastores", place.database)
    store = _get(server, where, "dataStore")
    if store is None:
        _make(server, stores, {"dataStore": _new_store(place)}, where)
        store = _get(server, where, "dataStore")
    parameters = _entries((store or {}).get("connectionParameters"))
    expected = {
        "dbtype": "postgis",
        "host": hub.postgis_host,
        "database": hub.postgis_database,
        "schema": hub.postgis_schema,
    }
    if any(parameters.get(name, wanted) != wanted for name, wanted in expected.items()):
        raise GivenUp(
            LayerReason.STORE_TAKEN,
            f"the data store {place.workspace}:{place.database} reads another database",
        )
    if (store or {}).get("enabled") is False:
        server.put(where, {"dataStore": {"name": place.database, "enabled": True}})


def _new_store(place: Place) -> dict[str, Any]:
    parameters = {
        "dbtype": "postgis",
        "host": hub.postgis_host,
        "port": str(hub.postgis_port),
        "database": hub.postgis_database,
        "schema": hub.postgis_schema,
        "user": hub.postgis_user,
        "passwd": hub.postgis_password,
        "Expose primary keys": "true",
    }
    entries = [{"@key": name, "$": value} for name, value in parameters.items()]
    return {
        "name": place.database,
        "type": "PostGIS",
        "enabled": True,
        "connectionParameters": {"entry": entries},
    }


def _feature_type(server: GeoServer, place: Place) -> dict[str, Any]:
    """The feature type with its layer. GeoServer makes both at once, or half of it if it stops."""
    layer = _get(server, _layer_path(place), "layer")
    if layer is not None and not is_of(layer, place):
        raise GivenUp(LayerReason.TAKEN, f"the layer {place.name} is of another store")
    found = _get(server, _type_path(place), "featureType")
    if found is not None and found.get("nativeName", place.name) != place.name:
        raise GivenUp(LayerReason.TAKEN, f"{place.name} shows another table")
    if found is not None and layer is None:
        server.delete(_type_path(place))
        found = None
    if found is None:
        document = {
            "featureType": {"name": place.name, "nativeName": place.name, "enabled": True},
        }
        _make(server, _types_path(place), document, _type_path(place))
        found = _get(server, _type_path(place), "featureType")
        if found is None:
            raise NotDelivered("GeoServer lost the feature type")
    if found.get("enabled") is False:
        server.put(_type_path(place), {"featureType": {"name": place.name, "enabled": True}})
    return found


def _style(server: GeoServer, place: Place) -> str:
    """Give the layer its default style; returns the style's name."""
    layer = _get(server, _layer_path(place), "layer")
    if layer is None:
        raise NotDelivered("GeoServer has the feature type without its layer")
    style = layer.get("defaultStyle")
    present = str(style.get("name", "")) if isinstance(style, dict) else ""
    wanted = hub.geoserver_style or present or "generic"
    if present != wanted:
        server.put(_layer_path(place), {"layer": {"defaultStyle": {"name": wanted}}})
    return wanted[:130]


def _make(server: GeoServer, collection: str, document: dict[str, Any], where: str) -> None:
    """POST, unless it is there meanwhile: a duplicate is answered 409, 403 or 500."""
    try:
        server.post(collection, document)
    except Refusal as refusal:
        if server.get(where) is not None:
            return
        if refusal.is_final:
            raise GivenUp(LayerReason.REFUSED, str(refusal)) from None
        raise


def _get(server: GeoServer, where: str, member: str) -> dict[str, Any] | None:
    document = server.get(where)
    if document is None:
        return None
    inner = document.get(member)
    if not isinstance(inner, dict):
        raise NotDelivered(f"GeoServer's answer to GET {where} has no {member}")
    return inner


def _types_path(place: Place) -> str:
    return path("workspaces", place.workspace, "datastores", place.database, "featuretypes")


def _type_path(place: Place) -> str:
    return f"{_types_path(place)}/{place.name}"


def _layer_path(place: Place) -> str:
    return path("workspaces", place.workspace, "layers", place.name)


def _entries(parameters: Any) -> dict[str, str]:
    """Of `{"entry": [{"@key": "host", "$": "db"}]}`; a single entry may come without its list."""
    entries = parameters.get("entry") if isinstance(parameters, dict) else None
    entries = [entries] if isinstance(entries, dict) else entries
    if not isinstance(entries, list):
        return {}
    return {str(e.get("@key")): str(e.get("$", "")) for e in entries if isinstance(e, dict)}


def _srs(feature_type: dict[str, Any]) -> str:
    srs = feature_type.get("srs")
    return srs[:40] if isinstance(srs, str) and srs.isascii() and srs.isprintable() else ""


def _bbox(feature_type: dict[str, Any]) -> list[float] | None:
    """The area of the data; None if GeoServer does not say, or there is none."""
    box = feature_type.get("nativeBoundingBox")
    if not isinstance(box, dict):
        return None
    values = [box.get(name) for name in ("minx", "miny", "maxx", "maxy")]
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        return None
    x1, y1, x2, y2 = map(float, values)
    return [x1, y1, x2, y2] if x1 <= x2 and y1 <= y2 else None
