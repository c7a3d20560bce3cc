"""Makes the Kubernetes engine from the settings."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from hubsite.engines.settings import hub

from .connection import Source, choose_source
from .engine import KubernetesEngine
from .pod_options import PodOptions, Volume
from .routes import RouteOptions


def make_engine(name: str) -> KubernetesEngine:
    """The engine. It connects at its first call; without a cluster, each call raises an error."""
    return KubernetesEngine(
        name=name,
        source=source,
        options=pod_options(),
        places=hub.pod_places,
        services=hub.pod_services,
    )


def source() -> Source:
    """Raises NotConfigured."""
    return choose_source(
        run_local=hub.run_local,
        kubeconfig=hub.kubeconfig,
        context=hub.kube_context,
        namespace=hub.namespace,
    )


def pod_options() -> PodOptions:
    """The operators' options of pods. Raises ValueError if one that names a volume is invalid."""
    return PodOptions(
        image=hub.pod_image,
        instance=hub.instance,
        pull_policy=hub.pod_pull_policy,
        pull_secrets=hub.pod_pull_secrets,
        python=hub.pod_python,
        env_secret=hub.pod_env_secret,
        env_config_map=hub.pod_env_config_map,
        volumes=[Volume.parse(text) for text in hub.pod_volumes],
        annotations=hub.pod_annotations,
        node_selector=hub.pod_node_selector,
        tolerations=hub.pod_tolerations,
        priority_class=hub.pod_priority_class,
        runtime_class=hub.pod_runtime_class,
        user_id=hub.pod_user_id,
        cpu_request=hub.pod_cpu_request,
        cpu_limit=hub.pod_cpu_limit,
        scratch_bytes=hub.pod_scratch_bytes,
        retries=hub.pod_retries,
        pending_s=hub.pod_pending_s,
        service_pending_s=hub.service_pending_s,
        workspace=_workspace(hub.service_workspace),
        reaches_pods=hub.service_address == "pod",
        routes=_routes(),
    )


def _routes() -> RouteOptions | None:
    """Raises ValueError if they lack something."""
    if hub.service_routes == "none":
        return None
    if not hub.service_routes_via:
        raise ValueError(
            f"XCUBE_HUB_SERVICE_ROUTES={hub.service_routes} needs XCUBE_HUB_SERVICE_ROUTES_VIA"
        )
    host = settings.HUB["XCUBE_HUB_EDGE_URL"].partition("://")[2].partition(":")[0]
    return RouteOptions(
        kind=hub.service_routes,
        host=host,
        via=hub.service_routes_via,
        edge_url=hub.service_routes_edge,
    )


def _workspace(text: str | None) -> Volume | None:
    """Raises ValueError."""
    return replace(Volume.parse(text), per_user=True) if text else None
