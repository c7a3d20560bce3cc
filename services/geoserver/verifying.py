"""Verify that a layer is served: WMS and WFS name it, and a map of it is a picture."""

from __future__ import annotations

import struct
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hubsite.coordination.delivery import NotDelivered

from .areas import map_area
from .client import GeoServer
from .names import Place
from .steps import Published

SIDE = 64
"""Width and height of the map, in pixels."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"


def verify(server: GeoServer, place: Place, published: Published) -> None:
    """Raises NotDelivered that says what is missing."""
    layer = f"{place.workspace}:{place.name}"
    where = f"{place.workspace}/{place.name}"  # a virtual service: of this layer only
    for service, version in (("WMS", "1.3.0"), ("WFS", "2.0.0")):
        document = server.ask(
            f"{where}/{service.lower()}",
            service=service,
            version=version,
            request="GetCapabilities",
        )
        if not {layer, place.name} & _names(document, service):
            raise NotDelivered(f"{service} GetCapabilities does not name the layer")
    srs, bbox = map_area(published.srs, published.bbox)
    picture = server.ask(
        f"{place.workspace}/wms",
        service="WMS",
        version="1.1.1",
        request="GetMap",
        layers=layer,
        styles="",
        srs=srs,
        bbox=",".join(map(repr, bbox)),
        width=SIDE,
        height=SIDE,
        format="image/png",
    )
    if not _is_picture(picture):
        raise NotDelivered("WMS GetMap answers no picture")


def _names(document: bytes, service: str) -> set[str]:
    """The names of layers (WMS) or feature types (WFS) in a capabilities document."""
    parent = "Layer" if service == "WMS" else "FeatureType"
    try:
        root = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        raise NotDelivered(f"{service} GetCapabilities answers no proper XML") from None
    return {
        (child.text or "").strip()
        for element in root.iter()
        if _local(element.tag) == parent
        for child in element
        if _local(child.tag) == "Name"
    }


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _is_picture(content: bytes) -> bool:
    """Whether it is a whole PNG of the size that was asked for. A WMS error is XML with 200."""
    if not (content.startswith(_PNG) and content.endswith(_PNG_END)) or content[12:16] != b"IHDR":
        return False
    return struct.unpack(">II", content[16:24]) == (SIDE, SIDE)
