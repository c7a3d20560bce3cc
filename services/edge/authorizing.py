"""What a gateway of the cluster's own asks: may this request pass? (Forward authentication.)

The gateway sends headers of the request to `/.xcube-hub/authorize`, and passes the request on by
itself if the answer is 200. It says in one of three ways which request it means:

- the Gateway API's ExternalAuth appends the request's path, and keeps its Host;
- ingress-nginx sends the URL as X-Original-URL;
- Traefik sends X-Forwarded-Host and X-Forwarded-Uri.

A client that asks itself learns only what its own credential opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .answers import Refused
from .refusals import CLOSED
from .targets import OWN, BadTarget, Target, read_target

AUTHORIZE = f"/{OWN}/authorize"


def asks_for(target: Target) -> bool:
    """Whether this is a gateway's question."""
    return target.raw_path == AUTHORIZE or target.raw_path.startswith(f"{AUTHORIZE}/")


def read_asked(target: Target, headers: Mapping[str, str]) -> tuple[str, Target]:
    """The host and the target of the request that is meant. Raises Refused or BadTarget."""
    rest = target.raw_path.removeprefix(AUTHORIZE)
    if rest:
        query = f"?{target.query}" if target.query else ""
        return headers.get("Host", ""), read_target(rest + query)
    if url := headers.get("X-Original-URL"):
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise BadTarget("X-Original-URL is not a URL") from error
        query = f"?{parts.query}" if parts.query else ""
        return parts.netloc, read_target((parts.path or "/") + query)
    if uri := headers.get("X-Forwarded-Uri"):
        return headers.get("X-Forwarded-Host", ""), read_target(uri)
    raise Refused(CLOSED)
