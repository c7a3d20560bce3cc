"""Encrypts the credentials of callers' own stores, while their job needs them."""

from __future__ import annotations

import json
from typing import Any

from hubsite import sealing
from hubsite.sealing import Unreadable

__all__ = ["Unreadable", "seal", "unseal"]

PURPOSE = b"hub-credentials"


def seal(credentials: Any) -> bytes:
    """Encrypt a JSON value."""
    return sealing.seal(json.dumps(credentials).encode(), purpose=PURPOSE)


def unseal(sealed: bytes) -> Any:
    """Decrypt a value of `seal`. Raises Unreadable."""
    return json.loads(sealing.unseal(sealed, purpose=PURPOSE))
