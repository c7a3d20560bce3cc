"""Chooses cluster, namespace and credentials: the pod's own, or those of a kubeconfig.

The choice is automatic, and settings override it. If none is possible, the error says what to set.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..outcomes import EngineUnavailable

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
DEFAULT_KUBECONFIG = "~/.kube/config"


class NotConfigured(EngineUnavailable):
    """No cluster can be chosen; the message says why, and what to set."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(f"{fault}. {remedy}")
        self.fault = fault
        self.remedy = remedy


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

    `run_local` ("1" or "0", as in the old service) overrides that choice. Raises
    NotConfigured.
    """
    is_inside = "KUBERNETES_SERVICE_HOST" in environ and (service_account / "token").is_file()
    paths = (kubeconfig or DEFAULT_KUBECONFIG).split(os.pathsep)
    found = [path for path in paths if Path(path).expanduser().is_file()]
    if run_local not in (None, "", "0", "1"):
        raise NotConfigured(
            f"XCUBE_HUB_RUN_LOCAL is {run_local!r}",
            "Set it to 1 (kubeconfig) or 0 (the pod's service account), or unset it.",
        )
    wants_file = run_local == "1" if run_local else not is_inside
    if wants_file and found:
        file = os.pathsep.join(str(Path(path).expanduser()) for path in found)
        return Source(file, context, namespace)
    if wants_file and is_inside:
        raise NotConfigured(
            f"XCUBE_HUB_RUN_LOCAL=1 asks for a kubeconfig, but this is a pod of a cluster, and "
            f"there is none at {', '.join(paths)}",
            "Unset XCUBE_HUB_RUN_LOCAL, or set it to 0, to use the pod's service account; or set "
            "KUBECONFIG to a file that is there.",
        )
    if wants_file:
        raise NotConfigured(
            f"This is not a pod of a cluster, and there is no kubeconfig at {', '.join(paths)}",
            "Set KUBECONFIG to the file that describes the cluster.",
        )
    if not is_inside:
        raise NotConfigured(
            "XCUBE_HUB_RUN_LOCAL=0 asks for the service account of a pod, but this is not a pod "
            "of a cluster, or its service account is not mounted",
            "Set XCUBE_HUB_RUN_LOCAL=1 to use a kubeconfig, or run the hub in a pod with a "
            "service account (automountServiceAccountToken: true).",
        )
    return Source(None, None, namespace)


def load(
    source: Source,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Configuration:
    """Read the client library's configuration from `source`. Raises NotConfigured."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config
    from kubernetes.config.incluster_config import InClusterConfigLoader

    configuration = Configuration()
    # The hub decides about retries; automatic ones by the library would make outages worse.
    configuration.retries = False
    # Watches, looks at parts, and eight calls of a place go on at once.
    configuration.connection_pool_maxsize = 20
    with _faults_told(source):
        if source.kubeconfig is None:
            InClusterConfigLoader(
                str(service_account / "token"), str(service_account / "ca.crt"), environ=environ
            ).load_and_set(configuration)
        else:
            _context(source)  # says better than the library which one is missing
            load_kube_config(
                config_file=source.kubeconfig,
                context=source.context,
                client_configuration=configuration,
                persist_config=False,
            )
    return configuration


def namespace_of(source: Source, *, service_account: Path = SERVICE_ACCOUNT) -> str:
    """The configured namespace, else the one that the source names, else `default`."""
    if source.namespace:
        return source.namespace
    if source.kubeconfig is None:
        file = service_account / "namespace"
        return (file.read_text().strip() if file.is_file() else "") or "default"
    return _context(source).get("namespace") or "default"


def _context(source: Source) -> Mapping[str, Any]:
    """The configured context of the kubeconfig, else its current one. Raises NotConfigured."""
    from kubernetes.config.kube_config import KubeConfigMerger

    with _faults_told(source):
        merged = KubeConfigMerger(source.kubeconfig).config.value
        contexts = {item.value["name"]: item.value["context"] for item in merged["contexts"]}
        name = source.context or merged.get("current-context")
        if name in contexts:
            return contexts[name] or {}
    known = ", ".join(contexts) or "none"
    if source.context:
        fault = f"XCUBE_HUB_KUBE_CONTEXT is {name!r}, which {source.kubeconfig} does not have"
    else:
        fault = f"{source.kubeconfig} has no current context" + (
            f" called {name!r}" if name else ""
        )
    raise NotConfigured(fault, f"Set XCUBE_HUB_KUBE_CONTEXT to one that it has: {known}.")


@contextlib.contextmanager
def _faults_told(source: Source) -> Iterator[None]:
    """Turn every error in the files into NotConfigured, without any credentials."""
    from kubernetes.config import ConfigException

    try:
        yield
    except (ConfigException, OSError) as error:
        # The library's message contains the whole faulty entry, which may contain a token.
        said = str(error).partition("{")[0].strip()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = "it is not YAML" + (f" (line {mark.line + 1})" if mark else "")
    except (ValueError, LookupError, TypeError, AttributeError):
        said = "it is not a kubeconfig"
    else:
        return
    remedy = (
        "Look at the service account of this pod."
        if source.kubeconfig is None
        else "Correct the file (kubectl config view shows it), or set KUBECONFIG to another."
    )
    raise NotConfigured(f"{source.text} cannot be used: {said}", remedy) from None
