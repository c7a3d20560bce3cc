"""Which addresses the hub may call for a user (SSRF): public ones, and allowed networks.

The address that is connected to is checked itself, after the name was resolved. So it does not
help to let a name point elsewhere meanwhile (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_NEVER = [
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "fec0::/10")
]
"""Not public either, but `ipaddress` of Python 3.11 calls some addresses in them global. In the
first is a cloud's service for metadata (192.0.0.192)."""
TRIED_ADDRESSES = 3
"""Of a name with many addresses only so many are tried, because each may hang."""


class NotPublic(OSError):
    """The name has no address that may be called; perhaps it has no address at all.

    Both are one error, because otherwise a user could find out which private names exist.
    """

    def __init__(self) -> None:
        super().__init__("no public address is known for this name")


class Reach:
    """Public addresses, and those in `networks` (CIDR)."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def allows(self, literal: str) -> bool:
        """Whether this address, written in numbers, may be called."""
        try:
            address = ipaddress.ip_address(literal.partition("%")[0])
        except ValueError:
            return False
        inner = _embedded(address)
        if any(inner in network for network in self._networks):
            return True
        return (
            inner.is_global
            and not inner.is_multicast
            and not inner.is_reserved
            and not inner.is_private
            and not any(inner in network for network in _NEVER)
        )

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connection to an allowed address of `host`. Raises NotPublic, OSError."""
        give_up = time.monotonic() + timeout_s
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise NotPublic from None
        allowed = [entry for entry in found if self.allows(str(entry[4][0]))]
        if not allowed:
            raise NotPublic
        for number, (family, kind, protocol, _, address) in enumerate(allowed, start=1):
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(max(0.1, give_up - time.monotonic()))
            try:
                sock.connect(address)
            except OSError:
                sock.close()
                if number in (len(allowed), TRIED_ADDRESSES):
                    raise
            else:
                return sock
        raise NotPublic  # never reached: the last address raised


def _embedded(address: Address) -> Address:
    """The IPv4 address that is embedded in an IPv6 address, if there is one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address.teredo:
            return address.teredo[1]
        if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
