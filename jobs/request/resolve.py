"""Finds the stores that a request names, and checks whether the user may use them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..estimates.cost import Price
from ..levels import levels_name
from ..stores.catalogue import StoreCatalogue
from ..stores.location import location
from ..stores.store import FILE_SYSTEM_TYPES, Store
from .accessors import (
    EXTENSIONS,
    WRITTEN_FORMATS,
    format_of,
    opener_faults,
    writer_faults,
)
from .errors import FieldError, InvalidRequest
from .own_store import display_name, own_store_faults
from .parameters import LEVELS
from .parse import CubegenRequest
from .redaction import redact


@dataclass(frozen=True)
class ResolvedRequest:
    """A request whose stores are known and allowed.

    `document` is the request for xcube's gen2. It still names catalogue stores as `@name`; the
    run looks these up in `stores`, a dictionary from name to {"store_id", "store_params"} with
    only the stores that the request names. `egress` configures the run's network guard; None if
    it needs no guard.
    """

    document: Mapping = field(repr=False)
    stores: Mapping[str, dict] = field(repr=False)
    input_prices: list[Price]
    output_store: str
    uses_own_store: bool
    egress: dict | None

    @property
    def has_user_code(self) -> bool:
        return "code_config" in self.document

    @property
    def first_input(self) -> tuple[str, str]:
        """Store, as `output_store` shows one, and data set of the first input."""
        config = self.document.get("input_config") or self.document["input_configs"][0]
        return _shown(config), config["data_id"]

    @property
    def output_data_id(self) -> str | None:
        return self.document["output_config"].get("data_id")

    @property
    def levels_data_id(self) -> str:
        """The name of the pyramid to write beside the output; "" if none is asked for."""
        params = self.document["output_config"].get("write_params", {})
        wanted = params.get(LEVELS) and self.output_data_id is not None
        return levels_name(self.output_data_id) if wanted else ""

    @property
    def may_change_existing(self) -> bool:
        """Whether the run may change a dataset that already exists at the output's location.

        Besides `replace`, some write parameters write into an existing dataset.
        """
        output = self.document["output_config"]
        params = output.get("write_params", {})
        return bool(output.get("replace")) or "append_dim" in params or "group" in params

    @property
    def can_remove_output(self) -> bool:
        """Whether the hub can remove what a failed run wrote.

        It can if the run makes a new dataset in a store of the hub. Data that was added to an
        existing dataset stays in it.
        """
        output = self.document["output_config"]
        name = output["store_id"]
        adds = {"append_dim", "group"} & set(output.get("write_params") or ())
        is_ours = name.startswith("@") and self.stores[name[1:]]["store_id"] in FILE_SYSTEM_TYPES
        return is_ours and not adds

    def for_estimate(self) -> dict:
        """The document without user code, because an estimate must not import it."""
        return {key: value for key, value in self.document.items() if key != "code_config"}

    def with_output_data_id(self, data_id: str) -> ResolvedRequest:
        """The same request, with `data_id` as its output's name if it has none."""
        if self.output_data_id is not None:
            return self
        output = {**self.document["output_config"], "data_id": data_id}
        return replace(self, document={**self.document, "output_config": output})

    def with_zarr_format(self, zarr_format: int | None) -> ResolvedRequest:
        """The same request, to be written in the Zarr format that its inputs need.

        xcube writes format 2 by default, so only another format is added.
        """
        output = self.document["output_config"]
        params = output.get("write_params", {})
        if zarr_format in (None, 2) or "zarr_format" in params:
            return self
        output = {**output, "write_params": {**params, "zarr_format": zarr_format}}
        return replace(self, document={**self.document, "output_config": output})

    def output_location(self) -> str:
        """The identity of the output's location; only one active job at a time may have it."""
        if self.output_data_id is None:
            raise ValueError("the output has no data_id yet; see with_output_data_id")
        return self.location_of(self.output_data_id)

    def location_of(self, data_id: str) -> str:
        """The identity of the location of `data_id` in the output's store."""
        output = self.document["output_config"]
        store_id = output["store_id"]
        store = self.stores[store_id[1:]] if store_id.startswith("@") else output
        return location(store, data_id)

    @cached_property
    def _redaction(self) -> tuple[dict, dict[str, object]]:
        return redact(self.document)

    def redacted_document(self) -> dict:
        """The document for showing and storing, with credentials hidden."""
        return self._redaction[0]

    def credentials(self) -> dict[str, object]:
        """The secrets that `redacted_document` hides; `unredact` puts them back."""
        return self._redaction[1]


