"""`manage.py usage_report`: who spent how much, by month and store."""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

from django.core.management import CommandParser

from accounts.management.arguments import existing_user
from hubsite.management.command import HubCommand
from hubsite.management.output import Column, Output
from jobs import usage


def _month(text: str) -> date:
    try:
        return usage.month(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a month such as 2027-01") from None


class Command(HubCommand):
    help = (
        "Print jobs and processing units by user, month and output store: a table on a terminal, "
        "CSV into a pipe or file."
    )
    group = "Units"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from", dest="first", type=_month, metavar="YYYY-MM", help="the first month"
        )
        parser.add_argument(
            "--to", dest="last", type=_month, metavar="YYYY-MM", help="the last month"
        )
        parser.add_argument("--email", help="only this user")

    def run(self, out: Output, options: dict[str, Any]) -> None:
        email = options["email"]
        user = None if email is None else existing_user(email)
        rows = usage.usage(user=user, first=options["first"], last=options["last"])
        if options["json"]:
            out.json(usage.as_documents(rows))
        elif out.is_terminal:
            _print_table(out, usage.as_documents(rows))
        else:
            out.raw(usage.as_csv(rows), ending="")


def _print_table(out: Output, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0]) if rows else []
    columns = [
        Column(name.replace("_", " ").capitalize(), is_number=isinstance(rows[0][name], int))
        for name in names
    ]
    out.table(columns, (row.values() for row in rows), empty="No jobs in these months.")
