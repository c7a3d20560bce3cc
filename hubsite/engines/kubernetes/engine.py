"""The engine that executes work in one namespace of a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Callable

from ..facts import RunFact
from ..specs import Run
from .cluster import Cluster
from .connection import Source
from .kinds import Kind
from .place import KubernetesPlace
from .pod_options import PodOptions
from .runs import RUNS
from .services.manifests import SERVICES
from .services.place import KubernetesServices

KINDS: tuple[Kind, ...] = (RUNS, SERVICES)
"""All kinds of work. The hub's Role and `check_cluster` follow from them."""


class KubernetesEngine:
    """The Kubernetes engine. The web process never creates one, as it has no cluster credentials.

    To add a kind of work, add a value to KINDS and a place here.
    """

    def __init__(
        self,
        *,
        name: str,
        source: Callable[[], Source],
        options: PodOptions,
        places: int,
        services: int = 100,
    ) -> None:
        self.name = name
        self.options = options
        self.cluster = Cluster(name, source)
        self.runs: KubernetesPlace[Run, RunFact] = KubernetesPlace(
            self.cluster, RUNS, options, capacity=places
        )
        self.services = KubernetesServices(self.cluster, SERVICES, options, capacity=services)
