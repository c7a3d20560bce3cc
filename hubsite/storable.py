"""Makes JSON from outside storable: no database stores every text that JSON can contain.

PostgreSQL refuses NUL characters. Lone surrogates are not valid in UTF-8, nor NaN in JSON.
"""

from __future__ import annotations

import math
from typing import Any


def storable(value: Any) -> Any:
    """`value` (JSON) without NUL and lone surrogates in its texts, and null for NaN."""
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value
