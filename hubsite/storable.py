"""Makes what comes from outside storable: no database takes every text that JSON can carry.

PostgreSQL refuses NUL characters, no UTF-8 file takes lone surrogates, no JSON column NaN.
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
