"""What a stored configuration shows: its stores, and the datasets in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from jobs.stores.catalogue import StoreCatalogue
from jobs.stores.store import Store
from services.models import ServiceProfile

SEPARATOR = "~"
"""xcube makes the id of a dataset without Identifier of its store, this, and its path."""

ALL_OF_A_STORE: Mapping[str, Any] = {"Path": "*"}


@dataclass(frozen=True)
class ShownStore:
    """One entry of DataStores: `name` in the catalogue, and the entries of its Datasets."""

    identifier: str
    name: str
    datasets: list[Mapping[str, Any]] = field(default_factory=list)

    def shows(self, data_id: str) -> bool:
        """Whether one of its entries is this dataset, or a wildcard for it."""
        return any(matches(dataset["Path"], data_id) for dataset in self.datasets)


def shown_stores(configuration: Mapping[str, Any]) -> list[ShownStore]:
    """The stores of a checked configuration with their datasets, also those of `Datasets`.

    A store without a list of datasets shows all that it holds, unless datasets of `Datasets`
    are in it.
    """
    stores: dict[str, ShownStore] = {}
    open_stores = set()
    for entry in configuration.get("DataStores", ()):
        identifier = store_identifier(entry)
        stores[identifier] = ShownStore(identifier, entry["StoreId"][1:])
        if "Datasets" in entry:
            stores[identifier].datasets.extend(entry["Datasets"])
        else:
            open_stores.add(identifier)
    for dataset in configuration.get("Datasets", ()):
        identifier = dataset["StoreInstanceId"].removeprefix("@")
        # A name with `@` needs no entry in DataStores. `checks.py` refuses one for another store.
        stores.setdefault(identifier, ShownStore(identifier, identifier))
        own = {name: value for name, value in dataset.items() if name != "StoreInstanceId"}
        stores[identifier].datasets.append(own)
    for identifier in open_stores:
        if not stores[identifier].datasets:
            stores[identifier].datasets.append(ALL_OF_A_STORE)
    return list(stores.values())


def store_identifier(entry: Mapping[str, Any]) -> str:
    """The Identifier of an entry of DataStores; without one, the name of its store."""
    return entry.get("Identifier") or entry["StoreId"][1:]


def is_wildcard(path: str) -> bool:
    return "*" in path or "?" in path


def matches(path: str, data_id: str) -> bool:
    """Whether the Path of an entry is this dataset, or a wildcard for it, as xcube matches."""
    return path == data_id or (is_wildcard(path) and fnmatchcase(data_id, path))


def dataset_id(store: ShownStore, dataset: Mapping[str, Any]) -> str:
    """The id of an entry's dataset in the server; of a wildcard, the pattern of its ids."""
    return dataset.get("Identifier") or f"{store.identifier}{SEPARATOR}{dataset['Path']}"


def dataset_ids(configuration: Mapping[str, Any]) -> list[str]:
    """The ids of all datasets of a checked configuration, in its order."""
    return [
        dataset_id(store, dataset)
        for store in shown_stores(configuration)
        for dataset in store.datasets
    ]


def usable_stores(catalogue: StoreCatalogue, profile: ServiceProfile | None) -> Iterator[Store]:
    """The stores whose data a server of this profile may show."""
    for store in catalogue:
        if why_not(store, profile) is None:
            yield store


def why_not(store: Store | None, profile: ServiceProfile | None) -> str | None:
    """Why a server of this profile may not show data of the store; None if it may."""
    if store is None:
        return "the store does not exist"
    if not store.readable:
        return "the store cannot be read"
    if store.store_id == "memory":
        return "the store is kept in the memory of one process"
    if profile is not None and profile.stores and store.name not in profile.stores:
        return f"the profile {profile.name} does not show this store"
    return None
