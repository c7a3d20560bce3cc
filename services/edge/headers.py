"""Which headers pass the edge. Both directions drop what belongs to a connection or to the hub."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

from .places import Place
from .targets import OWN

# RFC 9110, 7.6.1, and what is not standard but used in the same way.
HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate",
        "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip

# Credentials of the hub, and what only the edge may say, or what could change what is asked for.
_NOT_TO_INSTANCES = HOP_BY_HOP | {
    "host", "cookie", "cookie2", "authorization", "content-length", "expect", "forwarded", "via",
    "proxy", "client-ip", "true-client-ip", "cf-connecting-ip", "fastly-client-ip", "remote-user",
    "remote-addr", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "x-remote-user",
    "x-http-method", "x-http-method-override", "x-method-override", "x-rewrite-url", "x-scheme",
    "x-url-scheme", "x-host", "x-script-name", "x-xsrftoken", "http2-settings",
}  # fmt: skip
_NOT_TO_INSTANCES_PREFIXES = ("x-forwarded", "x-original", "x-envoy", "x-ssl", "x-auth", "x-csrf")
_WEBSOCKET = "sec-websocket-"

# An allow list, because browsers learn new headers that act on a whole site (Clear-Site-Data,
# Service-Worker-Allowed, Strict-Transport-Security, Set-Login, Reporting-Endpoints, …).
_TO_BROWSERS = {
    "accept-ranges", "age", "allow", "cache-control", "content-disposition", "content-encoding",
    "content-language", "content-length", "content-location", "content-range",
    "content-security-policy", "content-type", "cross-origin-embedder-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "date", "deprecation", "etag",
    "expires", "last-modified", "link", "location", "permissions-policy", "pragma", "retry-after",
    "server-timing", "sunset", "vary", "warning",
}  # fmt: skip
_TO_BROWSERS_PREFIXES = ("x-", "ogc-")
_NEVER_TO_BROWSERS = (
    "x-accel-", "x-sendfile", "x-forwarded-", "x-frame-options", "x-permitted-",
    "x-content-type-options", "x-dns-prefetch", "x-webkit-", "x-real-",
)  # fmt: skip

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]+")  # a token (RFC 9110, 5.6.2), no underscore
_UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

ALWAYS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Server": "xcube-hub",
    "X-Content-Type-Options": "nosniff",
}
"""In each answer of an instance. `*` lets pages elsewhere read answers to requests with a token;
browsers refuse it for requests with cookies. Several policies (CSP) hold all at once."""


@functools.lru_cache(maxsize=1024)
def _passes_to_instance(name: str) -> bool:
    lower = name.lower()
    return (
        lower not in _NOT_TO_INSTANCES
        and not lower.startswith((*_NOT_TO_INSTANCES_PREFIXES, _WEBSOCKET))
        and bool(_NAME.fullmatch(name))
    )


@functools.lru_cache(maxsize=1024)
def _passes_to_browser(name: str) -> bool:
    lower = name.lower()
    is_known = lower in _TO_BROWSERS or (
        lower.startswith(_TO_BROWSERS_PREFIXES) and not lower.startswith(_NEVER_TO_BROWSERS)
    )
    return is_known and bool(_NAME.fullmatch(name))


def _named_by_connection(headers: Mapping[str, str]) -> frozenset[str]:
    """Headers that `Connection` declares to be hop-by-hop as well."""
    if "Connection" not in headers:
        return frozenset()
    values: Iterable[str] = headers.getall("Connection")  # type: ignore[attr-defined]
    return frozenset(
        name.strip().lower() for value in values for name in value.split(",") if name.strip()
    )


def to_instance(headers: Mapping[str, str], *, place: Place, peer: str) -> CIMultiDict[str]:
    """The headers of the request that an instance gets."""
    dropped = _named_by_connection(headers)
    passed = CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if _passes_to_instance(name)
        and not (dropped and name.lower() in dropped)
        and not _UNSAFE.search(value)
        and not (name.lower() == "referer" and f"/{OWN}/" in value)  # it may hold a key
    )
    scheme, _, host = place.origin.partition("://")
    passed["Host"] = host
    passed["X-Forwarded-For"] = peer
    passed["X-Forwarded-Host"] = host
    passed["X-Forwarded-Proto"] = scheme
    if place.path:
        passed["X-Forwarded-Prefix"] = place.path
    return passed


def to_browser(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of the answer that the browser gets."""
    dropped = _named_by_connection(headers)
    passed = CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if _passes_to_browser(name)
        and not (dropped and name.lower() in dropped)
        and not _UNSAFE.search(value)
    )
    passed["Cache-Control"] = _not_shared(", ".join(passed.getall("Cache-Control", ())))
    for name, value in ALWAYS.items():
        if name == "Content-Security-Policy":
            passed.add(name, value)
        else:
            passed[name] = value
    return passed


@functools.lru_cache(maxsize=256)
def _not_shared(cache_control: str) -> str:
    """No shared cache may keep an answer, because the next who asks may have no right."""
    given = [part.strip() for part in cache_control.split(",") if part.strip()]
    kept = [
        part
        for part in given
        if part.partition("=")[0].lower() not in ("public", "s-maxage", "private")
    ]
    if any(part.lower() == "no-store" for part in kept):
        return ", ".join(kept)
    return ", ".join(["private", *kept])


def preflight(headers: Mapping[str, str]) -> dict[str, str]:
    """The answer to a preflight (Fetch Standard): a token may be sent, cookies may not be."""
    asked = headers.get("Access-Control-Request-Headers", "")
    names = [name.strip() for name in asked.split(",")][:50]
    allowed = [name for name in names if _NAME.fullmatch(name)]
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": ", ".join(allowed) or "Authorization",
        "Access-Control-Max-Age": "600",
        "Vary": "Access-Control-Request-Headers",
    }
