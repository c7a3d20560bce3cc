"""Routes of services for clusters whose own gateway leads to them, instead of the hub's edge. Pure.

The gateway asks the edge for each request whether it may pass (`/.xcube-hub/authorize`), and takes
our cookie and token away before it passes the request on. What is below `/.xcube-hub` and
`/maintenance` it leaves to the edge. The rest of the edge's work is lost: limits, and that open
requests and WebSockets end when a right ends. So the default is the edge alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..specs import Service
from .resources import Resource

Json = dict[str, Any]

EDGE, EDGE_PORT = "xcube-hub-edge", 8081
AUTHORIZE = "/.xcube-hub/authorize"
OWN = "/.xcube-hub"
HIDDEN = ("Cookie", "Authorization")
"""Headers that never reach a service."""
_VERBS = ("create", "get", "update")

HTTP_ROUTES = Resource("gateway.networking.k8s.io", "httproutes", _VERBS)
MIDDLEWARES = Resource("traefik.io", "middlewares", _VERBS, version="v1alpha1")
INGRESS_ROUTES = Resource("traefik.io", "ingressroutes", _VERBS, version="v1alpha1")
INGRESSES = Resource("networking.k8s.io", "ingresses", _VERBS)


@dataclass(frozen=True)
class RouteOptions:
    """Which routes are made.

    `host` is the public host of services, with `*.` if each has its own. `via` is the Gateway
    (`namespace/name`), Traefik's entry point, or the Ingress class. `edge_url` is where the gateway
    reaches the edge.
    """

    kind: str
    host: str
    via: str
    edge_url: str

    def host_of(self, service: Service) -> str:
        return self.host.replace("*.", f"{service.name}.")


@dataclass(frozen=True)
class Route:
    """One kind of routes: the resources that it needs, and what makes its objects' content."""

    title: str
    needs: str
    resources: tuple[Resource, ...]
    build: Callable[[Service, RouteOptions], list[tuple[Resource, Json]]]


def routes(service: Service, options: RouteOptions) -> list[tuple[Resource, Json]]:
    """The objects of the chosen kind, without names and labels."""
    return ROUTES[options.kind].build(service, options)


def _gateway(service: Service, options: RouteOptions) -> list[tuple[Resource, Json]]:
    """An HTTPRoute with the filter ExternalAuth (GEP-1494, experimental channel)."""
    namespace, _, name = options.via.rpartition("/")
    parent = {"name": name, **({"namespace": namespace} if namespace else {})}
    edge = {"name": EDGE, "port": EDGE_PORT}
    authorize = {
        "type": "ExternalAuth",
        "externalAuth": {
            "protocol": "HTTP",
            "backendRef": edge,
            "http": {"path": AUTHORIZE, "allowedHeaders": ["Cookie", *_ASKED]},
        },
    }
    hide = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [*HIDDEN]}}
    spec = {
        "parentRefs": [parent],
        "hostnames": [options.host_of(service)],
        "rules": [
            {"matches": _paths(service, OWN, "/maintenance"), "backendRefs": [edge]},
            {
                "matches": _paths(service, "/"),
                "filters": [authorize, hide],
                "backendRefs": [{"name": service.name, "port": service.port}],
            },
        ],
    }
    manifest = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec}
    return [(HTTP_ROUTES, manifest)]


def _paths(service: Service, *paths: str) -> list[Json]:
    return [
        {"path": {"type": "PathPrefix", "value": f"{service.path}{path}".rstrip("/") or "/"}}
        for path in paths
    ]


def _traefik(service: Service, options: RouteOptions) -> list[tuple[Resource, Json]]:
    """A Middleware ForwardAuth, one that hides headers, and an IngressRoute that uses both."""
    version = "traefik.io/v1alpha1"
    edge = {"name": EDGE, "port": EDGE_PORT}
    authorize, hide = service.name, f"{service.name}-hide"
    host = f"Host(`{options.host_of(service)}`)"
    closed = " || ".join(f"PathPrefix(`{service.path}{p}`)" for p in (OWN, "/maintenance"))
    middlewares = {
        authorize: {
            "forwardAuth": {
                "address": f"{options.edge_url}{AUTHORIZE}",
                "authRequestHeaders": [*HIDDEN, *_ASKED],
            }
        },
        hide: {"headers": {"customRequestHeaders": dict.fromkeys(HIDDEN, "")}},
    }
    spec = {
        "entryPoints": [options.via],
        "routes": [
            {
                "match": f"{host} && ({closed})",
                "kind": "Rule",
                "services": [edge],
                "priority": 1000,
            },
            {
                "match": f"{host} && PathPrefix(`{service.path or '/'}`)",
                "kind": "Rule",
                "middlewares": [{"name": authorize}, {"name": hide}],
                "services": [{"name": service.name, "port": service.port}],
                "priority": 10,
            },
        ],
    }
    return [
        *(
            (MIDDLEWARES, {"apiVersion": version, "kind": "Middleware", "metadata": {"name": name},
                           "spec": spec})
            for name, spec in middlewares.items()
        ),
        (INGRESS_ROUTES, {"apiVersion": version, "kind": "IngressRoute", "spec": spec}),
    ]  # fmt: skip


def _ingress(service: Service, options: RouteOptions) -> list[tuple[Resource, Json]]:
    """Two Ingresses with annotations of ingress-nginx, which is retired: legacy only.

    Its annotations hold for all paths of an Ingress, so what the edge answers is in another one.
    """
    prefix = "nginx.ingress.kubernetes.io"
    annotations = {
        f"{prefix}/auth-url": f"{options.edge_url}{AUTHORIZE}",
        # A controller that forbids snippets refuses the Ingress: better than to leak a cookie.
        f"{prefix}/configuration-snippet": "".join(
            f'proxy_set_header {name} "";\n' for name in HIDDEN
        ),
        f"{prefix}/proxy-read-timeout": "3600",
    }
    own = {"service": {"name": service.name, "port": {"number": service.port}}}
    edge = {"service": {"name": EDGE, "port": {"number": EDGE_PORT}}}
    closed = [(f"{service.path}{path}", edge) for path in (OWN, "/maintenance")]
    return [
        _one_ingress(service, options, [(service.path or "/", own)], annotations=annotations),
        _one_ingress(service, options, closed, name=f"{service.name}-edge"),
    ]


def _one_ingress(
    service: Service,
    options: RouteOptions,
    backends: Sequence[tuple[str, Json]],
    *,
    name: str = "",
    annotations: Mapping[str, str] | None = None,
) -> tuple[Resource, Json]:
    paths = [{"path": path, "pathType": "Prefix", "backend": backend} for path, backend in backends]
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name or service.name, "annotations": dict(annotations or {})},
        "spec": {
            "ingressClassName": options.via,
            "rules": [{"host": options.host_of(service), "http": {"paths": paths}}],
        },
    }
    return INGRESSES, manifest


_ASKED = ("Accept", "Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
"""Further headers by which the edge judges a request."""

ROUTES: Mapping[str, Route] = {
    "gateway": Route(
        "Gateway API",
        "the Gateway API (experimental channel) and a gateway that knows the filter ExternalAuth",
        (HTTP_ROUTES,),
        _gateway,
    ),
    "traefik": Route("Traefik", "Traefik", (MIDDLEWARES, INGRESS_ROUTES), _traefik),
    "ingress": Route(
        "Ingress", "an Ingress controller with ingress-nginx's annotations", (INGRESSES,), _ingress
    ),
}
