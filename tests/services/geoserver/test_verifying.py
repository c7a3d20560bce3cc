"""What a GeoServer answers is judged, not trusted: documents, pictures, areas."""

from __future__ import annotations

import pytest

from hubsite.coordination.delivery import NotDelivered
from services.geoserver import steps
from services.geoserver.areas import map_area
from services.geoserver.client import path
from services.geoserver.names import Place
from services.geoserver.verifying import SIDE, verify
from tests.servers.geoserver import png

PLACE = Place("geodb_g-1", "land", "use")
PUBLISHED = steps.Published("EPSG:4326", [0.0, 0.0, 1.0, 1.0], "polygon")
WMS = b"<WMS_Capabilities><Layer><Name>%s</Name></Layer></WMS_Capabilities>"
WFS = b"<W><FeatureType><Name>%s</Name></FeatureType></W>"
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x><Name>&b;</Name></x>'


class Server:
    def __init__(self, **answers: bytes) -> None:
        good = {"wms": WMS % b"land_use", "wfs": WFS % b"geodb_g-1:land_use"}
        self.answers = {**good, "map": png(SIDE, SIDE), **answers}

    def ask(self, where: str, **query) -> bytes:
        kind = "map" if query["request"] == "GetMap" else query["service"].lower()
        return self.answers[kind]


def test_a_layer_that_both_services_name_and_draw_is_served():
    verify(Server(), PLACE, PUBLISHED)
    verify(Server(wms=WMS % b"geodb_g-1:land_use"), PLACE, PUBLISHED)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"wms": WMS % b"land_use2"}, "WMS GetCapabilities does not name"),
        ({"wms": b"<x><Service><Name>land_use</Name></Service></x>"}, "does not name"),
        ({"wfs": WFS % b"other:land_use"}, "WFS GetCapabilities does not name"),
        ({"wms": b"<a><b></a>"}, "no proper XML"),
        ({"wms": b""}, "no proper XML"),
        ({"wms": b"\xff\xfe\x00"}, "no proper XML"),
        ({"wms": BOMB}, "no proper XML"),
        ({"wfs": b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'}, "no proper XML"),
        ({"map": b"<ServiceException/>"}, "no picture"),
        ({"map": b""}, "no picture"),
        ({"map": png(SIDE, SIDE)[:-1]}, "no picture"),
        ({"map": png(1, 1)}, "no picture"),
        ({"map": b"GIF89a" + png(SIDE, SIDE)}, "no picture"),
    ],
)
def test_anything_else_is_not(answers, message):
    with pytest.raises(NotDelivered, match=message):
        verify(Server(**answers), PLACE, PUBLISHED)


@pytest.mark.parametrize(
    "box",
    [
        None,
        [],
        {"minx": 1},
        {"minx": "1", "miny": 0, "maxx": 2, "maxy": 1},
        {"minx": float("nan"), "miny": 0, "maxx": 2, "maxy": 1},
        {"minx": float("inf"), "miny": 0, "maxx": 2, "maxy": 1},
        {"minx": 0, "miny": 0, "maxx": -1, "maxy": -1},  # of an empty table
    ],
)
def test_a_box_that_is_none_shows_the_world(box):
    bbox = steps._bbox({"nativeBoundingBox": box})
    assert map_area("EPSG:3035", bbox) == ("EPSG:4326", [-180.0, -90.0, 180.0, 90.0])


def test_one_point_has_an_area():
    srs, (x1, y1, x2, y2) = map_area("EPSG:25832", [500000.0, 0.0, 500000.0, 0.0])
    assert srs == "EPSG:25832"
    assert x1 < 500000.0 < x2 and y1 < 0.0 < y2


def test_parts_of_a_path_stay_parts():
    assert path("workspaces", "a/../b?c#d", "e.f") == "/rest/workspaces/a%2F..%2Fb%3Fc%23d/e.f"


@pytest.mark.parametrize(
    ("href", "is_ours"),
    [
        (
            "http://h/geoserver/rest/workspaces/geodb_g-1/datastores/land/featuretypes/land_use.json",
            True,
        ),
        ("https://h/rest/workspaces/geodb_g-1/datastores/land/featuretypes/land_use", True),
        ("/rest/workspaces/geodb_g-2/datastores/land/featuretypes/land_use.json", False),
        ("/rest/workspaces/geodb_g-1/datastores/land2/featuretypes/land_use.json", False),
        ("/rest/workspaces/geodb_g-1/coveragestores/land/coverages/land_use.json", False),
        (None, False),
        (7, False),
    ],
)
def test_a_layer_is_ours_by_the_address_of_its_resource(href, is_ours):
    assert steps.is_of({"resource": {"href": href}}, PLACE) is is_ours
    assert not steps.is_of({"resource": href}, PLACE)
    assert not steps.is_of({}, PLACE)