def resolve(
    request: CubegenRequest,
    *,
    catalogue: StoreCatalogue,
    user_id: str,
    own_store_types: Sequence[str] = ("s3",),
    own_store_networks: Sequence[str] = (),
    own_store_pixels_per_punit: int = 512 * 512,
) -> ResolvedRequest:
    """Find the stores of `request`, and check that the user may use them.

    Raises InvalidRequest with every fault.
    """
    resolver = _Resolver(
        catalogue,
        tuple(own_store_types),
        tuple(own_store_networks),
        has_user_code="code_config" in request.document,
    )
    own_price = Price(own_store_pixels_per_punit, own_store_pixels_per_punit)
    prices = []
    for place, config in request.inputs:
        store = resolver.input(place, config)
        prices.append(store.price if isinstance(store, Store) else own_price)
    resolver.output("output_config", request.output)
    if resolver.faults:
        raise InvalidRequest(resolver.faults)
    guard = {"deny_private": True, "allow_networks": list(own_store_networks)}
    return ResolvedRequest(
        document=copy.deepcopy(request.document),
        stores={name: store.for_user(user_id) for name, store in resolver.named.items()},
        input_prices=prices,
        output_store=_shown(request.output),
        uses_own_store=resolver.uses_own_store,
        egress=guard if resolver.uses_own_store else None,
    )


def _shown(config: dict) -> str:
    return config["store_id"] if config["store_id"].startswith("@") else display_name(config)


class _Resolver:
    """Looks up the stores and collects faults."""

    def __init__(self, catalogue, own_store_types, own_store_networks, *, has_user_code):
        self.catalogue = catalogue
        self.has_user_code = has_user_code
        self.own_store_types = own_store_types
        self.own_store_networks = own_store_networks
        self.named: dict[str, Store] = {}
        self.uses_own_store = False
        self.faults: list[FieldError] = []

    def input(self, place: str, config: dict) -> Store | None:
        store = self._store(place, config, writes=False)
        if isinstance(store, Store):
            if store.price is None:
                self._fault(
                    f"{place}.store_id",
                    f"store '@{store.name}' has no prices: it cannot be used as an input",
                )
            self.faults += opener_faults(place, config, store.store_id)
        elif config.get("store_id") in self.own_store_types:
            self.faults += opener_faults(place, config, config["store_id"])
        return store

    def output(self, place: str, config: dict) -> None:
        store = self._store(place, config, writes=True)
        if isinstance(store, Store):
            self.faults += writer_faults(place, config, store.store_id)
            self.faults += _shared_name_faults(place, config, store)
        elif config.get("store_id") in self.own_store_types:
            self.faults += writer_faults(place, config, config["store_id"])

    def _fault(self, place: str, message: str) -> None:
        self.faults.append(FieldError(place, message))

    def _store(self, place: str, config: dict, *, writes: bool) -> Store | None:
        """The catalogue store that `config` names, or None if it names none of them."""
        store_id = config.get("store_id")
        if store_id is None:
            self._fault(f"{place}.store_id", f"missing; expected {self._choices(writes)}")
        elif store_id.startswith("@"):
            return self._catalogue_store(place, config, writes=writes)
        elif store_id not in self.own_store_types:
            self._fault(
                f"{place}.store_id",
                f"store type '{store_id[:50]}' is not available; expected {self._choices(writes)}",
            )
        else:
            self.uses_own_store = True
            self.faults += own_store_faults(
                place, config, networks=self.own_store_networks, writes=writes
            )
        return None

    def _catalogue_store(self, place: str, config: dict, *, writes: bool) -> Store | None:
        name = config["store_id"][1:]
        store = self.catalogue.get(name)
        if config.get("store_params"):
            self._fault(f"{place}.store_params", "expected none for a store named with '@'")
        if store is None:
            self._fault(
                f"{place}.store_id", f"unknown store '@{name[:50]}'; known: {self._known(writes)}"
            )
        elif not (store.writable if writes else store.readable):
            use = "written" if writes else "read"
            self._fault(f"{place}.store_id", f"store '@{name}' cannot be {use}")
        elif self.has_user_code and store.has_credentials:
            self._fault(
                f"{place}.store_id",
                f"store '@{name}' cannot be used together with code of your own, which could "
                "read its credentials",
            )
        else:
            self.named[name] = store
            return store
        return None

    def _known(self, writes: bool) -> str:
        names = [f"@{s.name}" for s in self.catalogue if (s.writable if writes else s.readable)]
        return ", ".join(names) or "none"

    def _choices(self, writes: bool) -> str:
        choices = f"the name of a store ({self._known(writes)})"
        if self.own_store_types:
            choices += f" or a store of your own ({', '.join(self.own_store_types)})"
        return choices


def _shared_name_faults(place: str, config: dict, store: Store) -> Iterator[FieldError]:
    """Check that only the last part of an output's name looks like a dataset.

    Users who share a store must not write inside or around each other's cubes: replacing `a`
    would delete `a/b.zarr`.
    """
    data_id = config.get("data_id")
    if data_id is None or store.per_user or store.store_id not in FILE_SYSTEM_TYPES:
        return
    *folders, _ = data_id.split("/")
    if format_of(data_id) not in WRITTEN_FORMATS or any(format_of(f) for f in folders):
        endings = ", ".join(EXTENSIONS[f][0] for f in WRITTEN_FORMATS)
        yield FieldError(
            f"{place}.data_id",
            f"expected a name whose last part, and no other, ends with one of {endings}",
        )
