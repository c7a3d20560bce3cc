"""`manage.py usage_report`: who spent how much, by month and store."""

from __future__ import annotations

import argparse
import json
from datetime import date
from typing import Any

from django.core.management import BaseCommand, CommandParser

from accounts.management.arguments import existing_user
from jobs import usage


def _month(text: str) -> date:
    try:
        return usage.month(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a month such as 2027-01") from None


class Command(BaseCommand):
    help = "Print jobs and processing units by user, month and output store, as CSV or JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=_month, metavar="YYYY-MM")
        parser.add_argument("--to", dest="last", type=_month, metavar="YYYY-MM")
        parser.add_argument("--email", help="Only this user.")
        parser.add_argument("--json", action="store_true", help="JSON instead of CSV.")

    def handle(self, **options: Any) -> None:
        user = existing_user(options["email"]) if options["email"] else None
        rows = usage.usage(user=user, first=options["first"], last=options["last"])
        if options["json"]:
            self.stdout.write(json.dumps(usage.as_documents(rows)))
        else:
            self.stdout.write(usage.as_csv(rows), ending="")
