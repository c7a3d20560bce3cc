"""Datasets that a server cannot show: told by the server itself, or left out by the hub."""

from __future__ import annotations

from jobs.stores.catalogue import StoresFileError, load_catalogue

from ..models import ServiceInstance
from .payload import left_out


def broken_datasets(instance: ServiceInstance) -> dict[str, str]:
    """Ids of datasets and stores, each with the reason. Its `document` should be loaded."""
    try:
        catalogue = load_catalogue()
    except StoresFileError:
        return dict(instance.broken)  # no server starts now; those that run are as they were
    configuration = instance.document.configuration
    return {**left_out(configuration, catalogue, instance.profile), **instance.broken}
