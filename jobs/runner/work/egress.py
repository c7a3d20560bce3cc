"""The network guard (SSRF): only public addresses, for requests with users' own stores.

It checks in Python's sockets, which aiohttp, botocore, requests and asyncio use. It checks the
very address that is connected to, so DNS rebinding does not help. It guards against addresses in
a request, not against a user's own code.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from ..system.environment import PROXIES

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_resolve = socket.getaddrinfo
"""Not guarded: it answers which addresses are meant, and opens no connection to them."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
_NEVER = [
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "fec0::/10")
]
"""Not public either, but `ipaddress` of Python 3.11 calls some addresses in them global. In the
first is a cloud's service for metadata (192.0.0.192)."""


class Policy:
    """Which addresses may be connected to: public ones, configured networks, and the very
    endpoints (address and port) of the operators' stores that the request names."""

    def __init__(self, egress: dict[str, Any], *, operators_stores: Any = None):
        self.is_active = bool(egress.get("deny_private"))
        networks = egress.get("allow_networks") or []
        self._allowed = [ipaddress.ip_network(network) for network in networks]
        self._endpoints = set(_resolved(operators_stores)) if self.is_active else set()

    def allows(self, host: str, port: int | None = None) -> bool:
        """Whether a connection to this literal address may be made; without a port: to any."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        inner = _embedded(address)
        if any(inner == ip and port in (None, known) for ip, known in self._endpoints):
            return True
        return any(inner in network for network in self._allowed) or (
            inner.is_global
            and not inner.is_multicast
            and not inner.is_reserved
            and not inner.is_private
            and not any(inner in network for network in _NEVER)
        )

    def check(self, host: str, port: int | None = None) -> None:
        if not self.allows(host, port):
            raise PermissionError(f"connections to {host} are not allowed")


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


class NotAllowed(ValueError):
    """The request names an address to which no connection is allowed."""

    status_code = 400


def check_named(params: Any, policy: Policy) -> None:
    """Refuse addresses named in store parameters at once, not after a client's many retries."""
    for host, port in _endpoints(params):
        found = _addresses(host)
        if found and not any(policy.allows(address, port) for address in found):
            raise NotAllowed(f"connections to {host} are not allowed")


def _own_params(request: dict[str, Any]) -> list[Any]:
    """The store parameters that the caller gave in the request itself."""
    inputs = request.get("input_configs")
    configs = [request.get("input_config"), request.get("output_config")]
    configs += inputs if isinstance(inputs, list) else []
    return [config.get("store_params") for config in configs if isinstance(config, dict)]


def _resolved(params: Any) -> Iterator[tuple[Address, int]]:
    for host, port in _endpoints(params):
        for address in _addresses(host):
            yield _embedded(ipaddress.ip_address(address.partition("%")[0])), port


def _addresses(host: str) -> list[str]:
    try:
        return [entry[4][0] for entry in _resolve(host, None)]
    except (OSError, UnicodeError):
        return []


def _endpoints(value: Any) -> Iterator[tuple[str, int]]:
    """Host and port of every URL in store parameters."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _endpoints(item)
    elif isinstance(value, str) and value.startswith(("http://", "https://")):
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
        except ValueError:
            return
        if host:
            yield host, port or (443 if parts.scheme == "https" else 80)


@contextlib.contextmanager
def guarded(
    egress: dict[str, Any] | None, *, request: dict[str, Any], stores: dict[str, Any]
) -> Iterator[None]:
    """Within this context sockets obey the policy; None and inactive ones change nothing.

    Addresses that `request` names itself are checked beforehand; the endpoints of `stores`,
    which operators configured, may be reached wherever they are.
    """
    policy = Policy(egress, operators_stores=stores) if egress else None
    if policy is None or not policy.is_active:
        yield
        return
    check_named(_own_params(request), Policy(egress or {}))
    guard = Guard()
    guard.set(policy)
    patched = (socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo")
    saved = [(owner, name, owner.__dict__.get(name)) for owner, name in patched]
    guard.install()
    try:
        yield
    finally:
        guard.set(None)
        for owner, name, value in saved:
            if value is None:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


class Guard:
    """Checks each connection of this process against a policy that may be replaced.

    The new policy takes the place of the old one in one step, so that no connection is made
    unchecked in between. Without a policy everything is allowed.
    """

    def __init__(self) -> None:
        self._policy: Policy | None = None
        self._proxies: dict[str, str] = {}

    def set(self, policy: Policy | None) -> None:
        """Check by this policy from now on; None and inactive ones allow everything."""
        if policy is not None and policy.is_active:
            self._proxies |= {key: os.environ.pop(key) for key in PROXIES if key in os.environ}
            # GDAL has an HTTP client of its own, which does not use Python's sockets.
            os.environ["GDAL_HTTP_PROXY"] = "http://127.0.0.1:1"
            self._policy = policy
        elif self._policy is not None:
            self._policy = None
            os.environ.pop("GDAL_HTTP_PROXY", None)
            os.environ.update(self._proxies)
            self._proxies = {}

    def install(self) -> None:
        """Check what this process connects to from now on."""
        _install(lambda: self._policy)


def _install(current: Callable[[], Policy | None]) -> None:
    resolve = socket.getaddrinfo
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(sock: socket.socket, address: Any) -> Any:
        """The address to connect to: a name is resolved here, so that it is checked."""
        policy = current()
        if policy is None:
            return address
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            raise PermissionError("connections to local sockets are not allowed")
        host = address[0]
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            found = resolve(host, address[1], sock.family, sock.type)
            host = found[0][4][0]
            address = (host, *address[1:])
        policy.check(host, address[1])
        return address

    def guarded_connect(self: socket.socket, address: Any) -> None:
        return connect(self, check(self, address))

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        return connect_ex(self, check(self, address))

    def guarded_getaddrinfo(*args: Any, **kwargs: Any) -> list:
        found = resolve(*args, **kwargs)
        policy = current()
        if policy is None:
            return found
        allowed = [entry for entry in found if policy.allows(entry[4][0])]
        if found and not allowed:
            policy.check(found[0][4][0])
        return allowed

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_getaddrinfo
