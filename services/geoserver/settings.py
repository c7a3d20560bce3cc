"""Settings of the GeoServer in which collections of geoDB are published."""

from __future__ import annotations

import re

from hubsite.configuration.reading import boolean, url, whole_number
from hubsite.configuration.rooms import setting
from services.settings import ServicesSettings


def style_name(text: str) -> str:
    if not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_.-]{0,62})?", text):
        raise ValueError("expected the name of a style: letters, digits and . _ -")
    return text


def plain_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", text):
        raise ValueError("expected a name of letters, digits, _ and -")
    return text


class GeoserverSettings(ServicesSettings):
    """GeoServer, and the PostGIS database that it reads."""

    section = "GeoServer"

    geoserver_url: str | None = setting(
        "XCUBE_HUB_GEOSERVER_URL",
        url,
        None,
        former=("GEOSERVER_BASE_URL",),
        default_text="none",
    )
    """The GeoServer, such as `https://maps.example.org/geoserver`. Without it, and without a geoDB,
    collections cannot be published."""

    geoserver_public_url: str | None = setting(
        "XCUBE_HUB_GEOSERVER_PUBLIC_URL",
        url,
        lambda hub: hub.geoserver_url,
        default_text="XCUBE_HUB_GEOSERVER_URL",
    )
    """Where users reach the GeoServer, if that is another URL. Links to layers begin with it."""

    geoserver_username: str = setting(
        "XCUBE_HUB_GEOSERVER_USERNAME",
        str,
        "",
        default_text="none",
    )
    """A user of the GeoServer who may change workspaces, stores and layers."""

    geoserver_password: str = setting(
        "XCUBE_HUB_GEOSERVER_PASSWORD",
        str,
        "",
        default_text="none",
        secret=True,
    )
    """That user's password."""

    geoserver_style: str = setting(
        "XCUBE_HUB_GEOSERVER_STYLE",
        style_name,
        "",
        default_text="the one that GeoServer chooses",
    )
    """The default style that layers get."""

    geoserver_wait_s: int = setting(
        "XCUBE_HUB_GEOSERVER_WAIT_S",
        whole_number,
        8,
        minimum=0,
        maximum=30,
    )
    """How long a request to publish or remove a layer waits for the GeoServer. After that it is
    answered with the state so far, and the work goes on."""

    postgis_host: str = setting(
        "XCUBE_HUB_POSTGIS_HOST", str, "", former=("POSTGIS_HOST",), default_text="none"
    )
    """Host of geoDB's PostgreSQL, as the GeoServer reaches it."""

    postgis_port: int = setting(
        "XCUBE_HUB_POSTGIS_PORT", whole_number, 5432, minimum=1, maximum=65535
    )
    """Its port."""

    postgis_database: str = setting(
        "XCUBE_HUB_POSTGIS_DB", str, "", former=("POSTGIS_DB",), default_text="none"
    )
    """The database there."""

    postgis_schema: str = setting("XCUBE_HUB_POSTGIS_SCHEMA", plain_name, "public")
    """The schema that has geoDB's tables."""

    postgis_user: str = setting(
        "XCUBE_HUB_POSTGIS_USER", str, "", former=("POSTGIS_USER",), default_text="none"
    )
    """The PostgreSQL user as whom the GeoServer reads."""

    postgis_password: str = setting(
        "XCUBE_HUB_POSTGIS_PASSWORD",
        str,
        "",
        former=("POSTGIS_PASSWORD",),
        default_text="none",
        secret=True,
    )
    """That user's password; the GeoServer keeps it."""

    geoservice_silent: bool = setting("GEOSERVICE_SILENT", boolean, False)
    """Switch publishing in the GeoServer off: its endpoints answer 422. Layers stay."""


hub = GeoserverSettings()


def is_configured() -> bool:
    """Whether everything is set that publishing needs."""
    needed = (hub.geoserver_url, hub.geodb_url, hub.postgis_host, hub.postgis_database)
    return all(needed)
