"""Entries of the audit in words and with links, for pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise

from .actions import ACTIONS
from .entry import AuditEntry
from .reading import entries_of

OF_PERSON = 6

_PAGES = {"engine": "admin-engines", "store": "admin-stores"}
"""Kinds without rows, and the page that shows them."""


@dataclass(frozen=True)
class Shown:
    """An entry as a page shows it; an empty URL: there is no page of it."""

    entry: AuditEntry
    what: str | Promise
    kind: str | Promise
    object_url: str
    actor_url: str
    acted_for_url: str


def shown(entries: Iterable[AuditEntry]) -> list[Shown]:
    return [
        Shown(
            entry,
            ACTIONS.get(entry.action, entry.action),
            _kind(entry.kind),
            _object_url(entry),
            _user_url(entry.actor_id),
            _user_url(entry.acted_for_id),
        )
        for entry in entries
    ]


def of_person(request: HttpRequest, person: Any) -> dict[str, Any] | None:
    """The panel "Audit" of a user's page in the admin, for who may see it. One query."""
    if not request.user.reads_hub:
        return None
    return {"entries": shown(entries_of(person, most=OF_PERSON))}


def _kind(kind: str) -> Any:
    try:
        return apps.get_model(kind)._meta.verbose_name
    except (LookupError, ValueError):
        return kind


def _object_url(entry: AuditEntry) -> str:
    if entry.kind in _PAGES:
        return reverse(_PAGES[entry.kind])
    if not entry.object_id or entry.action == "object.deleted":
        return ""
    try:
        return reverse(f"admin:{entry.kind.replace('.', '_')}_change", args=[entry.object_id])
    except NoReverseMatch:
        return ""


def _user_url(pk: int | None) -> str:
    return reverse("admin:accounts_user_change", args=[pk]) if pk is not None else ""
