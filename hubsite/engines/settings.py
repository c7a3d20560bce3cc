"""Settings of the engines: which one runs the jobs, and how runs reach the hub."""

from __future__ import annotations

from hubsite.configuration.bounds import GIB, LARGEST_NUMBER
from hubsite.configuration.reading import url, whole_number
from hubsite.configuration.rooms import setting

from .kubernetes.settings import KubernetesSettings
from .local.settings import LocalSettings


def _callback_url(hub: EngineSettings) -> str:
    """The URL at which runs on this machine reach the web process, without DNS or a proxy."""
    address = hub.address
    if address in ("0.0.0.0", "::", "localhost"):  # noqa: S104
        address = "127.0.0.1"
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{hub.port}/api/v2"


class EngineSettings(LocalSettings, KubernetesSettings):
    """What runs the jobs, and what answers estimates."""

    section = "Cube generation"

    run_local: str | None = setting(
        "XCUBE_HUB_RUN_LOCAL",
        str,
        None,
        default_text="none",
        choices=("0", "1"),
    )
    """The Kubernetes configuration, as in the old service: `1` is the kubeconfig, `0` the service
    account of the pod. Unset, the hub uses the one that it finds. If it is set, the engine is
    `kubernetes` unless XCUBE_HUB_ENGINE says otherwise. Shown at `GET /api/v2/`."""

    engine: str = setting(
        "XCUBE_HUB_ENGINE",
        str,
        lambda hub: "local" if hub.run_local is None else "kubernetes",
        choices=("local", "kubernetes"),
        default_text="`local`",
    )
    """What runs the jobs: `local` is this machine, `kubernetes` a cluster."""

    callback_url: str = setting(
        "XCUBE_HUB_CALLBACK_URL",
        url,
        _callback_url,
        default_text="the web process on this machine",
    )
    """Base URL at which runs reach the hub, with `/api/v2`; one that the pods of a cluster can
    reach."""

    job_memory_bytes: int = setting(
        "XCUBE_HUB_JOB_MEMORY_BYTES",
        whole_number,
        4 * GIB,
        minimum=1,
        maximum=LARGEST_NUMBER,
    )
    """Most private memory a run may use, in bytes."""

    estimator_url: str | None = setting(
        "XCUBE_HUB_ESTIMATOR_URL",
        url,
        None,
        default_text="the runner on this machine",
    )
    """Address of estimators on other machines (`deploy/kubernetes/estimator.yaml`), for instance
    `http://xcube-hub-estimator:8080`."""

    estimator_secret: str | None = setting(
        "XCUBE_HUB_ESTIMATOR_SECRET",
        str,
        None,
        default_text="none",
        secret=True,
    )
    """The secret that estimators at XCUBE_HUB_ESTIMATOR_URL require, at least 32 characters."""


hub = EngineSettings()
