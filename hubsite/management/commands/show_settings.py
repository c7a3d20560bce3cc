"""`manage.py show_settings`: every setting, its present value, and what it means."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from hubsite.configuration.in_force import InForce, settings_in_force
from hubsite.configuration.page import markdown
from hubsite.configuration.table import SETTINGS, WITHOUT_MEANING
from hubsite.management.command import HubCommand
from hubsite.management.output import Column, Output

WIDE = 150
"""On a narrower terminal the value is below the setting's name."""
COLUMNS = (
    Column("Setting", is_copied=True),
    Column("Value", share=2),
    Column("From"),
    Column("Meaning", share=3),
)
NARROW_COLUMNS = (Column("Setting, value, from", share=1), Column("Meaning", share=1))


class Command(HubCommand):
    help = "Show every setting of the hub: its present value, where that is from, its meaning."
    group = "Hub"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--markdown", action="store_true", help="print docs/configuration.md instead"
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        if options["markdown"]:
            out.raw(markdown(SETTINGS, WITHOUT_MEANING), ending="")
        elif options["json"]:
            out.json([_as_document(setting) for setting in settings_in_force()])
        elif out.is_terminal:
            for section in dict.fromkeys(setting.section for setting in SETTINGS):
                rows = [_row(it) for it in settings_in_force() if it.section == section]
                if out.width < WIDE:
                    out.table(NARROW_COLUMNS, map(_narrow, rows), title=section)
                else:
                    out.table(COLUMNS, rows, title=section)
                out.line()
        else:
            out.table(COLUMNS, [_row(setting) for setting in settings_in_force()])


def _narrow(row: tuple[str, str, str, str]) -> tuple[str, str]:
    name, value, origin, meaning = row
    return f"{name}\n  {value or '(empty)'}\n  {origin}\n", meaning


def _row(setting: InForce) -> tuple[str, str, str, str]:
    return setting.name, setting.value, setting.origin, setting.meaning


def _as_document(setting: InForce) -> dict[str, str]:
    return {
        "name": setting.name,
        "value": setting.value,
        "from": setting.origin,
        "section": setting.section,
        "meaning": setting.meaning,
    }
