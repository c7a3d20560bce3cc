"""`manage.py check_ledger`: checks that balances equal the sums of their entries."""

from __future__ import annotations

from typing import Any

from accounts.units.ledger import check_ledger
from hubsite.management.command import HubCommand
from hubsite.management.output import Output


class Command(HubCommand):
    help = "Check that every balance equals the sum of its ledger entries; exit 1 if one does not."
    group = "Units"

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        differences = check_ledger()
        for difference in differences:
            out.note(difference)
        count = len(differences)
        if options["json"]:
            out.json({"ok": not differences, "differences": [str(d) for d in differences]})
        elif differences:
            out.note(
                "1 balance differs from its entries."
                if count == 1
                else f"{count} balances differ from their entries."
            )
        else:
            out.line("Every balance equals the sum of its entries.")
        return 1 if differences else None
