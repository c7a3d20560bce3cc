"""`manage.py layers list|publish|remove|verify|adopt`: GeoServer layers, for operators."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.arguments import existing_user
from accounts.models import User
from accounts.tokens.hub_tokens import geodb_role_of
from hubsite.api.serializers import time_text
from hubsite.management.arguments import add_list_arguments
from hubsite.management.command import NOTHING_DONE, HubCommand, add_json_argument
from hubsite.management.output import Column, Output, Styled
from services.api.layer_presentation import as_record
from services.geoserver import layers, offered, operating
from services.geoserver.names import checked_place
from services.models import Layer, LayerState, StrayLayer

STATE_STYLES = {
    LayerState.REQUESTED: "cyan",
    LayerState.PUBLISHED: "blue",
    LayerState.READY: "green",
    LayerState.REMOVING: "yellow",
    LayerState.FAILED: "red",
}
COLUMNS = (
    Column("Layer", is_copied=True),
    Column("Owner"),
    Column("State", is_copied=True),
    Column("Reason", is_copied=True),
    Column("Since", is_copied=True),
    Column("Error"),
)
STRAY_COLUMNS = (
    Column("Layer", is_copied=True),
    Column("Data store", is_copied=True),
    Column("First seen", is_copied=True),
)
EPILOG = """\
LAYER is WORKSPACE:NAME as `layers list` shows it. The worker does the work, within seconds if the
GeoServer answers. `verify` takes all steps again, also of a layer that failed; without LAYER those
of all that differ. `list --stray` shows layers of the GeoServer that have no row here; `adopt`
makes one. `remove` exits with 1 if all are being removed already.

examples:
  manage.py layers list --state failed
  manage.py layers publish --user ann@example.org --database land --collection use
  manage.py layers verify geodb_g-1:land_use
  manage.py layers adopt geodb_g-1:land_roads
"""


class Command(HubCommand):
    help = "List, publish, remove, verify and adopt layers in the GeoServer."
    group = "Services"
    epilog = EPILOG
    has_json = False  # each action has it

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="newest layers first")
        add_list_arguments(listing, states=LayerState.values)
        listing.add_argument(
            "--stray", action="store_true", help="layers of the GeoServer that have no row"
        )

        publish = actions.add_parser("publish", help="publish a collection for a user")
        publish.add_argument("--user", metavar="EMAIL", required=True, help="whose it is")
        publish.add_argument("--database", required=True, help="the user's database in geoDB")
        publish.add_argument("--collection", required=True, help="the collection there")
        add_json_argument(publish)

        for name, help_text, how_many in (
            ("remove", "remove layers; the collections stay", "+"),
            ("verify", "take all steps of layers again, and look at their maps", "*"),
            ("adopt", "make rows for layers that have none", "+"),
        ):
            action = actions.add_parser(name, help=help_text)
            action.add_argument("layer", nargs=how_many, metavar="LAYER")
            add_json_argument(action)

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        return getattr(self, f"_{options['action']}")(out, options)

    def _list(self, out: Output, options: dict[str, Any]) -> None:
        most = options["limit"]
        if options["stray"]:
            _show_strays(out, options, list(StrayLayer.objects.all()[:most]))
            return
        rows = Layer.objects.select_related("owner")
        if options["user"] is not None:
            rows = rows.filter(owner=existing_user(options["user"]))
        if options["state"]:
            rows = rows.filter(layer_state=options["state"])
        found = list(rows[:most])
        if options["json"]:
            out.json([_document(layer) for layer in found])
            return
        cells = (
            (
                str(layer),
                layer.owner.email,
                Styled(layer.layer_state, STATE_STYLES[LayerState(layer.layer_state)]),
                layer.reason,
                layer.since,
                layer.error,
            )
            for layer in found
        )
        out.table(COLUMNS, cells, empty="No such layers.")

    def _publish(self, out: Output, options: dict[str, Any]) -> None:
        offered.require()
        user = User.objects.filter(email__iexact=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        role = geodb_role_of(user)
        if not role:
            raise CommandError(f"{user.email} has not subscribed to geoDB.")
        place = checked_place(role, options["database"], options["collection"])
        _tell(out, options, [layers.publish(user, place)])

    def _remove(self, out: Output, options: dict[str, Any]) -> int | None:
        found = [_layer(name) for name in options["layer"]]
        left = [layer for layer in found if layer.layer_state != LayerState.REMOVING]
        for layer in left:
            layers.remove(layer)
            layer.refresh_from_db()
        _tell(out, options, found)
        return None if left else NOTHING_DONE

    def _verify(self, out: Output, options: dict[str, Any]) -> int | None:
        found = [_layer(name) for name in options["layer"]]
        rows = operating.differing()
        if found:
            rows = Layer.objects.filter(pk__in=[layer.pk for layer in found])
        pks = list(rows.values_list("pk", flat=True))
        count = operating.repair(Layer.objects.filter(pk__in=pks))
        _tell(out, options, list(Layer.objects.filter(pk__in=pks).select_related("owner")))
        return None if count else NOTHING_DONE

    def _adopt(self, out: Output, options: dict[str, Any]) -> None:
        _tell(out, options, [layers.adopt(_stray(name)) for name in options["layer"]])


def _show_strays(out: Output, options: dict[str, Any], strays: list[StrayLayer]) -> None:
    if options["json"]:
        out.json(
            [
                {
                    "layer": str(stray),
                    "store": stray.store,
                    "first_seen_at": time_text(stray.first_seen_at),
                }
                for stray in strays
            ]
        )
        return
    cells = ((str(stray), stray.store, stray.first_seen_at) for stray in strays)
    out.table(STRAY_COLUMNS, cells, empty="No layers without a row.")


def _tell(out: Output, options: dict[str, Any], found: list[Layer]) -> None:
    if options["json"]:
        out.json([_document(layer) for layer in found])
        return
    for layer in found:
        out.line(f"{layer}: {layer.layer_state} {layer.reason}".rstrip())
    if not found:
        out.line("No layer differs.")


def _document(layer: Layer) -> dict[str, Any]:
    return {
        "layer": str(layer),
        "owner": layer.owner.email,
        **as_record(layer),
        "reason": layer.reason or None,
        "since": time_text(layer.since),
        "verified_at": time_text(layer.verified_at),
        "error": layer.error or None,
    }


def _layer(name: str) -> Layer:
    workspace, _, layer_name = name.partition(":")
    rows = Layer.objects.select_related("owner")
    layer = rows.filter(workspace=workspace, name=layer_name).first()
    if layer is None:
        raise CommandError(f"There is no layer {name!r}; `layers list` shows them.")
    return layer


def _stray(name: str) -> StrayLayer:
    workspace, _, layer_name = name.partition(":")
    stray = StrayLayer.objects.filter(workspace=workspace, name=layer_name).first()
    if stray is None:
        raise CommandError(f"There is no stray layer {name!r}; `layers list --stray` shows them.")
    return stray
