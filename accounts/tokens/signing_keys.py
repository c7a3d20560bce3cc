"""The HS256 keys of the hub's own tokens: the first signs, all verify.

Where the operator sets them (XCUBE_HUB_TOKEN_SECRETS) they are what the process was started
with. Else they lie in a file, which is looked at for each token: all
processes of the hub take a new key at the same instant, so none refuses what another has
signed. A line of the file is a key; behind it stands `next` until it signs, and then when it
was replaced.
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
    """A key that signs, is to sign next, or has signed until `replaced_at`."""

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
    """The secrets, the one that signs first."""
    if settings.TOKEN_SECRETS:
        return settings.TOKEN_SECRETS
    return [key.secret for key in keys_in(settings.TOKEN_SECRETS_FILE)]


def keys_in(path: Path) -> tuple[Key, ...]:
    """The keys in the file, the one that signs first; the file is made if missing."""
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
    """Have a key in the file that verifies already and will sign after the next rotation."""
    with _changing(path):
        keys = keys_in(path)
        for key in keys:
            if key.is_next:
                return key
        new = _new_key(is_next=True)
        _write(path, (*keys, new))
        return new


def rotate(path: Path, *, is_needed: Callable[[Key, datetime | None], bool]) -> list[Key]:
    """Let the prepared key, or else a new one, sign; returns the keys that were dropped.

    `is_needed` says of a key that was replaced, and from when on it signed (None: ever), whether
    anybody still has a token of it.
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
    """The keys as PostgREST's `jwt-secret` takes several (RFC 7517)."""
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
    """One at a time; who only reads never waits."""
    keys_in(path)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    """By a rename: no process ever reads half a file."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write("".join(f"{key.line()}\n" for key in keys))
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(path)
