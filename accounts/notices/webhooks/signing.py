"""Signatures of webhooks: Standard Webhooks 1.0.0 (standardwebhooks.com), symmetric, `v1`.

The signed text is `{id}.{timestamp}.{body}`; the signature is its HMAC-SHA256 in base64. A secret
is shown as `whsec_` and base64. While a former secret still signs there are two signatures.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The secret as its owner sees it: `whsec_` and Base64."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(message_id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of a signed request; `timestamp` is that of the try, in Unix seconds."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signatures = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(signature).decode()}" for signature in signatures
        ),
    }
