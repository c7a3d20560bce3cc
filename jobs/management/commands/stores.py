"""`manage.py stores list|show|refresh`: what the data stores hold, in the terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.models import User
from hubsite import audit
from hubsite.management.arguments import count
from hubsite.management.command import NOTHING_DONE, HubCommand, add_json_argument
from hubsite.management.output import Column, Output
from hubsite.refusals import Refused
from jobs.discovery import listing, paging, stores
from jobs.discovery.presentation import entries_shown, state_shown, store_shown
from jobs.models import StoreListing
from jobs.stores.store import Store

REFRESH_S = 60.0
NOBODY = User(username="nobody")

STORE_COLUMNS = (
    Column("Store", is_copied=True),
    Column("Type"),
    Column("State", is_copied=True),
    Column("Data sets", is_number=True),
    Column("Listed", is_copied=True),
    Column("Problem"),
)
DATA_COLUMNS = (Column("Data set"), Column("Type"))

EPILOG = """\
STORE is the name of a store, with or without @. Of a store that has a folder for each user
(per_user), --user says whose folder is meant.
`refresh` asks the store at once, also if its list is fresh, and exits with 1 if it does not answer.
`check_stores` checks the stores file itself.

examples:
  manage.py stores list
  manage.py stores show @demo --search chl --limit 20
  manage.py stores refresh @cubes --user ann@example.org
"""


class Command(HubCommand):
    help = "List the data stores, show what they hold, and ask them anew."
    group = "Hub"
    epilog = EPILOG
    has_json = False  # each action has it

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add_json_argument(actions.add_parser("list", help="all stores, as they were last found"))
        show = actions.add_parser("show", help="the data sets of one store")
        refresh = actions.add_parser("refresh", help="ask a store what it holds, now")
        for action in (show, refresh):
            action.add_argument("store", metavar="STORE")
            action.add_argument("--user", metavar="EMAIL", help="whose folder, if each has one")
            add_json_argument(action)
        show.add_argument("--search", default="", metavar="WORDS", help="words of the data id")
        show.add_argument("--limit", type=count, default=50, help="how many (default: 50)")

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        return getattr(self, f"_{options['action']}")(out, options)

    def _list(self, out: Output, options: dict[str, Any]) -> None:
        rows = {row.store: row for row in StoreListing.objects.filter(scope="")}
        offered = stores.offered()
        if options["json"]:
            out.json([store_shown(store, rows.get(store.name)) for store in offered])
            return
        shown = (_row(store, rows.get(store.name)) for store in offered)
        out.table(STORE_COLUMNS, shown, empty="There are no data stores.")

    def _show(self, out: Output, options: dict[str, Any]) -> None:
        view = _view(options)
        found = listing.get(view)
        limit = min(options["limit"], 1000)
        part = paging.page(view, found, offset=0, limit=limit, search=options["search"])
        if options["json"]:
            out.json({"total": part.total, "data": entries_shown(part.entries)})
            return
        if part.listing.is_stale:
            out.note("The store is slow or does not answer just now: the list may be out of date.")
        title = f"{len(part.entries)} of {part.total:,} data sets in @{view.store.name}"
        out.table(DATA_COLUMNS, part.entries, title=title, empty="No such data sets.")

    def _refresh(self, out: Output, options: dict[str, Any]) -> int | None:
        view = _view(options)
        row = listing.find(view) or listing.make_row(view)
        StoreListing.objects.filter(pk=row.pk).update(listed_changes=row.changes + 1)
        audit.record("store.probed", on=("store", view.store.name, f"@{view.store.name}"))
        try:
            row = listing.refresh(view, row, limit_s=REFRESH_S, is_patient=True)
        except Refused as refused:
            if options["json"]:
                listing.reload(row)
                out.json(state_shown(row))
            else:
                out.note(str(refused))
            return NOTHING_DONE
        if options["json"]:
            out.json(state_shown(row))
        else:
            out.line(
                f"@{view.store.name} holds {row.total:,} data sets; it took {row.took_s:.1f} s."
            )
        return None


def _view(options: dict[str, Any]) -> stores.View:
    store = stores.find(options["store"])
    if not store.per_user:
        return stores.view_of(store, NOBODY)
    if not options["user"]:
        raise CommandError(f"@{store.name} has a folder for each user; say --user EMAIL.")
    user = User.objects.filter(email__iexact=options["user"]).first()
    if user is None:
        raise CommandError(f"There is no user {options['user']}.")
    return stores.view_of(store, user)


def _row(store: Store, row: StoreListing | None) -> tuple:
    state = state_shown(row)
    of_each = store.per_user or row is None
    return (
        f"@{store.name}",
        store.store_id,
        "per user" if store.per_user else state["status"],
        "" if of_each or state["data_sets"] is None else f"{state['data_sets']:,}",
        None if of_each else row.listed_at,
        "" if of_each else row.problem,
    )
