"""`manage.py recount_usage`: counts the sums of usage anew from jobs and ledger."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from accounts.management.arguments import existing_user
from accounts.models import User
from hubsite.management.command import HubCommand
from hubsite.management.output import Output
from jobs import usage


class Command(HubCommand):
    help = (
        "Count anew, from jobs and ledger, how many jobs each user had by month and store and what "
        "they cost. Needed only if rows were changed by hand."
    )
    group = "Units"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", help="only this user")

    def run(self, out: Output, options: dict[str, Any]) -> None:
        if options["email"] is not None:
            users = [existing_user(options["email"])]
        else:
            users = User.objects.filter(jobs__isnull=False).distinct().order_by("pk").iterator()
        wrong = sum(usage.recount(user) for user in users)
        if options["json"]:
            out.json({"corrected": wrong})
        else:
            out.line(f"Corrected sums: {wrong}.")
