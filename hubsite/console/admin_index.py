"""The lists of the admin on its first page: by subject, and what is used daily first.

Apps say in `AppConfig.ready` where their models belong:

    admin_index.list_in(DAILY, "jobs.Job", position=10)

A model that nobody placed comes last, so that no list is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DAILY = "daily"
PEOPLE = "people"
UNITS = "units"
SHARING = "sharing"
DETAILS = "details"

_TITLES: dict[str, Promise] = {
    DAILY: _("Every day"),
    PEOPLE: _("People and programs"),
    UNITS: _("Processing units"),
    SHARING: _("Sharing and notices"),
    DETAILS: _("History and details"),
}

_places: dict[str, tuple[str, int]] = {}


@dataclass
class Section:
    """Lists of one subject; `lists` are those of Django's `app_list`."""

    title: Promise
    lists: list[dict[str, Any]] = field(default_factory=list)


def list_in(section: str, *models: str, position: int) -> None:
    """Show the lists of these models (`app.Model`) in a section, from this position on."""
    if section not in _TITLES:
        raise LookupError(f"{section} is not a section of the admin's first page")
    for number, model in enumerate(models):
        _places[model.lower()] = (section, position + number)


def sections(app_list: Iterable[dict[str, Any]]) -> list[Section]:
    """What the caller may see of Django's `app_list`, in sections that are not empty."""
    placed = []
    for app in app_list:
        for model in app["models"]:
            label = f"{app['app_label']}.{model['object_name']}".lower()
            section, position = _places.get(label, (DETAILS, 1000))
            placed.append((position, str(model["name"]), section, model))
    found = {section: Section(title) for section, title in _TITLES.items()}
    for _position, _name, section, model in sorted(placed, key=lambda one: one[:2]):
        found[section].lists.append(model)
    return [section for section in found.values() if section.lists]
