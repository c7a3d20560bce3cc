"""Rules of endpoints of callers' own stores: public hosts only, no host near the hub (SSRF).

Here only the text of a host name is checked. The run checks the addresses when it connects.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

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
_NAT64 = ip_network("64:ff9b::/96")


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
        return None if _is_public(address) or _is_opened(address, networks) else refused
    if not _HOST.fullmatch(host):
        return "expected a host name of letters, digits, '-' and '.'"
    if _is_disguised_address(host):
        return "expected an IP address in its usual notation, or a host name"
    if host == "localhost" or host.endswith(".localhost"):
        loopback = (IPv4Address("127.0.0.1"), IPv6Address("::1"))
        return None if any(_is_opened(a, networks) for a in loopback) else refused
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


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that is embedded in an IPv6 address, if there is one."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo:
            inner = address.teredo[1]
        return inner or address
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return all(
        a.is_global and not (a.is_multicast or a.is_reserved or a.is_unspecified)
        for a in {_embedded(address)}
    )


def _is_opened(address: IPv4Address | IPv6Address, networks: Sequence[str]) -> bool:
    address = _embedded(address)
    opened = [ip_network(network, strict=False) for network in networks]
    return any(address.version == net.version and address in net for net in opened)
