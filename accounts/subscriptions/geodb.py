"""Registers subscribers at the geoDB server, by its PostgREST.

It sends a row by POST. If the row exists already (409), it sends PATCH, so that a changed plan
arrives too. Statuses and error bodies are those of PostgREST's documentation.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from typing import Any

import jwt

from accounts.settings import hub
from hubsite import http_client
from hubsite.coordination.delivery import NotDelivered, Unreachable

from ..models import Subscription
from ..tokens.signing_keys import signing_keys

TIMEOUT_S = 10
_MOST_BYTES = 64 * 1024
_TOKEN_LIFETIME_S = 60


class GeodbError(NotDelivered):
    """geoDB did not take it; the message says why and holds no secret."""


class GeodbUnreachable(GeodbError, Unreachable):
    """geoDB, or what gives tokens for it, does not answer."""


def is_configured() -> bool:
    return bool(hub.geodb_url)


def register(subscription: Subscription) -> None:
    """Register the subscriber at geoDB. Idempotent. Raises GeodbError."""
    row = _row(subscription)
    path = urllib.parse.quote(hub.geodb_path.strip("/"), safe="/")
    url = f"{hub.geodb_url}/{path}"
    headers = {"Authorization": f"Bearer {_token()}", "Prefer": "return=minimal"}
    status, answer = _call("POST", url, [row], headers)
    if status == 409:
        key = _role_column()
        value = urllib.parse.quote(f"eq.{subscription.geodb_role}", safe="")
        rest = {name: item for name, item in row.items() if name != key}
        url = f"{url}?{urllib.parse.quote(key)}={value}"
        status, answer = _call("PATCH", url, rest, headers) if rest else (204, b"")
    if not 200 <= status < 300:
        raise GeodbError(f"geoDB answered {status}{_message(answer)}")


def _row(subscription: Subscription) -> dict[str, Any]:
    values = {
        "$role": subscription.geodb_role,
        "$plan": subscription.plan,
        "$start_date": subscription.start_date.isoformat(),
        "$cells": int(subscription.units),
        "$email": subscription.user.email,
    }
    template = hub.geodb_payload
    return {
        name: values.get(item, item) if isinstance(item, str) else item
        for name, item in template.items()
    }


def _role_column() -> str:
    template = hub.geodb_payload
    return next(name for name, item in template.items() if item == "$role")


def _token() -> str:
    """A token of the role that may write: from where the operator says, or our own."""
    return _fetched_token() if hub.geodb_token_url else token_of_role(hub.geodb_admin_role)


def token_of_role(role: str) -> str:
    """A token of a database role, signed with the key that the hub shares with PostgREST.

    It is valid for a minute, at geoDB only: it has no jti, so the hub itself does not accept it.
    """
    now = int(time.time())
    claims = {
        "iss": hub.token_issuer,
        "aud": [hub.oauth_aud],
        "sub": "xcube-hub",
        "iat": now,
        "exp": now + _TOKEN_LIFETIME_S,
        hub.geodb_role_claim: role,
    }
    return jwt.encode(claims, signing_keys()[0], algorithm="HS256")


def _fetched_token() -> str:
    body = {
        "client_id": hub.geodb_client_id,
        "client_secret": hub.geodb_client_secret,
        "audience": hub.geodb_audience,
        "grant_type": "client_credentials",
    }
    status, answer = _call("POST", hub.geodb_token_url, body, {})
    try:
        token = json.loads(answer)["access_token"]
    except (ValueError, KeyError, TypeError):
        token = None
    is_text = isinstance(token, str) and token.isascii() and token.isprintable()
    if status != 200 or not is_text or " " in token:
        raise GeodbError(f"no token for geoDB: {hub.geodb_token_url} said {status}")
    return token


def _call(method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
    try:
        answer = http_client.call(
            method, url, timeout_s=TIMEOUT_S, most_bytes=_MOST_BYTES, headers=headers, body=body
        )
    except http_client.TooLarge as error:
        raise GeodbError(f"geoDB cannot be understood: {error}") from None
    except http_client.NoAnswer as error:
        raise GeodbUnreachable(f"geoDB cannot be reached: {error}"[:300]) from None
    return answer.status, answer.content


def _message(answer: bytes) -> str:
    """What PostgREST says is wrong: `{"code", "message", "details", "hint"}`."""
    try:
        told = json.loads(answer)
        parts = [str(told[name]) for name in ("code", "message") if told.get(name)]
    except (ValueError, AttributeError):
        parts = []
    text = "".join(char if char.isprintable() else " " for char in " ".join(parts))
    return f": {text}"[:300] if parts else ""
