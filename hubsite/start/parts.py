"""The parts (processes) of the hub, and the environment with which each is started."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings

from hubsite.engines.settings import hub

from ..configuration.reading import BASE_DIR, read
from ..configuration.reading import environment as own_environment
from ..configuration.table import SETTINGS
from ..coordination import queues
from ..engines.local.paths import (
    control_socket,
    estimate_socket,
    runs_dir,
    services_dir,
    stores_socket,
    viewer_files,
)
from .process_supervisor import Part
from .secrets import derived_secret

WEB, WORKER, OUTSIDE, OBSERVER, RUNNER, EDGE = NAMES = (
    "web",
    "worker",
    "outside",
    "observer",
    "runner",
    "edge",
)

_QUEUES = {WORKER: queues.PROMPT, OUTSIDE: queues.OUTSIDE}
"""Names the queue that a part serves; django-q reads it at import."""

# The runner executes users' code, so it gets none of the hub's secrets. The edge reads what
# strangers send, so it gets the one that it needs.
_RUNNER_KEEPS = {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
    "PROJ_DATA", "PROJ_LIB", "GDAL_DATA", "GDAL_DRIVER_PATH", "MPLCONFIGDIR", "MALLOC_ARENA_MAX",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}  # fmt: skip
_RUNNER_KEEPS_PREFIXES = ("LC_", "NUMBA_", "DASK_")


def wanted(only: Collection[str], without: Collection[str]) -> list[str]:
    """The names of the parts to run here, in the order of their start."""
    return [
        name
        for name in NAMES
        if (not only or name in only)
        and name not in without
        and (name != RUNNER or _needs_runner())
    ]


def _needs_runner() -> bool:
    """Whether the runner runs here: for the jobs, or at least for estimates."""
    return hub.engine == "local" or not hub.estimator_url


def has_xcube() -> bool:
    python = hub.xcube_python
    return python is not None and os.access(python, os.X_OK)


def make_part(name: str, *, environment: Mapping[str, str]) -> Part:
    """The part called `name`; `environment` is that of the hub."""
    if name == RUNNER:
        return Part(
            name,
            _runner_argv(),
            runner_environment(environment),
            BASE_DIR,
            umask=settings.ORIGINAL_UMASK,  # the operator's umask decides who can read cubes
        )
    if name == EDGE:
        return Part(name, _edge_argv(environment), _edge_environment(environment), BASE_DIR)
    hub = [sys.executable, "-m", "hubsite.cli"]
    argv = {
        WEB: [sys.executable, "-m", "gunicorn", "-c", "python:hubsite.web.gunicorn_config",
              "hubsite.web.wsgi:application"],
        WORKER: [*hub, "qcluster"],
        OUTSIDE: [*hub, "qcluster", "--name", queues.OUTSIDE],
        OBSERVER: [*hub, "observe"],
    }[name]  # fmt: skip
    own = {"PYTHONUNBUFFERED": "1"}
    if name in _QUEUES:
        own["Q_CLUSTER_NAME"] = _QUEUES[name]
    return Part(name, argv, {**environment, **own}, BASE_DIR)


def _runner_argv() -> list[str]:
    return [
        str(hub.xcube_python), "-m", "jobs.runner", "serve",
        "--socket", str(control_socket()),
        "--estimate-socket", str(estimate_socket()),
        "--stores-socket", str(stores_socket()),
        "--runs-dir", str(runs_dir()),
        "--services-dir", str(services_dir()),
        "--estimators", str(hub.estimators),
        "--store-readers", str(hub.store_readers),
    ]  # fmt: skip


def runner_environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {
        key: value
        for key, value in environment.items()
        if key in _RUNNER_KEEPS or key.startswith(_RUNNER_KEEPS_PREFIXES)
    }
    return {**kept, "PYTHONPATH": str(BASE_DIR), "PYTHONUNBUFFERED": "1"}


def edge_secret() -> str:
    """The secret by which the edge and the hub know each other."""
    return settings.HUB["XCUBE_HUB_EDGE_SECRET"] or derived_secret(
        settings.SECRET_KEY, "xcube-hub edge"
    )


def _edge_argv(environment: Mapping[str, str]) -> list[str]:
    """How the edge is started. It reads no settings, so it gets what the other parts read."""
    values = settings_in(environment)
    address = values["XCUBE_HUB_EDGE_ADDRESS"]
    address = f"[{address}]" if ":" in address else address
    return [
        sys.executable, "-m", "services.edge",
        "--listen", f"{address}:{values['XCUBE_HUB_EDGE_PORT']}",
        "--hub", values["XCUBE_HUB_CALLBACK_URL"].removesuffix("/api/v2"),
        "--public-url", values["XCUBE_HUB_EDGE_URL"],
        "--viewer-files", str(viewer_files()),
    ]  # fmt: skip


def settings_in(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings that a part reads if it is started with this environment."""
    return read(SETTINGS, {**own_environment(), **environment}).values


def _edge_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {**runner_environment(environment), "XCUBE_HUB_EDGE_SECRET": edge_secret()}
