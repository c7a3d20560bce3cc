"""Secrets of links, tickets and sessions: random, given out once, stored as hashes."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32
LONGEST = 128


def new_secret() -> str:
    """43 characters of A-Z, a-z, 0-9, - and _ (256 bits)."""
    return secrets.token_urlsafe(BYTES)


def hash_of(secret: str) -> str:
    """SHA-256 in hex. The secrets are random and long, so they need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
