"""Names of parameters that hold a credential: key, secret, token, password and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET_PART = re.compile(
    r"(?:^|[^a-z])(?:key|secret|token|passw(?:or)?d|passphrase|pwd|credentials?|auth"
    r"|connection_string|signature|(?:api|access|account|secret|private|sas)(?:key|token))"
    r"(?:$|[^a-z])"
)


def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name holds a credential: key, secret, token, password…"""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return bool(_SECRET_PART.search(spaced))


def holds_secret(value: object) -> bool:
    """Whether a parameter anywhere in `value` holds a credential."""
    if isinstance(value, Mapping):
        return any(
            (is_secret_name(key) and item not in (None, "", False)) or holds_secret(item)
            for key, item in value.items()
        )
    return isinstance(value, list) and any(holds_secret(item) for item in value)
