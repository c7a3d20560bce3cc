"""Check the data stores file and show what it offers."""

from __future__ import annotations

import io
import json
import shutil
from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jobs.estimates.cost import Price
from jobs.stores.catalogue import Store, StoreCatalogue, StoresFileError

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
The exit code is 1 if the file has faults; all of them are listed.
Credentials are never shown.

examples:
  manage.py check_stores
  manage.py check_stores --file deploy/stores.yaml --json
"""


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the example file as it is written."""


class Command(BaseCommand):
    help = "Check the data stores file and show its stores, their places and prices."
    requires_system_checks = ()

    def create_parser(self, prog_name, subcommand, **kwargs):
        parser = super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)
        parser.formatter_class = _HelpFormatter
        return parser

    def add_arguments(self, parser):
        parser.add_argument(
            "--file",
            type=Path,
            metavar="PATH",
            help="the file to check (default: the setting XCUBE_HUB_STORES)",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help='print {"file", "stores", "faults"} as JSON instead of a table',
        )

    def handle(self, *args, **options):
        path = options["file"] or _configured_path()
        faults: list[str] = []
        catalogue = StoreCatalogue()
        if path is not None:
            try:
                catalogue = StoreCatalogue.from_file(path)
            except StoresFileError as error:
                faults = error.faults
        if options["json"]:
            self._print_json(path, catalogue, faults)
        elif path is None:
            self.stdout.write(
                f"There is no stores file: write {settings.DATA_DIR / 'stores.yaml'}, or set "
                "XCUBE_HUB_STORES to the path of one."
            )
        elif not faults:
            self._print_table(path, catalogue)
        if faults:
            listed = "\n".join(f"  {fault}" for fault in faults)
            raise CommandError(f"The stores file {path} cannot be used:\n{listed}", returncode=1)

    def _print_json(self, path, catalogue, faults):
        document = {
            "file": None if path is None else str(path),
            "stores": [_described(store) for store in catalogue],
            "faults": faults,
        }
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))

    def _print_table(self, path, catalogue):
        count = f"{len(catalogue)} store{'' if len(catalogue) == 1 else 's'}"
        table = Table(title=escape(f"{count} in {path}"), title_justify="left")
        for heading in ("Name", "Type", "Place", "Read", "Write", "Per user", "Price"):
            table.add_column(heading, overflow="fold")
        for store in catalogue:
            table.add_row(
                escape(f"@{store.name}"),
                escape(store.store_id),
                escape(store.place),
                *("yes" if flag else "no" for flag in _flags(store)),
                _price_text(store.price),
            )
        buffer = io.StringIO()
        width = max(shutil.get_terminal_size((120, 24)).columns, 80)
        Console(file=buffer, width=width).print(table)
        self.stdout.write(buffer.getvalue())


def _configured_path() -> Path | None:
    """None where the setting is left to its default and there is no file (see load_catalogue)."""
    path = settings.HUB["XCUBE_HUB_STORES"]
    if path is None or "XCUBE_HUB_STORES" in settings.HUB_GIVEN or path.exists():
        return path
    return None


def _flags(store: Store) -> tuple[bool, bool, bool]:
    return store.readable, store.writable, store.per_user


def _described(store: Store) -> dict:
    price = store.price
    return {
        "name": store.name,
        "title": store.title,
        "type": store.store_id,
        "place": store.place,
        "readable": store.readable,
        "writable": store.writable,
        "per_user": store.per_user,
        "price": None
        if price is None
        else {
            "scheme": "free" if price.free else "punits",
            "input_pixels_per_punit": price.input_pixels_per_punit,
            "output_pixels_per_punit": price.output_pixels_per_punit,
            "input_punits_weight": price.input_punits_weight,
            "output_punits_weight": price.output_punits_weight,
        },
    }


def _price_text(price: Price | None) -> str:
    if price is None:
        return "none: no input"
    if price.free:
        return "free"
    return (
        f"read {price.input_pixels_per_punit:,} px/unit x {price.input_punits_weight:g}\n"
        f"write {price.output_pixels_per_punit:,} px/unit x {price.output_punits_weight:g}"
    )
