"""Encrypts secrets that the hub must read again, with a key made of Django's secret key."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class Unreadable(Exception):
    """The secret cannot be decrypted, because the secret key was changed since."""


def seal(secret: bytes, *, purpose: bytes) -> bytes:
    """Encrypt `secret`. Each purpose (at most 16 bytes) has a key of its own."""
    return _cipher(purpose).encrypt(secret)


def unseal(sealed: bytes, *, purpose: bytes) -> bytes:
    """Decrypt what `seal` made. Raises Unreadable."""
    try:
        return _cipher(purpose).decrypt(bytes(sealed))
    except InvalidToken:
        raise Unreadable("the secret was encrypted with another secret key") from None


def _cipher(purpose: bytes) -> Fernet:
    secret_key = settings.SECRET_KEY.encode()
    key = hashlib.blake2b(secret_key, digest_size=32, person=purpose).digest()
    return Fernet(base64.urlsafe_b64encode(key))
