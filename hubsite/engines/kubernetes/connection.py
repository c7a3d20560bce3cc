"""Which cluster, namespace and credentials: the pod's own, or those of a kubeconfig.

Chosen by itself, overridden by settings; where it cannot be chosen, a sentence says what to set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import EngineUnavailable

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = "~/.kube/config"


class NotConfigured(EngineUnavailable):
    """No cluster can be chosen; the message says what to set."""


@dataclass(frozen=True)
class Source:
    """Where the connection is described: `kubeconfig` is None within a cluster."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None

    @property
    def text(self) -> str:
        if self.kubeconfig is None:
            return "the service account of this pod"
        context = f", context {self.context}" if self.context else ""
        return f"kubeconfig {self.kubeconfig}{context}"


def choose_source(
    *,
    run_local: str | None,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Source:
    """The pod's own service account within a cluster, else the kubeconfig.

    `run_local` ("1" or "0", as in the service before) overrides that choice. Raises
    NotConfigured.
    """
    is_inside = "KUBERNETES_SERVICE_HOST" in environ and (service_account / "token").is_file()
    paths = (kubeconfig or DEFAULT_KUBECONFIG).split(os.pathsep)
    found = [path for path in paths if Path(path).expanduser().is_file()]
    if run_local not in (None, "", "0", "1"):
        raise NotConfigured(f"XCUBE_HUB_RUN_LOCAL is {run_local!r}; set it to 1, 0, or nothing.")
    wants_file = run_local == "1" if run_local else not is_inside
    if wants_file and found:
        file = os.pathsep.join(str(Path(path).expanduser()) for path in found)
        return Source(file, context, namespace)
    if wants_file and is_inside:
        raise NotConfigured(
            f"XCUBE_HUB_RUN_LOCAL=1 asks for a kubeconfig, but there is none at "
            f"{', '.join(paths)}, and this is a pod of a cluster: unset XCUBE_HUB_RUN_LOCAL (or "
            "set it to 0) to use the pod's service account, or name a file by KUBECONFIG."
        )
    if wants_file:
        raise NotConfigured(
            f"This is not a pod of a cluster, and there is no kubeconfig at {', '.join(paths)}: "
            "set KUBECONFIG to the file that describes the cluster."
        )
    if not is_inside:
        raise NotConfigured(
            "XCUBE_HUB_RUN_LOCAL=0 asks for the service account of a pod, but this is not a pod "
            "of a cluster, or its service account is not mounted: set XCUBE_HUB_RUN_LOCAL=1 to "
            "use a kubeconfig, or run the hub in a pod with a service account."
        )
    return Source(None, None, namespace)


def load(source: Source) -> Configuration:
    """What the client library needs of `source`. Raises NotConfigured."""
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

    configuration = Configuration()
    # Repeating is ours to decide: a library that repeats by itself makes outages worse.
    configuration.retries = False
    try:
        if source.kubeconfig is None:
            load_incluster_config(client_configuration=configuration)
        else:
            load_kube_config(
                config_file=source.kubeconfig,
                context=source.context,
                client_configuration=configuration,
                persist_config=False,
            )
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise NotConfigured(f"{source.text} cannot be used: {error}") from error
    return configuration


def namespace_of(source: Source, *, service_account: Path = SERVICE_ACCOUNT) -> str:
    """The configured namespace, else the one that the source names, else `default`."""
    if source.namespace:
        return source.namespace
    if source.kubeconfig is None:
        file = service_account / "namespace"
        return file.read_text().strip() if file.is_file() else "default"
    return _context(source).get("namespace") or "default"


def _context(source: Source) -> Mapping[str, Any]:
    from kubernetes.config import ConfigException, list_kube_config_contexts

    try:
        contexts, active = list_kube_config_contexts(source.kubeconfig)
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        raise NotConfigured(f"{source.text} cannot be used: {error}") from error
    named = [c for c in contexts if c["name"] == source.context] if source.context else [active]
    if not named:
        known = ", ".join(c["name"] for c in contexts)
        raise NotConfigured(
            f"XCUBE_HUB_KUBE_CONTEXT is {source.context!r}, which {source.kubeconfig} does not "
            f"have; it has: {known}."
        )
    return named[0].get("context") or {}
