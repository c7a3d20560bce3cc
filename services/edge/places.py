"""Public addresses: which instance does a request mean, and which origin is its own?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_NAME = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PATH_NAME = re.compile(rf"/({_NAME})(?=/|$)")
_PUBLIC = re.compile(r"(https?)://(\*\.)?([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an instance is reached by browsers."""

    instance: str
    origin: str
    """Scheme, host and port, as browsers send it in `Origin`."""
    path: str
    """The path of all its URLs: empty, or `/<instance>`."""

    @property
    def host(self) -> str:
        return self.origin.partition("://")[2]


class Addresses:
    """All public addresses, from one URL such as `https://*.services.example.org`.

    With `*.` each instance has a host name of its own; without it, a path of its own.
    """

    def __init__(self, public_url: str) -> None:
        """Raises ValueError if `public_url` is more or less than a scheme and a host."""
        found = _PUBLIC.fullmatch(public_url.rstrip("/"))
        if not found:
            raise ValueError(
                f"expected a URL such as https://*.services.example.org, not {public_url!r}"
            )
        self.scheme = found[1].lower()
        self.has_hosts = bool(found[2])
        self.host = found[3].lower()
        port = found[4] or ""
        default = {"http": ":80", "https": ":443"}[self.scheme]
        self.port = "" if port == default else port
        self._host_name = re.compile(rf"({_NAME})\.{re.escape(self.host)}")

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def cookie(self) -> str:
        """The name of our cookie. The prefixes bind it to this host (RFC 6265bis)."""
        if not self.is_secure:
            return "xcube-hub"
        return "__Host-xcube-hub" if self.has_hosts else "__Secure-xcube-hub"

    def find(self, host_header: str, path: str) -> Place | None:
        """The place that this host and this raw path belong to, or None."""
        host = _without_port(host_header.lower())
        if self.has_hosts:
            found = self._host_name.fullmatch(host)
            if not found:
                return None
            return Place(found[1], f"{self.scheme}://{host}{self.port}", "")
        found = _PATH_NAME.match(path)
        if host != self.host or not found:
            return None
        return Place(found[1], f"{self.scheme}://{host}{self.port}", found[0])


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def is_address(text: str) -> bool:
    """Whether an instance can be reached at `text`: `unix:/…`, or `http://host:port`."""
    if text.startswith("unix:/"):
        return "\0" not in text
    try:
        url = urlsplit(text)
        return (
            url.scheme == "http"
            and bool(url.hostname)
            and (url.port is None or url.port > 0)
            and url.path in ("", "/")
            and not (url.query or url.fragment or url.username or url.password)
        )
    except ValueError:
        return False
