"""Checks what could lead the outside to the edge: Gateway API, Traefik, Ingress controllers.

The hub needs none of them for itself: its own edge decides who may open a service. Operators need
one for TLS and host names. Discovery is open to every account of a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..client import Refused
from ..routes import ROUTES, Route
from .rows import Place, Row, failed, is_denied, ok, warning

_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
LEGACY = "k8s.io/ingress-nginx"
"""The controller that is not maintained since March 2026."""


def check_gateways(place: Place) -> Iterator[Row]:
    """One row for what is available, and one for the chosen kind of routes, if there is one."""
    chosen = place.options.routes.kind if place.options.routes else "none"
    found = {name: route for name, route in ROUTES.items() if _is_served(place, route)}
    yield place.row("gateways", lambda: _available(place, found))
    if chosen != "none":
        yield place.row(f"routes {chosen}", lambda: _chosen(place, chosen, found))


def _available(place: Place, found: dict[str, Route]) -> Row:
    names = [found[name].title for name in found if name != "ingress"]
    classes, is_legacy = _ingress_classes(place)
    names += [f"Ingress ({text})" for text in classes]
    shown = ", ".join(names) or "none"
    if is_legacy:
        return warning(
            "gateways",
            shown,
            "ingress-nginx is not maintained since March 2026: move to a Gateway or to another "
            "Ingress controller.",
        )
    return ok("gateways", shown)


def _chosen(place: Place, chosen: str, found: dict[str, Route]) -> Row:
    what, route = f"routes {chosen}", ROUTES[chosen]
    if chosen in found:
        return ok(what, f"the cluster has {route.title}")
    return failed(
        what,
        f"the cluster has no {route.title}",
        f"Install {route.needs}, or set XCUBE_HUB_SERVICE_ROUTES=none: the hub's own edge needs no "
        "routes.",
    )


def _is_served(place: Place, route: Route) -> bool:
    """Whether the API server knows all resources of these routes."""
    for resource in route.resources:
        try:
            answer = place.api.get(f"/apis/{resource.group}/{resource.version}")
        except Refused:
            return False
        if resource.plural not in {known.get("name") for known in answer.get("resources") or []}:
            return False
    return True


def _ingress_classes(place: Place) -> tuple[list[str], bool]:
    """The Ingress classes, as far as the account may see them, and whether one is legacy."""
    try:
        items = place.api.get(_CLASSES).get("items") or []
    except Refused as refused:
        if is_denied(refused):
            return ["its classes are not shown to the hub"], False
        raise
    names = [item["metadata"]["name"] for item in items]
    return names, any(item["spec"].get("controller") == LEGACY for item in items)
