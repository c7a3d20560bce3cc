"""URLs of a layer in the public GeoServer, in the form of the old service."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from ..models import Layer
from .areas import map_area
from .settings import hub

_KML = "application/vnd.google-earth.kml+xml"


def preview(layer: Layer) -> str:
    """A page with a map (OpenLayers) of the data's area."""
    srs, bbox = map_area(layer.srs, layer.bbox)
    return _url(
        layer,
        "wms",
        service="WMS",
        version="1.1.0",
        request="GetMap",
        layers=f"{layer.workspace}:{layer.name}",
        bbox=",".join(map(repr, bbox)),
        width=690,
        height=768,
        srs=srs,
        styles="",
        format="application/openlayers",
    )


def geojson(layer: Layer) -> str:
    return _features(layer, "application/json")


def kml(layer: Layer) -> str:
    return _features(layer, _KML)


def _features(layer: Layer, output: str) -> str:
    return _url(
        layer,
        "ows",
        service="WFS",
        version="1.0.0",
        request="GetFeature",
        typeName=f"{layer.workspace}:{layer.name}",
        maxFeatures=10,
        outputFormat=output,
    )


def _url(layer: Layer, where: str, /, **query: Any) -> str:
    base = f"{hub.geoserver_public_url}/{layer.workspace}/{where}"
    return f"{base}?{urlencode(query, safe=':,/')}"
