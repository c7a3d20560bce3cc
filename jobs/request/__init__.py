"""Checks cube generation requests: their form, and whether the user may use the stores.

    request = parse_request(document)                   # checks the form
    resolved = resolve(request, catalogue=…, user_id=…)  # checks the stores

Both raise InvalidRequest that names every fault and its field. They use no Django, no network
and no xcube.
"""

from .code import UPLOAD_PLACEHOLDER
from .errors import FieldError, InvalidRequest
from .parse import CubegenRequest, parse_request
from .redaction import redact, unredact
from .resolve import ResolvedRequest, resolve

__all__ = [
    "UPLOAD_PLACEHOLDER",
    "CubegenRequest",
    "FieldError",
    "InvalidRequest",
    "ResolvedRequest",
    "parse_request",
    "redact",
    "resolve",
    "unredact",
]
