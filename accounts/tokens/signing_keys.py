"""The HS256 keys of the hub's own tokens: the first one signs, all of them verify.

If the operator sets them (XCUBE_HUB_TOKEN_SECRETS), a process keeps those of its start.
Otherwise they are in a file, which is checked for each token. So all processes use a new key at
the same moment, and none refuses a token that another has signed. Each line of the file is a
key. After the key it has `next` until the key signs, and later the time when it was replaced.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from hubsite.start.secrets import read_or_make

_NEXT = "next"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Key:
    """A key that signs now, will sign next, or has signed until `replaced_at`."""

    secret: str
    replaced_at: datetime | None = None
    is_next: bool = False

    @property
    def signs(self) -> bool:
        return self.replaced_at is None and not self.is_next

    def line(self) -> str:
        if self.is_next:
            return f"{self.secret} {_NEXT}"
        if self.replaced_at is not None:
            return f"{self.secret} {self.replaced_at.strftime(_TIME)}"
        return self.secret

    @classmethod
    def of_line(cls, line: str) -> Key:
        secret, _, state = line.partition(" ")
        if not state or state == _NEXT:
            return cls(secret, is_next=state == _NEXT)
        return cls(secret, datetime.strptime(state, _TIME).replace(tzinfo=UTC))


def signing_keys() -> list[str]:
    """The secrets; the first one signs."""
    if settings.TOKEN_SECRETS:
        return settings.TOKEN_SECRETS
    return [key.secret for key in keys_in(settings.TOKEN_SECRETS_FILE)]


def keys_in(path: Path) -> tuple[Key, ...]:
    """The keys in the file; the first one signs. The file is created if it is missing."""
    try:
        state = path.stat()
    except FileNotFoundError:
        read_or_make(path)
        state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, inode: int) -> tuple[Key, ...]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return tuple(sorted((Key.of_line(line) for line in lines if line), key=lambda k: not k.signs))


def prepare(path: Path) -> Key:
    """Add a key to the file that verifies already, and will sign after the next rotation."""
    with _changing(path):
        keys = keys_in(path)
        for key in keys:
            if key.is_next:
                return key
        new = _new_key(is_next=True)
        _write(path, (*keys, new))
        return new


def rotate(path: Path, *, is_needed: Callable[[Key, datetime | None], bool]) -> list[Key]:
    """Make the prepared key, or a new one, sign; returns the keys that were deleted.

    `is_needed` gets a replaced key and the time from which it signed (None: since ever), and
    says whether a token of it may still be in use.
    """
    with _changing(path):
        keys = keys_in(path)
        new = next((Key(key.secret) for key in keys if key.is_next), None) or _new_key()
        now = datetime.now(UTC).replace(microsecond=0)
        replaced = [
            key if key.replaced_at else Key(key.secret, now) for key in keys if not key.is_next
        ]
        replaced.sort(key=lambda key: key.replaced_at, reverse=True)
        began = [key.replaced_at for key in replaced[1:]] + [None]
        kept = [key for key, since in zip(replaced, began, strict=True) if is_needed(key, since)]
        _write(path, (new, *kept))
        return [key for key in replaced if key not in kept]


def as_jwks(keys: list[str]) -> dict[str, Any]:
    """The keys as a JSON Web Key Set (RFC 7517), for PostgREST's `jwt-secret`."""
    return {
        "keys": [
            {
                "kty": "oct",
                "alg": "HS256",
                "k": base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode(),
            }
            for key in keys
        ]
    }


def _new_key(*, is_next: bool = False) -> Key:
    return Key(secrets.token_urlsafe(64), is_next=is_next)


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Lock the file for one writer at a time; readers never wait."""
    keys_in(path)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    """Write the file by a rename, so that no process reads an incomplete file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("".join(f"{key.line()}\n" for key in keys))
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(path)
