"""Builds what the program of an xcube server gets: a full configuration, with stores and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.stores.catalogue import StoreCatalogue, load_catalogue
from services.addresses import base_url
from services.models import ServiceInstance, ServiceProfile

from .shown import dataset_id, shown_stores, why_not
from .viewer import viewer_configuration

UNCHANGED = (
    "Styles",
    "CustomColorMaps",
    "DatasetGroups",
    "DatasetAttribution",
    "DatasetChunkCacheSize",
    "EntrypointDatasetId",
    "ServiceProvider",
    "STAC",
)
"""Members that the server gets as they are stored; no other member is passed on."""


def build_payload(instance: ServiceInstance) -> dict[str, Any]:
    """The payload of an instance, with the stores and keys of the present stores file.

    Raises StoresFileError if the file cannot be read.
    """
    configuration = instance.document.configuration
    return {
        "kind": instance.kind,
        "config": server_configuration(
            configuration, load_catalogue(), instance.profile, instance.owner.username
        ),
        "viewer": viewer_configuration(instance),
        "public_url": base_url(instance),
    }


def server_configuration(
    configuration: Mapping[str, Any],
    catalogue: StoreCatalogue,
    profile: ServiceProfile | None,
    user_id: str,
) -> dict[str, Any]:
    """The configuration for xcube's server, with all stores that it may show now."""
    config: dict[str, Any] = {
        name: configuration[name] for name in UNCHANGED if name in configuration
    }
    config["DataStores"] = []
    for shown in shown_stores(configuration):
        store = catalogue.get(shown.name)
        if store is None or why_not(store, profile) is not None:
            continue  # `left_out` says so
        given = store.for_user(user_id)
        config["DataStores"].append(
            {
                "Identifier": shown.identifier,
                "StoreId": given["store_id"],
                "StoreParams": given["store_params"],
                "Datasets": [dict(dataset) for dataset in shown.datasets],
            }
        )
    return config


def left_out(
    configuration: Mapping[str, Any], catalogue: StoreCatalogue, profile: ServiceProfile | None
) -> dict[str, str]:
    """The datasets that a server does not get now, each with the reason."""
    return {
        dataset_id(shown, dataset): f"{why} (@{shown.name})"
        for shown in shown_stores(configuration)
        if (why := why_not(catalogue.get(shown.name), profile))
        for dataset in shown.datasets
    }
