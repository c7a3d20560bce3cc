"""Settings of services: `from services.settings import hub`."""

from __future__ import annotations

import re

from hubsite.configuration.bounds import LARGEST_INTEGER
from hubsite.configuration.reading import url, whole_number
from hubsite.configuration.rooms import setting
from jobs.settings import JobsSettings


def edge_url(text: str) -> str:
    """The URL of the edge: a host, perhaps with `*.` before it, and no path."""
    value = url(text)
    if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?", value):
        raise ValueError("expected a URL such as https://*.services.example.org, without a path")
    return value


class ServicesSettings(JobsSettings):
    """Services, and the edge in front of them."""

    section = "Services"

    edge_address: str = setting(
        "XCUBE_HUB_EDGE_ADDRESS",
        str,
        lambda hub: hub.address,
        default_text="the address of web",
    )
    """Address the edge binds."""

    edge_port: int = setting(
        "XCUBE_HUB_EDGE_PORT",
        whole_number,
        lambda hub: min(hub.port + 1, 65535) if hub.port else 0,
        default_text="the port of web plus one",
        minimum=0,
        maximum=65535,
    )
    """Port the edge binds."""

    edge_url: str = setting(
        "XCUBE_HUB_EDGE_URL",
        edge_url,
        lambda hub: f"http://*.localhost:{hub.edge_port}",
        former=("XCUBE_WEBAPI_URI", "XCUBE_WEBAPI_BASE_URI"),
        default_text="`http://*.localhost:<port of the edge>`",
    )
    """Public URL of the edge, on a host other than the hub's. With `*.` every service gets a host
    name of its own, e.g. `https://*.services.example.org`; it needs a wildcard DNS entry and
    certificate. Without it, services are told apart by a path."""

    edge_secret: str = setting(
        "XCUBE_HUB_EDGE_SECRET",
        str,
        "",
        default_text="derived from XCUBE_HUB_SECRET_KEY",
        secret=True,
    )
    """The secret by which the edge and the hub know each other, at least 32 characters; needed if
    the edge runs elsewhere, without the secret key."""

    services_per_user: int = setting(
        "XCUBE_HUB_SERVICES_PER_USER",
        whole_number,
        5,
        minimum=0,
        maximum=LARGEST_INTEGER,
    )
    """Services that one user may have at once; a further one is answered 413."""


hub = ServicesSettings()
