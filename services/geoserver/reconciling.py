"""Compare GeoServer's layers with the rows, both ways, and look at old ones again.

- A row without its layer (somebody deleted it): its steps are taken again.
- A layer without a row, in a workspace of the hub: noted for operators, who adopt it or leave it.
  The hub never removes it. Layers in other workspaces are not looked at.
- A READY layer that was not verified for a day: it is verified again, and geoDB is asked again
  whose it is.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db.models import Q
from django.utils import timezone

from hubsite import switches
from hubsite.coordination.delivery import NotDelivered, Unreachable
from hubsite.health.heartbeat import beat

from ..models import GEOSERVER, Layer, LayerState, StrayLayer
from .client import GeoServer, path
from .layers import workspaces
from .publishing import note_answer
from .resting import COOL_DOWN, target
from .settings import hub, is_configured

logger = logging.getLogger(__name__)

VERIFY_AFTER = timedelta(days=1)
MOST_VERIFIED = 20
"""In one tick, so that new layers do not wait behind old ones."""
MOST_STRAYS = 1000
MOST_LOOKED_UP = 50
"""Strays whose data store is asked for in one tick."""


def reconcile() -> None:
    """One comparison; nothing if GeoServer is resting, or publishing is switched off."""
    if not is_configured() or hub.geoservice_silent:
        return
    if switches.suspension(GEOSERVER) is not None:
        return
    try:
        with COOL_DOWN.attempt(target()) as is_ours:
            if is_ours:
                _compare(GeoServer())
    except Unreachable as error:
        beat("geoserver", problem=str(error))
        logger.warning("layers are not compared: %s", error)
    except NotDelivered as error:
        COOL_DOWN.end(target())
        logger.warning("layers are not compared: %s", error)
    else:
        _verify_old()


def _compare(server: GeoServer) -> None:
    begun = timezone.now()
    known = _rows()
    present = listed(server.layers())
    note_answer()
    known |= _rows()  # also those that were made or removed meanwhile
    _publish_missing(present, begun)
    _note_strays(server, present, known, begun)


def listed(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Workspace and name of each layer of `GET /rest/layers`. Raises NotDelivered.

    GeoServer writes `{"layers": ""}` if there is none.
    """
    layers = document.get("layers")
    entries = layers.get("layer", []) if isinstance(layers, dict) else layers
    if entries == "":
        return set()
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise NotDelivered("GeoServer's list of layers is not understood")
    names = [str(entry.get("name", "")).partition(":") for entry in entries]
    if not all(name for _, _, name in names):
        # Every row would seem to be missing.
        raise NotDelivered("GeoServer lists layers without their workspaces")
    return {(workspace, name) for workspace, _, name in names}


def _rows() -> set[tuple[str, str]]:
    return set(Layer.objects.order_by().values_list("workspace", "name"))


def _publish_missing(present: set[tuple[str, str]], begun: datetime) -> None:
    rows = Layer.objects.filter(
        Q(verified_at__lt=begun) | Q(verified_at=None), layer_state=LayerState.READY
    )
    for layer in rows.order_by().only("pk", "workspace", "name", "revision"):
        if (layer.workspace, layer.name) not in present:
            logger.warning("GeoServer lost the layer %s; it is published again", layer)
            same = Layer.objects.filter(pk=layer.pk, revision=layer.revision)
            same.filter(layer_state=LayerState.READY).wish(LayerState.REQUESTED)


def _note_strays(
    server: GeoServer,
    present: set[tuple[str, str]],
    known: set[tuple[str, str]],
    begun: datetime,
) -> None:
    ours = workspaces()
    strays = sorted(layer for layer in present - known if layer[0] in ours)[:MOST_STRAYS]
    rows = {(row.workspace, row.name): row for row in StrayLayer.objects.all()}
    new = [StrayLayer(workspace=w, name=n[:255]) for w, n in strays if (w, n) not in rows]
    StrayLayer.objects.bulk_create(new, ignore_conflicts=True)
    StrayLayer.objects.filter(pk__in=[rows[s].pk for s in strays if s in rows]).update(
        seen_at=timezone.now()
    )
    StrayLayer.objects.filter(seen_at__lt=begun).delete()  # gone, or adopted
    for row in StrayLayer.objects.filter(store="")[:MOST_LOOKED_UP]:
        if store := _store_of(server, row):
            StrayLayer.objects.filter(pk=row.pk).update(store=store[:255])


def _store_of(server: GeoServer, stray: StrayLayer) -> str:
    """The data store of a layer, by the address of its feature type; empty if it has none."""
    layer = (server.get(path("workspaces", stray.workspace, "layers", stray.name)) or {}).get(
        "layer"
    )
    resource = layer.get("resource") if isinstance(layer, dict) else None
    href = resource.get("href", "") if isinstance(resource, dict) else ""
    parts = [unquote(part) for part in urlsplit(str(href)).path.split("/")]
    after = dict(zip(parts, parts[1:], strict=False))
    return after.get("datastores", "") if after.get("workspaces") == stray.workspace else ""


def _verify_old() -> None:
    old = Layer.objects.filter(
        layer_state=LayerState.READY,
        state=Layer.DELIVERED,
        verified_at__lt=timezone.now() - VERIFY_AFTER,
    ).order_by("verified_at")
    Layer.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:MOST_VERIFIED])).renew()
