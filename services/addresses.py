"""The addresses of services at the edge: a host of its own for each, or a path.

`XCUBE_HUB_EDGE_URL` with `*.` gives every instance the host `<instance id>.<host>`; without it,
all share one host and the instance id is the first part of the path.
"""

from __future__ import annotations

from .models import Kind, ServiceInstance
from .settings import hub

_WILDCARD = "://*."


def path_of(instance_id: str) -> str:
    """The path of all URLs of a new instance: empty if it has a host of its own."""
    return "" if _WILDCARD in hub.edge_url else f"/{instance_id}"


def base_url(instance: ServiceInstance) -> str:
    """Scheme, host and path of an instance, without a slash at the end."""
    host = hub.edge_url.rstrip("/").replace(_WILDCARD, f"://{instance.instance_id}.")
    return f"{host}{path_of(instance.instance_id)}"


def server_url(instance: ServiceInstance) -> str:
    """Where clients of the instance's API begin."""
    return base_url(instance)


def first_path(instance: ServiceInstance) -> str:
    """The path below the base that a person sees first: the viewer, or what it says of itself."""
    return "/viewer/" if instance.kind == Kind.XCUBE_SERVER else "/"


def viewer_url(instance: ServiceInstance) -> str:
    """The page of the viewer that the instance brings."""
    return f"{base_url(instance)}/viewer/"
