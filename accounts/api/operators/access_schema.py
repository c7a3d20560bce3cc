"""The OpenAPI description of tokens, clients, shares and webhooks of all users."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from hubsite.api.examples import answer_example

from .access_serializers import (
    FoundSerializer,
    LeakedSerializer,
    OperatorClientSerializer,
    OperatorShareSerializer,
    OperatorTokenSerializer,
    OperatorWebhookSerializer,
)
from .acts import NEEDS, act, asked, listing, nothing, path_id

OWNER = OpenApiParameter("owner", str, description="The id or the whole e-mail of a user.")
VALID = OpenApiParameter(
    "is_valid",
    {"type": "string", "enum": ["true", "false"]},
    description="`true`: neither revoked nor expired.",
)
_ANN = {"user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6", "email": "ann@example.org"}
_DAY = "2026-11-24T12:00:00Z"
_TOKEN = {
    "jti": "3c6e0b8a9c15224a8228b9a98ca1531d",
    "user": _ANN,
    "client_id": None,
    "name": "notebook",
    "is_personal": True,
    "scopes": ["manage:cubegens"],
    "issued_at": _DAY,
    "expires_at": "2026-12-24T12:00:00Z",
    "last_used_at": None,
    "revoked_at": None,
}
_CLIENT = {
    "client_id": "b8a9c15224a8228b9a98ca1531d3c6e0",
    "owner": _ANN,
    "name": "nightly run",
    "scopes": ["manage:cubegens"],
    "created_at": _DAY,
    "last_used_at": None,
    "revoked_at": None,
}
_SHARE = {
    "id": 17,
    "kind": "service",
    "subject": "xproultfzazevctsijkxz6by7gf",
    "owner": _ANN,
    "action": "view",
    "person": "bob@example.org",
    "role": None,
    "is_link": False,
    "is_public": False,
    "created_at": _DAY,
    "expires_at": "2026-12-24T12:00:00Z",
    "revoked_at": None,
}
_WEBHOOK = {
    "id": "w3c6e0b8a9c15224a8228b9a9",
    "user": _ANN,
    "name": "our server",
    "url": "https://example.org/hook",
    "kinds": [],
    "created_at": _DAY,
    "failures": 3,
    "failing_since": "2026-11-26T12:00:00Z",
    "off_at": None,
    "off_reason": "",
}
_FOUND = {
    "kind": "token",
    "what": "A personal token of the hub: notebook",
    "says": "It is valid.",
    "is_valid": True,
    "can_be_revoked": True,
    "is_revoked": True,
    "owner": _ANN,
}

list_tokens = listing(
    "list_all_tokens", "Tokens of all users", OperatorTokenSerializer, _TOKEN, OWNER, VALID
)
revoke_token = act(
    "revoke_any_token", "Revoke a token", of=path_id("token_id"), refusals=[nothing("token")]
)
list_clients = listing(
    "list_all_clients", "Clients of all users", OperatorClientSerializer, _CLIENT, OWNER, VALID
)
revoke_client = act(
    "revoke_any_client",
    "Revoke a client and its tokens",
    of=path_id("client_id"),
    refusals=[nothing("client")],
)
list_shares = listing(
    "list_all_shares", "Shares of all users", OperatorShareSerializer, _SHARE, OWNER, VALID
)
withdraw_share = act(
    "withdraw_any_share",
    "Withdraw a share",
    of=path_id("share_id", int),
    refusals=[nothing("share")],
)
list_webhooks = listing(
    "list_all_webhooks", "Webhooks of all users", OperatorWebhookSerializer, _WEBHOOK, OWNER
)
switch_off_webhook = act(
    "change_any_webhook",
    "Switch a webhook off",
    description="Its owner may switch it on again.",
    of=path_id("webhook_id"),
    refusals=[nothing("webhook")],
)
find_leaked = extend_schema(
    operation_id="report_leaked_secrets",
    summary="Find leaked secrets in a text, and revoke them",
    description="Says of each secret of this hub in the text what it is and whose, and revokes "
    f"those that are valid, if asked to. {NEEDS}",
    request=LeakedSerializer,
    responses={200: FoundSerializer(many=True)},
    examples=[
        asked("Find and revoke", {"text": "Authorization: Bearer eyJhbGciOi…", "revoke": True}),
        answer_example("Revoked", _FOUND),
    ],
)
