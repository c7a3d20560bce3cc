"""Checks the meaning of a configuration whose structure is right: names, texts, references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hubsite.refusals import FieldError
from hubsite.visible_text import hidden_fault
from jobs.request.accessors import open_param_faults
from jobs.request.json_rules import member, size_faults
from jobs.request.paths import path_fault
from jobs.stores.catalogue import StoreCatalogue
from jobs.stores.store import FILE_SYSTEM_TYPES, Store
from services.models import ServiceProfile

from . import schema
from .colors import color_map_faults, style_faults
from .shown import is_wildcard, store_identifier, usable_stores

MAX_WILDCARDS = 10
LISTED_TYPES = FILE_SYSTEM_TYPES | {"reference"}
"""Stores whose datasets can be listed without asking a catalogue of millions."""

Configuration = Mapping[str, Any]


def text_faults(configuration: Configuration) -> Iterator[FieldError]:
    """Texts that would be interpreted: by xcube's templates, or by a browser.

    xcube puts variables of the environment for `$NAME` in its files, and evaluates `${…}` in some
    places; the viewer shows attributions as HTML. Works without recursion.
    """
    pending: list[tuple[str, Any, bool]] = [("", configuration, False)]
    while pending:
        path, value, is_html = pending.pop()
        if isinstance(value, dict):
            for key, item in reversed(value.items()):
                place = member(path, key)
                pending.append((place, key, False))
                pending.append(
                    (place, item, is_html or "Attribution" in key or key == "ServiceProvider")
                )
        elif isinstance(value, list):
            pending += [(f"{path}[{i}]", item, is_html) for i, item in enumerate(value)][::-1]
        elif isinstance(value, str) and (fault := _text_fault(path, value, is_html=is_html)):
            yield FieldError(path, fault)


def _text_fault(path: str, text: str, *, is_html: bool) -> str | None:
    if "$" in text:
        return "expected text without $, because xcube would put something else in its place"
    if is_html and any(character in text for character in "<>&"):
        return "expected text without <, > and &, because it is shown as HTML"
    if path.endswith("Description"):
        text = text.replace("\n", " ")
    return hidden_fault(text)


def meaning_faults(
    configuration: Configuration, catalogue: StoreCatalogue, profile: ServiceProfile | None
) -> Iterator[FieldError]:
    """Faults of meaning; the structure and the texts are right."""
    if not configuration.get("DataStores") and not configuration.get("Datasets"):
        yield FieldError("DataStores", "missing; expected a store, or Datasets")
    yield from _double_faults(configuration)
    yield from _store_faults(configuration, catalogue, profile)
    styles = {style["Identifier"] for style in configuration.get("Styles", ())}
    groups = {group["Identifier"] for group in configuration.get("DatasetGroups", ())}
    for place, dataset in _datasets(configuration):
        yield from _dataset_faults(place, dataset, styles, groups)
    custom = {entry["Identifier"] for entry in configuration.get("CustomColorMaps", ())}
    for index, style in enumerate(configuration.get("Styles", ())):
        yield from style_faults(f"Styles[{index}]", style, custom)
    for index, color_map in enumerate(configuration.get("CustomColorMaps", ())):
        yield from color_map_faults(f"CustomColorMaps[{index}]", color_map)


def _datasets(configuration: Configuration) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, store in enumerate(configuration.get("DataStores", ())):
        for number, dataset in enumerate(store.get("Datasets", ())):
            yield f"DataStores[{index}].Datasets[{number}]", dataset
    for index, dataset in enumerate(configuration.get("Datasets", ())):
        yield f"Datasets[{index}]", dataset


def _double_faults(configuration: Configuration) -> Iterator[FieldError]:
    """Identifiers that two entries of a list have, and too many datasets altogether."""
    stores = configuration.get("DataStores", ())
    yield from _doubles("DataStores", map(store_identifier, stores))
    for name in ("Styles", "CustomColorMaps", "DatasetGroups"):
        yield from _doubles(name, (entry["Identifier"] for entry in configuration.get(name, ())))
    datasets = list(_datasets(configuration))
    if len(datasets) > schema.MAX_DATASETS:
        yield FieldError("Datasets", f"expected at most {schema.MAX_DATASETS} in all stores")
    counts = Counter(dataset.get("Identifier") for _, dataset in datasets)
    for place, dataset in datasets:
        if "Identifier" in dataset and counts[dataset["Identifier"]] > 1:
            yield FieldError(f"{place}.Identifier", "expected an Identifier that no other has")


def _doubles(name: str, identifiers: Iterable[str]) -> Iterator[FieldError]:
    seen = set()
    for index, identifier in enumerate(identifiers):
        if identifier in seen:
            yield FieldError(f"{name}[{index}].Identifier", "expected one that no other has")
        seen.add(identifier)


def _store_faults(
    configuration: Configuration, catalogue: StoreCatalogue, profile: ServiceProfile | None
) -> Iterator[FieldError]:
    usable = {store.name: store for store in usable_stores(catalogue, profile)}
    known = ", ".join(f"@{name}" for name in usable) or "none"
    expected = f"expected a store that you may show: {known}"
    by_identifier: dict[str, str] = {}
    for index, entry in enumerate(configuration.get("DataStores", ())):
        place, name = f"DataStores[{index}]", entry["StoreId"][1:]
        by_identifier[store_identifier(entry)] = name
        if name not in usable:
            yield FieldError(f"{place}.StoreId", expected)
            continue
        entries = entry.get("Datasets")
        if entries is None and usable[name].store_id not in LISTED_TYPES:
            yield FieldError(f"{place}.Datasets", "missing; expected the names of its datasets")
        for number, dataset in enumerate(entries or ()):
            yield from _place_faults(f"{place}.Datasets[{number}]", dataset, usable[name])
    for index, dataset in enumerate(configuration.get("Datasets", ())):
        place, reference = f"Datasets[{index}]", dataset["StoreInstanceId"]
        name = by_identifier.get(reference.removeprefix("@"))
        if reference.startswith("@"):
            if name not in (None, reference[1:]):
                yield FieldError(
                    f"{place}.StoreInstanceId",
                    "expected no name that is the Identifier of another store in DataStores",
                )
                continue
            name = reference[1:]
        if name is None:
            yield FieldError(
                f"{place}.StoreInstanceId",
                "expected the Identifier of an entry of DataStores, or the name of a store: "
                f"{known}",
            )
        elif name not in usable:
            yield FieldError(f"{place}.StoreInstanceId", expected)
        else:
            yield from _place_faults(place, dataset, usable[name])


def _place_faults(place: str, dataset: dict[str, Any], store: Store) -> Iterator[FieldError]:
    """Faults of what is read in the store: the path and how it is opened."""
    path = dataset["Path"]
    if is_wildcard(path):
        if store.store_id not in LISTED_TYPES:
            yield FieldError(f"{place}.Path", "expected the name of one dataset of this store")
        if path.count("*") + path.count("?") > MAX_WILDCARDS:
            yield FieldError(f"{place}.Path", f"expected at most {MAX_WILDCARDS} wildcards")
        if "Identifier" in dataset:
            yield FieldError(f"{place}.Identifier", "expected none together with a wildcard")
        path = path.replace("*", "x").replace("?", "x")
    if fault := path_fault(path):
        yield FieldError(f"{place}.Path", fault)
    if (params := dataset.get("StoreOpenParams")) is not None:
        yield from size_faults(place, dataset, "StoreOpenParams")
        yield from open_param_faults(
            f"{place}.StoreOpenParams", params, store.store_id, dataset["Path"]
        )


def _dataset_faults(
    place: str, dataset: dict[str, Any], styles: set[str], groups: set[str]
) -> Iterator[FieldError]:
    style, group = dataset.get("Style"), dataset.get("GroupId")
    if style is not None and style not in styles:
        yield FieldError(f"{place}.Style", "expected the Identifier of one of Styles")
    if group is not None and group not in groups:
        yield FieldError(f"{place}.GroupId", "expected the Identifier of one of DatasetGroups")
    if group is not None and "GroupTitle" in dataset:
        yield FieldError(f"{place}.GroupTitle", "expected none together with GroupId")
    if "BoundingBox" in dataset:
        west, south, east, north = dataset["BoundingBox"]
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            yield FieldError(
                f"{place}.BoundingBox",
                "expected [west, south, east, north] with west < east and south < north",
            )
