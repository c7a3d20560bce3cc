"""The data sets of a store, from rows: fresh ones at once, others after asking or as stale.

A listing is fresh for `XCUBE_HUB_STORES_FRESH_S`, and until a job changes data in its store. Then
a store that answers quickly is asked by the request that wants it; a slow one by the worker, and
the request gets the stale listing, marked so. A store that did not answer is left alone for a
while (cool-down), and its stale listing is shown meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from hubsite.coordination.backoff import Backoff
from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.ticks import ask as ask_for_tick
from hubsite.refusals import Kind, Refused
from hubsite.web.waiting import place_to_wait
from jobs.settings import hub

from ..models import StoreListing, StoreListingPart
from ..models.stores import PART
from ..request.paths import path_fault
from . import asking, stores
from .asking import StoreDown
from .slots import alone, slots
from .stores import View

REFRESH = "jobs.tasks.refresh_stores"
FIRST_WAIT_S = 8.0
"""A request waits so long for the first listing of a store. What takes longer, the worker makes."""
AGAIN_WAIT_S = 3.0
"""And so long if there is a stale one to show."""
QUICK_S = 1.0
"""A store whose last listing took no longer is asked by the request itself."""
OTHERS_WAIT_S = 2.0
"""A request waits so long for calls of others into the same store."""
WORKER_WAIT_S = 25.0
ASK_AGAIN_AFTER = timedelta(seconds=30)
"""If the worker has not made a listing that is wanted since then, its wake-up was lost."""
COOL_DOWN = CoolDown("stores", seconds=600)
BACKOFF = Backoff(first_s=15, longest_s=600, jitter=0.2)


@dataclass(frozen=True)
class Listing:
    """A listing to show. `is_stale`: it is the newest there is, but may not be true any more."""

    row: StoreListing
    is_stale: bool


def get(view: View) -> Listing:
    """The listing of a store as one user sees it.

    Raises Refused (UNAVAILABLE) if the store does not answer and never did.
    """
    row = find(view)
    if row is not None and is_fresh(row):
        return Listing(row, is_stale=False)
    row = row or make_row(view)
    has_old = row.listed_at is not None
    if has_old and (row.took_s > QUICK_S or row.failures):
        if not _is_cooling(row):
            want(row)
        return Listing(row, is_stale=True)
    try:
        with place_to_wait(f"store @{view.store.name}"):
            return Listing(refresh(view, row), is_stale=False)
    except Refused as refused:
        reload(row)
        if row.listed_at is not None:
            return Listing(row, is_stale=True)
        if isinstance(refused, StoreDown) and refused.is_late and row.wanted_at is None:
            want(row)  # perhaps it takes longer than a request can wait
        raise


def refresh(
    view: View, row: StoreListing, *, limit_s: float | None = None, is_patient: bool = False
) -> StoreListing:
    """Ask the store, unless another has just done so. Raises Refused, StoreDown.

    `is_patient`: also during its cool-down, since it may answer in `limit_s`.
    """
    name = view.store.name
    wait_s = OTHERS_WAIT_S
    if limit_s is None:
        limit_s = FIRST_WAIT_S if row.listed_at is None else AGAIN_WAIT_S
    with alone(f"{row.pk}", store=name, wait_s=wait_s):
        reload(row)
        if is_fresh(row):
            return row
        if not is_patient:
            check_cool_down(view, row)
        began, changes = time.monotonic(), row.changes
        try:
            with slots(name, is_suspect=row.failures > 0, wait_s=wait_s):
                answer = asking.list_ids(view, limit_s=limit_s)
        except StoreDown as error:
            failed(row, error)
            raise
        entries = [entry for entry in answer["ids"] if path_fault(entry[0]) is None]
        save(
            row,
            entries,
            is_complete=bool(answer.get("is_complete", True)),
            took_s=time.monotonic() - began,
            changes=changes,
        )
        if row.failures:
            COOL_DOWN.end(target(row))
    reload(row)
    return row


def find(view: View) -> StoreListing | None:
    """The row of what this user sees in the store; None if it is of other parameters."""
    row = StoreListing.objects.filter(store=view.store.name, scope=view.scope).first()
    return row if row is not None and row.fingerprint == view.fingerprint else None


def make_row(view: View) -> StoreListing:
    """The row, made if there is none, and emptied if the store's parameters have changed."""
    key = {"store": view.store.name, "scope": view.scope}
    with transaction.atomic():
        StoreListing.objects.filter(**key).exclude(fingerprint=view.fingerprint).delete()
        return StoreListing.objects.get_or_create(
            **key,
            defaults={
                "fingerprint": view.fingerprint,
                "owner": view.user if view.scope else None,
            },
        )[0]


def is_fresh(row: StoreListing) -> bool:
    """A time in the future, of a clock that was wrong, does not count."""
    if row.listed_at is None or row.listed_changes != row.changes:
        return False
    return abs(timezone.now() - row.listed_at) < timedelta(seconds=hub.stores_fresh_s)


