"""Settings of the geoDB server, where subscribers are registered."""

from __future__ import annotations

import json
from typing import Any

from hubsite.configuration.reading import url
from hubsite.configuration.rooms import setting
from hubsite.configuration.site import SiteSettings

PLACEHOLDERS = ("$role", "$plan", "$start_date", "$cells", "$email")

DEFAULT_PAYLOAD = {
    "user_name": "$role",
    "start_date": "$start_date",
    "subscription": "$plan",
    "cells": "$cells",
}


def payload(text: str) -> dict[str, Any]:
    """A flat JSON object with one member that holds the role."""
    value = json.loads(text)
    if not isinstance(value, dict) or list(value.values()).count("$role") != 1:
        raise ValueError("expected a JSON object in which one member is $role")
    for item in value.values():
        if isinstance(item, dict | list):
            raise ValueError("expected texts, numbers, true, false or null as members")
        if isinstance(item, str) and item.startswith("$") and item not in PLACEHOLDERS:
            raise ValueError(f"expected one of {', '.join(PLACEHOLDERS)}")
    return value


class GeodbSettings(SiteSettings):
    """The geoDB: its address, the row that is written there, and the token."""

    section = "geoDB"

    geodb_url: str | None = setting(
        "XCUBE_HUB_GEODB_URL",
        url,
        None,
        former=("GEODB_SERVER_URL", "GEODB_POSTGREST_REST_URL"),
        default_text="none",
    )
    """The geoDB's PostgREST, with its port. Without it subscribers wait to be registered."""

    geodb_path: str = setting(
        "XCUBE_HUB_GEODB_PATH",
        str,
        "geodb_user_info",
    )
    """The table of users there."""

    geodb_payload: dict[str, Any] = setting(
        "XCUBE_HUB_GEODB_PAYLOAD",
        payload,
        DEFAULT_PAYLOAD,
        default_text="role, start date, plan and cells, as the service before sent them",
    )
    """What is written there: a JSON object. `$role`, `$plan`, `$start_date`, `$cells` and
    `$email` are replaced; what else it holds is sent as it is. The geoDB published in 2024 has
    no `cells` and wants `permissions`: `{"user_name": "$role", "start_date": "$start_date",
    "subscription": "$plan", "permissions": "read"}`."""

    geodb_admin_role: str = setting(
        "XCUBE_HUB_GEODB_ADMIN_ROLE",
        str,
        "geodb_admin",
    )
    """The database role that may write there. For each try the hub signs a token for it, valid
    for a minute, with the key that it shares with PostgREST."""

    geodb_token_url: str | None = setting(
        "XCUBE_HUB_GEODB_TOKEN_URL",
        url,
        None,
        default_text="none: the hub signs it",
    )
    """The URL that gives a token to write there for client credentials, if the hub shall not sign
    the token itself."""

    geodb_client_id: str | None = setting(
        "XCUBE_HUB_GEODB_CLIENT_ID",
        str,
        None,
        former=("GEODB_ADMIN_CLIENT_ID",),
        default_text="none",
    )
    """The client id for XCUBE_HUB_GEODB_TOKEN_URL."""

    geodb_client_secret: str | None = setting(
        "XCUBE_HUB_GEODB_CLIENT_SECRET",
        str,
        None,
        former=("GEODB_ADMIN_CLIENT_SECRET",),
        default_text="none",
        secret=True,
    )
    """The client secret for XCUBE_HUB_GEODB_TOKEN_URL."""

    geodb_audience: str = setting(
        "XCUBE_HUB_GEODB_AUDIENCE",
        str,
        "https://geodb.brockmann-consult.de",
    )
    """The audience of tokens from XCUBE_HUB_GEODB_TOKEN_URL."""

    geodb_role_claim: str = setting(
        "XCUBE_HUB_GEODB_ROLE_CLAIM",
        str,
        "https://geodb.brockmann-consult.de/dbrole",
    )
    """The claim from which PostgREST reads the role (its `jwt-role-claim-key`)."""
