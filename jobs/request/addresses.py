"""Rules of endpoints of callers' own stores: public hosts only, no host near the hub (SSRF).

Here only the text of a host name is checked. The run checks the addresses when it connects.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from hubsite.reach import Reach

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
_PRIVATE_SUFFIXES = (
    "local",
    "localhost",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "svc",
)


def endpoint_fault(url: str, *, networks: Sequence[str] = ()) -> str | None:
    """Why `url` may not be the endpoint of a caller's own store, or None.

    `networks` (CIDR) are private networks that the operator opened for such stores.
    """
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        return "expected a URL of plain ASCII characters without blanks or backslashes"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "expected a URL such as https://s3.example.org"
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "expected a URL such as https://s3.example.org"
    if "@" in parts.netloc:
        return "expected a URL without user name or password"
    if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in url or "#" in url:
        return "expected a URL without path, query or fragment"
    return _host_fault(host, networks)


def _host_fault(host: str, networks: Sequence[str]) -> str | None:
    host = host.removesuffix(".")
    refused = "expected a public host"
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        if getattr(address, "scope_id", None):
            return refused
        return None if Reach(networks).allows(str(address)) else refused
    if not _HOST.fullmatch(host):
        return "expected a host name of letters, digits, '-' and '.'"
    if _is_disguised_address(host):
        return "expected an IP address in its usual notation, or a host name"
    if host == "localhost" or host.endswith(".localhost"):
        is_open = any(map(Reach(networks).allows, ("127.0.0.1", "::1")))
        return None if is_open else refused
    is_private = "." not in host or host.endswith(tuple(f".{s}" for s in _PRIVATE_SUFFIXES))
    # If private networks are allowed, the run decides by the address to which the name resolves.
    return refused if is_private and not networks else None


def _is_disguised_address(host: str) -> bool:
    """Whether it is a decimal, octal, hexadecimal or short form that libraries take for IPv4."""
    try:
        socket.inet_aton(host)
    except OSError:
        last = host.rpartition(".")[2]
        return bool(re.fullmatch(r"[0-9]+|0x[0-9a-f]*", last))
    return True
