"""How a person's e-mail address becomes the user id that names their jobs and objects."""

from __future__ import annotations

import hashlib


def user_id_of(email: str) -> str:
    """`a` and the hex MD5 of `email` exactly as given: 33 characters, fit for object names.

    The service we replace made ids like this; its users keep theirs. No secret is involved.
    """
    return "a" + hashlib.md5(email.encode(), usedforsecurity=False).hexdigest()
