"""`manage.py check_ledger`: do the balances equal the sums of their entries?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import BaseCommand

from accounts.units.ledger import check_ledger


class Command(BaseCommand):
    help = "Check that every balance equals the sum of its ledger entries; exit 1 if one does not."

    def handle(self, **options: Any) -> None:
        differences = check_ledger()
        for difference in differences:
            self.stderr.write(str(difference))
        if differences:
            count = len(differences)
            self.stderr.write(
                "1 balance differs from its entries."
                if count == 1
                else f"{count} balances differ from their entries."
            )
            sys.exit(1)
        self.stdout.write("Every balance equals the sum of its entries.")
