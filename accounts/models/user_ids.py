"""Make user ids, which name jobs and engine objects, from e-mail addresses."""

from __future__ import annotations

import hashlib


def user_id_of(email: str) -> str:
    """`a` and the hex MD5 of `email` exactly as given: 33 characters, valid in object names.

    The old service made ids in this way, and its users keep theirs. No secret is involved.
    """
    return "a" + hashlib.md5(email.encode(), usedforsecurity=False).hexdigest()
