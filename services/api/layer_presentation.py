"""Presents layers to users in the form of the old service, which geoDB's client puts into tables.

`href` and `default_style` were never filled. `state` and `message` are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..geoserver import links
from ..models import Layer, LayerState


def as_record(layer: Layer) -> dict[str, Any]:
    """One layer of its owner."""
    return {
        "collection_id": layer.collection,
        "database": layer.database,
        "name": layer.collection,
        "href": None,
        "default_style": None,
        "preview_url": links.preview(layer),
        "geojson_url": links.geojson(layer),
        "wfs_url": links.kml(layer),
        "state": layer.layer_state,
        "message": _message(layer),
    }


def everyones(layer: Layer) -> dict[str, Any]:
    """One layer among those of everybody: by the name of the layer, without a database."""
    return {
        **as_record(layer),
        "collection_id": layer.name,
        "database": "None",
        "name": layer.name,
        "message": None,
    }


def as_columns(records: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """`{"collection_id": [...], "database": [...], ...}`; `{}` if there is none."""
    return {name: [record[name] for record in records] for name in records[0]} if records else {}


def without_nulls(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def _message(layer: Layer) -> str | None:
    """What the owner should know of the state, without what GeoServer answered."""
    if layer.layer_state == LayerState.FAILED:
        return layer.get_reason_display()
    if layer.state == Layer.State.FAILING:
        return "GeoServer has not done it yet; it is tried again."
    return None
