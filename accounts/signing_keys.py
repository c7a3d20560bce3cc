"""The HS256 keys of the hub's own tokens: the first signs, all verify.

Where the operator sets them (XCUBE_HUB_TOKEN_SECRETS) they are what the process was started
with. Else they lie in a file of the data folder, one a line, the newest first, behind which
stands when it was replaced. The file is looked at for each token, so that all processes of
the hub take a new key at the same instant: none refuses what another has signed.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from hubsite.secrets import read_or_make


@dataclass(frozen=True)
class Key:
    """`replaced_at` is when the next one began to sign; None: it signs."""

    secret: str
    replaced_at: datetime | None = None

    def line(self) -> str:
        if self.replaced_at is None:
            return self.secret
        return f"{self.secret} {self.replaced_at:%Y-%m-%dT%H:%M:%SZ}"


def signing_keys() -> list[str]:
    """The secrets, the one that signs first."""
    return settings.TOKEN_SECRETS or [key.secret for key in keys_of(settings.TOKEN_SECRETS_FILE)]


def keys_of(path: Path) -> tuple[Key, ...]:
    """The keys in the file; it is made if missing."""
    try:
        state = path.stat()
    except FileNotFoundError:
        read_or_make(path)
        state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, inode: int) -> tuple[Key, ...]:
    keys = []
    for line in path.read_text().splitlines():
        secret, _, replaced = line.strip().partition(" ")
        if secret:
            at = datetime.strptime(replaced, "%Y-%m-%dT%H:%M:%SZ") if replaced else None
            keys.append(Key(secret, at.replace(tzinfo=UTC) if at else None))
    return tuple(keys)


def put_first(path: Path, *, dropped: frozenset[str] = frozenset()) -> Key:
    """Put a new key first, keep the others but those `dropped`; returns the new one.

    By a rename: no process ever reads half a file.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    new = Key(secrets.token_urlsafe(64))
    kept = [
        Key(key.secret, key.replaced_at or now)
        for key in keys_of(path)
        if key.secret not in dropped
    ]
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("".join(f"{key.line()}\n" for key in (new, *kept)))
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(path)
    return new