def check_cool_down(view: View, row: StoreListing) -> None:
    """Raises StoreDown if the store has not answered just before."""
    if _is_cooling(row):
        raise StoreDown(view, row.problem)


def failed(row: StoreListing, error: StoreDown) -> None:
    """Note that the store did not answer, and begin its cool-down."""
    StoreListing.objects.filter(pk=row.pk).update(
        failures=F("failures") + 1, failed_at=Now(), problem=error.reason[:500]
    )
    COOL_DOWN.start(target(row), seconds=BACKOFF.pause_s(row.failures + 1))


def save(
    row: StoreListing,
    entries: list[list[str]],
    *,
    is_complete: bool,
    took_s: float,
    changes: int,
) -> None:
    """Replace the entries. `changes`: the row's when the store was asked, so that what a job
    changed meanwhile still counts."""
    digest = hashlib.sha256(json.dumps([entries, is_complete]).encode()).hexdigest()
    with transaction.atomic():
        if digest != row.digest:
            StoreListingPart.objects.filter(listing=row).delete()
            StoreListingPart.objects.bulk_create(
                StoreListingPart(
                    listing=row,
                    digest=digest,
                    number=number,
                    entries=json.dumps(entries[number * PART : (number + 1) * PART]),
                )
                for number in range(-(-len(entries) // PART))
            )
        StoreListing.objects.filter(pk=row.pk).update(
            listed_at=Now(),
            listed_changes=changes,
            took_s=took_s,
            total=len(entries),
            is_complete=is_complete,
            digest=digest,
            failures=0,
            failed_at=None,
            problem="",
            wanted_at=None,
        )


def want(row: StoreListing) -> None:
    """Have the worker make a newer listing; who asks once more meanwhile asks for nothing."""
    if row.wanted_at is None or abs(timezone.now() - row.wanted_at) > ASK_AGAIN_AFTER:
        StoreListing.objects.filter(pk=row.pk).update(wanted_at=Now())
        ask_for_tick(REFRESH)


def reload(row: StoreListing) -> None:
    """Read the row again. Raises Refused if it was emptied: the stores file has changed."""
    try:
        row.refresh_from_db()
    except StoreListing.DoesNotExist:
        raise Refused(
            "The data stores have just been changed. Please try again.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=1,
        ) from None


class Replaced(Exception):
    """The listing was replaced while its parts were being read."""


def entries(row: StoreListing, offset: int, limit: int) -> list[list[str]]:
    """Entries `offset` to `offset + limit`: one query, of two parts at most for limit <= PART.

    Raises Replaced if there is a newer listing.
    """
    stop = min(offset + limit, row.total)
    if offset >= stop:
        return []
    first, last = offset // PART, (stop - 1) // PART
    found = [entry for part in _parts(row, first, last) for entry in part]
    return found[offset - first * PART : stop - first * PART]


def matching(row: StoreListing, *, search: str, data_type: str) -> Iterator[list[str]]:
    """Entries whose id has each word of `search`, in any case, and that are of the type."""
    words = search.casefold().split()
    if not row.total:
        return
    for part in _parts(row, 0, (row.total - 1) // PART):
        for entry in part:
            folded = entry[0].casefold()
            is_of_type = not data_type or entry[1] == data_type
            if is_of_type and all(word in folded for word in words):
                yield entry


def _parts(row: StoreListing, first: int, last: int) -> Iterable[list[Any]]:
    parts = StoreListingPart.objects.filter(
        listing=row, digest=row.digest, number__gte=first, number__lte=last
    ).order_by("number")
    found = list(parts.values_list("entries", flat=True))
    if len(found) != last - first + 1:
        raise Replaced
    return map(json.loads, found)


def refresh_wanted(*, seconds: float) -> int:
    """Make the listings that someone waits for, for about `seconds`. Returns how many."""
    give_up, done = time.monotonic() + seconds, 0
    tried: set[int] = set()
    while time.monotonic() < give_up:
        wanted = StoreListing.objects.exclude(wanted_at=None).exclude(pk__in=tried)
        row = wanted.select_related("owner").order_by("failures", "wanted_at").first()
        if row is None:
            break
        tried.add(row.pk)
        # Not wanted any more, whatever comes of it: who still wants it asks once more.
        StoreListing.objects.filter(pk=row.pk).update(wanted_at=None)
        try:
            view = stores.view_of_row(row)
            if view is not None and view.fingerprint == row.fingerprint:
                refresh(view, row, limit_s=WORKER_WAIT_S, is_patient=True)
                done += 1
        except Refused:
            continue  # noted with the row
    return done


def unavailable(view: View) -> Refused:
    return Refused(
        f"The listing of @{view.store.name} changes all the time. Please try again.",
        kind=Kind.UNAVAILABLE,
        retry_after_s=asking.RETRY_AFTER_S,
    )


def _is_cooling(row: StoreListing) -> bool:
    return row.failures > 0 and COOL_DOWN.is_on(target(row))


def target(row: StoreListing) -> str:
    """The name of its cool-down."""
    return f"{row.store}-{row.scope}"
