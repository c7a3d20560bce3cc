"""Encrypts the credentials of callers' own stores, while their job needs them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(Exception):
    """The credentials cannot be decrypted, because the secret key was changed since."""


def _cipher() -> Fernet:
    key = hashlib.blake2b(
        settings.SECRET_KEY.encode(), digest_size=32, person=b"hub-credentials"
    ).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(credentials: Any) -> bytes:
    """Encrypt a JSON value."""
    return _cipher().encrypt(json.dumps(credentials).encode())


def unseal(sealed: bytes) -> Any:
    """Decrypt a value of `seal`. Raises Unreadable."""
    try:
        return json.loads(_cipher().decrypt(bytes(sealed)))
    except InvalidToken:
        raise Unreadable("the credentials were encrypted with another secret key") from None
