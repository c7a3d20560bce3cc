"""`manage.py check_stores`: checks the data stores file and lists its stores."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from hubsite.management.command import HubCommand
from hubsite.management.output import Column, Output
from jobs.estimates.cost import Price
from jobs.settings import hub
from jobs.stores import looking
from jobs.stores.catalogue import StoreCatalogue
from jobs.stores.looking import Look
from jobs.stores.store import Store
from jobs.stores.stores_file import StoresFileError

EPILOG = """\
The file maps names, which users write as "@name", to stores:

  cubes:
    title: Shared cubes               # for people; optional, as is `description`
    store_id: s3                      # xcube's store type
    store_params:                     # what xcube opens the store with
      root: my-bucket/cubes
      storage_options:
        key: ${CUBES_KEY}             # taken from the environment; $$ is a dollar
        secret: ${CUBES_SECRET}
    cost_params:                      # without it the store is no input
      input_pixels_per_punit: 262144
      output_pixels_per_punit: 262144
      input_punits_weight: 1.0        # optional, as are:
      output_punits_weight: 1.0
      scheme: punits                  # or free
    readable: true                    # may be an input
    writable: true                    # may be an output
    per_user: false                   # true: each user has a folder below `root`

A relative `root` of a `file` store begins at the folder of the file.
The exit code is 1 if the file has faults, if the folder of a store that can only be read does
not exist, or if --probe cannot open a store; all of them are listed. --probe has the runner (or
the estimator elsewhere) open one dataset of each store, for half a minute at most.
Credentials are never shown.

examples:
  manage.py check_stores
  manage.py check_stores --probe
  manage.py check_stores --file deploy/stores.yaml --json
"""


COLUMNS = (
    Column("Name"),
    Column("Type"),
    Column("Place"),
    Column("Read"),
    Column("Write"),
    Column("Per user"),
    Column("Price"),
)


class Command(HubCommand):
    help = "Check the data stores file and show its stores, their places and prices."
    group = "Hub"
    epilog = EPILOG
    requires_system_checks = ()

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.add_argument(
            "--file",
            type=Path,
            metavar="PATH",
            help="the file to check (default: the setting XCUBE_HUB_STORES)",
        )
        parser.add_argument(
            "--probe",
            action="store_true",
            help="open one dataset of each store, by the runner or the estimator",
        )

    def run(self, out: Output, options):
        path = options["file"] or _configured_path()
        faults: list[str] = []
        catalogue = StoreCatalogue()
        if path is not None:
            try:
                catalogue = StoreCatalogue.from_file(path)
            except StoresFileError as error:
                faults = error.faults
        looks = _looks(catalogue, probes=options["probe"])
        absent = [
            f"@{name}: {look.text}." for name, its in looks.items() for look in its if look.is_fault
        ]
        if options["json"]:
            out.json(
                {
                    "file": None if path is None else str(path),
                    "stores": [
                        {
                            **_described(store),
                            "found": [look.text for look in looks.get(store.name, ())],
                        }
                        for store in catalogue
                    ],
                    "faults": faults or absent,
                }
            )
        elif path is None:
            out.line(
                f"There is no stores file: write {settings.DATA_DIR / 'stores.yaml'}, or set "
                "XCUBE_HUB_STORES to the path of one."
            )
        elif not faults:
            count = f"{len(catalogue)} store{'' if len(catalogue) == 1 else 's'}"
            out.table(COLUMNS, map(_row, catalogue), title=f"{count} in {path}")
            for name, its in looks.items():
                for look in its:
                    if not look.is_fault:
                        out.note(f"@{name}: {look.text}.")
        if faults:
            listed = "\n".join(f"  {fault}" for fault in faults)
            raise CommandError(f"The stores file {path} cannot be used:\n{listed}", returncode=1)
        if absent:
            listed = "\n".join(f"  {fault}" for fault in absent)
            raise CommandError(f"Stores that cannot be used:\n{listed}", returncode=1)


def _looks(catalogue: StoreCatalogue, *, probes: bool) -> dict[str, list[Look]]:
    """Remarks about each store: its folder, and the result of its probe."""
    looks: dict[str, list[Look]] = {}
    # In a cluster, runs see other folders than this machine.
    is_here = hub.engine == "local"
    for store in catalogue:
        its = [look] if is_here and (look := looking.root_of(store)) else []
        if probes and not its:
            its.append(looking.probe(store))
        if its:
            looks[store.name] = its
    return looks


def _row(store: Store) -> tuple:
    flags = store.readable, store.writable, store.per_user
    return f"@{store.name}", store.store_id, store.place, *flags, _price_text(store.price)


def _configured_path() -> Path | None:
    """None if the setting has its default and there is no such file (see load_catalogue)."""
    path = hub.stores
    if path is None or "XCUBE_HUB_STORES" in settings.HUB_GIVEN or path.exists():
        return path
    return None


def _described(store: Store) -> dict:
    return {
        "name": store.name,
        "title": store.title,
        "type": store.store_id,
        "place": store.place,
        "readable": store.readable,
        "writable": store.writable,
        "per_user": store.per_user,
        "price": store.price.as_json() if store.price else None,
    }


def _price_text(price: Price | None) -> str:
    if price is None:
        return "none: no input"
    if price.free:
        return "free"
    return (
        f"read {price.input_pixels_per_punit:,} px/unit x {price.input_punits_weight:g}; "
        f"write {price.output_pixels_per_punit:,} px/unit x {price.output_punits_weight:g}"
    )
