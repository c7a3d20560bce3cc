"""`manage.py show_settings`: every setting, its present value, and what it means."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from hubsite.configuration.page import markdown
from hubsite.configuration.table import SETTINGS, WITHOUT_MEANING
from hubsite.management.command import HubCommand
from hubsite.management.output import Column, Output

STARS = "********"


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
            out.json([_as_document(setting) for setting in SETTINGS])
        elif out.is_terminal:
            for section in dict.fromkeys(setting.section for setting in SETTINGS):
                rows = [_row(setting) for setting in SETTINGS if setting.section == section]
                if out.width < WIDE:
                    out.table(NARROW_COLUMNS, map(_narrow, rows), title=section)
                else:
                    out.table(COLUMNS, rows, title=section)
                out.line()
        else:
            out.table(COLUMNS, [_row(setting) for setting in SETTINGS])


def _row(setting: Any) -> tuple[str, str, str, str]:
    return setting.name, _shown(setting), _origin(setting.name), setting.help


def _narrow(row: tuple[str, str, str, str]) -> tuple[str, str]:
    name, value, origin, meaning = row
    return f"{name}\n  {value or '(empty)'}\n  {origin}\n", meaning


def _as_document(setting: Any) -> dict[str, str]:
    name, value, origin, meaning = _row(setting)
    return {
        "name": name,
        "value": value,
        "from": origin,
        "section": setting.section,
        "meaning": meaning,
    }


def _shown(setting: Any) -> str:
    """The present value as it would be written in `.env`; secrets are never shown."""
    value = settings.HUB[setting.name]
    if setting.secret:
        return STARS if value else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        is_json = any(isinstance(item, dict) for item in value)
        return json.dumps(value) if is_json else ",".join(value)
    return str(value)


def _origin(name: str) -> str:
    if name in settings.HUB_FORMER_NAMES:
        return f"{settings.HUB_FORMER_NAMES[name]} (former name)"
    return "environment" if name in settings.HUB_GIVEN else "default"
