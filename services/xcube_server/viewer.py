"""The viewer's own configuration, and the addresses that open it at a dataset.

The viewer of xcube 1.14 reads `config/config.json` beside its page, and selects what the
parameters `dataset` and `variable` of its address name.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from services.addresses import base_url, viewer_url
from services.models import ServiceInstance
from services.settings import hub

DEFAULT_TITLE = "xcube Viewer"
STREET_MAP = "baseMaps.OpenStreetMap.OSM Mapnik"
"""The base map that the viewer would load from another host if it is not switched off."""


def viewer_configuration(instance: ServiceInstance) -> dict[str, Any]:
    """The contents of `config.json`: its own server, the title, and no other host."""
    title = instance.title or DEFAULT_TITLE
    return {
        "name": "xcube-hub",
        "server": {"id": instance.instance_id, "name": title, "url": base_url(instance)},
        "branding": {
            "appBarTitle": title,
            "windowTitle": title,
            "logoImage": "../images/logo.png",  # below config/
            "organisationUrl": hub.public_url,
            "layerVisibilities": {STREET_MAP: False},
            # The program keeps no states for links, and evaluates no expressions of visitors.
            "allowSharing": False,
            "allowUserVariables": False,
        },
    }


def address_of(instance: ServiceInstance, dataset: str, variable: str | None = None) -> str:
    """The address that opens the viewer at a dataset, and at one of its variables."""
    selected = {"dataset": dataset, **({"variable": variable} if variable else {})}
    return f"{viewer_url(instance)}?{urlencode(selected)}"
