"""Keys in URLs: `/.xcube-hub/key/<secret>/…` is the instance's `/…` for whoever has the secret.

For apps of other origins that take one URL and nothing else: a browser sends no token with a
WebSocket, and no cookie of ours to another site's page. The secret is a session of the hub like
that of a cookie (`services/access/keys.py`). The instance never sees it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from .credentials import Credential
from .places import Place
from .targets import OWN, Target

PATH = f"/{OWN}/key/"
_KEYED = re.compile(rf"{re.escape(PATH)}([A-Za-z0-9_-]{{43}})(?=/|$)")


def read_key(target: Target, place: Place) -> tuple[Credential, Target] | None:
    """The key in this target, and the target that the instance gets; None without a key."""
    below = target.raw_path.removeprefix(place.path)
    found = _KEYED.match(below)
    if found is None:
        return None
    rest = below[found.end() :] or "/"
    parts = tuple(part for part in place.path.split("/") if part)
    return Credential("session", found[1]), replace(
        target, raw_path=f"{place.path}{rest}", parts=(*parts, *target.parts[len(parts) + 3 :])
    )
