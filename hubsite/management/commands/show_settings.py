"""`manage.py show_settings`: every setting, its value now, and what it means."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from hubsite.configuration.page import markdown
from hubsite.configuration.table import SETTINGS, WITHOUT_MEANING

STARS = "********"


class Command(BaseCommand):
    help = "Show every setting of the hub: its present value, where that is from, its meaning."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--markdown", action="store_true", help="print docs/configuration.md instead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(markdown(SETTINGS, WITHOUT_MEANING), ending="")
            return
        console = Console(file=self.stdout, highlight=False)
        for section in dict.fromkeys(setting.section for setting in SETTINGS):
            table = Table(title=section, title_justify="left", title_style="bold", expand=True)
            for heading, ratio in (("Setting", 3), ("Value", 3), ("From", 2), ("Meaning", 5)):
                table.add_column(heading, ratio=ratio, overflow="fold")
            for setting in SETTINGS:
                if setting.section == section:
                    table.add_row(
                        setting.name, _shown(setting), _origin(setting.name), setting.help
                    )
            console.print(table)


def _shown(setting: Any) -> str:
    """Its present value, as one would write it in `.env`; a secret's never."""
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
