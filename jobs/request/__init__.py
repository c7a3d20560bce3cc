"""Is this document a cube generation request, and may this user make it?

    request = parse_request(document)                   # is it one?
    resolved = resolve(request, catalogue=…, user_id=…)  # may its stores be used so?

Both raise InvalidRequest with every fault, by field. Pure: no Django, no network, no xcube.
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
