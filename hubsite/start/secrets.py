"""Generates secrets of a development hub once, as files of mode 0600 in the data folder."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path


def read_or_make(path: Path, *, length: int = 64) -> str:
    """The secret in the file `path`; if it is missing, exactly one process makes it."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_urlsafe(length) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, path)  # fails if another process was first; then its secret is used
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def derived_secret(key: str, purpose: str) -> str:
    """A secret for one purpose, derived from `key` (HMAC-SHA256, hexadecimal)."""
    return hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()
