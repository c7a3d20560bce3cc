"""The Kubernetes engine as the settings describe it."""

from __future__ import annotations

from django.conf import settings

from .connection import Source, choose_source
from .engine import KubernetesEngine
from .pod_options import PodOptions, Volume


def make_engine(name: str) -> KubernetesEngine:
    """Connects to nothing yet: where no cluster can be chosen, each call says so."""
    return KubernetesEngine(
        name=name,
        source=source,
        options=pod_options(),
        places=settings.HUB["XCUBE_HUB_POD_PLACES"],
    )


def source() -> Source:
    """Raises NotConfigured."""
    hub = settings.HUB
    return choose_source(
        run_local=hub["XCUBE_HUB_RUN_LOCAL"],
        kubeconfig=hub["KUBECONFIG"],
        context=hub["XCUBE_HUB_KUBE_CONTEXT"],
        namespace=hub["XCUBE_HUB_NAMESPACE"],
    )


def pod_options() -> PodOptions:
    """Raises ValueError where XCUBE_HUB_POD_VOLUMES cannot be understood."""
    hub = settings.HUB
    return PodOptions(
        image=hub["XCUBE_HUB_POD_IMAGE"],
        instance=hub["XCUBE_HUB_INSTANCE"],
        pull_policy=hub["XCUBE_HUB_POD_PULL_POLICY"],
        pull_secrets=hub["XCUBE_HUB_POD_PULL_SECRETS"],
        python=hub["XCUBE_HUB_POD_PYTHON"],
        env_secret=hub["XCUBE_HUB_POD_ENV_SECRET"],
        env_config_map=hub["XCUBE_HUB_POD_ENV_CONFIG_MAP"],
        volumes=[Volume.parse(text) for text in hub["XCUBE_HUB_POD_VOLUMES"]],
        annotations=hub["XCUBE_HUB_POD_ANNOTATIONS"],
        node_selector=hub["XCUBE_HUB_POD_NODE_SELECTOR"],
        tolerations=hub["XCUBE_HUB_POD_TOLERATIONS"],
        priority_class=hub["XCUBE_HUB_POD_PRIORITY_CLASS"],
        runtime_class=hub["XCUBE_HUB_POD_RUNTIME_CLASS"],
        user_id=hub["XCUBE_HUB_POD_USER_ID"],
        cpu_request=hub["XCUBE_HUB_POD_CPU_REQUEST"],
        cpu_limit=hub["XCUBE_HUB_POD_CPU_LIMIT"],
        scratch_bytes=hub["XCUBE_HUB_POD_SCRATCH_BYTES"],
        retries=hub["XCUBE_HUB_POD_RETRIES"],
        pending_s=hub["XCUBE_HUB_POD_PENDING_S"],
    )
