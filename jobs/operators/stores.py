"""Data stores as operators see them: state, last answer, prices, how many data sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from accounts.models import User
from hubsite import audit
from hubsite.refusals import Kind, Refused

from ..discovery import listing
from ..discovery.stores import view_of
from ..models import StoreListing
from ..stores.catalogue import load_catalogue
from ..stores.store import Store


@dataclass(frozen=True)
class StoreStatus:
    """A store of the stores file. `row` is its listing; None if it was never asked, or if each
    user sees another part of it: then the numbers are of all their listings."""

    store: Store
    row: StoreListing | None
    users: int = 0
    failing: int = 0
    total: int = 0

    @property
    def state(self) -> str:
        """away, never asked, writable only, or ok."""
        if not self.store.readable:
            return "unreadable"
        if (self.row is not None and self.row.failures) or self.failing:
            return "away"
        if self.row is None and not self.users:
            return "unknown"
        return "ok" if self.row is None or self.row.listed_at else "unknown"


def statuses() -> list[StoreStatus]:
    """All stores in the order of the file, in one query. Raises StoresFileError."""
    stores = list(load_catalogue())
    rows: dict[str, list[StoreListing]] = {store.name: [] for store in stores}
    found = StoreListing.objects.filter(store__in=rows).defer("fingerprint", "digest")
    for row in found.order_by("pk")[:10_000]:
        rows[row.store].append(row)
    return [_status(store, rows[store.name]) for store in stores]


def _status(store: Store, rows: Iterable[StoreListing]) -> StoreStatus:
    own = [row for row in rows if bool(row.scope) == store.per_user]
    if not store.per_user:
        return StoreStatus(store, own[0] if own else None, total=own[0].total if own else 0)
    return StoreStatus(
        store,
        None,
        users=len(own),
        failing=sum(bool(row.failures) for row in own),
        total=sum(row.total for row in own),
    )


def probe(name: str) -> None:
    """Let the worker ask the store anew, within seconds, whatever is known of it.

    Raises Refused for an unknown store, one that cannot be read, and one of which each user sees
    another part.
    """
    store = next((it for it in load_catalogue() if it.name == name), None)
    if store is None:
        raise Refused(f"There is no data store @{name[:100]}.", kind=Kind.NOT_FOUND)
    if store.per_user:
        raise Refused(
            f"Each user sees a different part of @{name}, so the store is not asked as a whole."
        )
    view = view_of(store, User(username="nobody"))
    row = listing.make_row(view)
    with transaction.atomic():
        StoreListing.objects.filter(pk=row.pk).update(changes=F("changes") + 1)
        audit.record("store.probed", on=("store", name, f"@{name}"))
    listing.COOL_DOWN.end(listing.target(row))
    listing.want(row)
