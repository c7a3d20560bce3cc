"""The description of one data set, kept as rows as long as its store's listing would be."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from hubsite.coordination.cool_down import CoolDown
from hubsite.refusals import Kind, Refused
from hubsite.web.waiting import place_to_wait
from jobs.settings import hub

from ..models import StoreDescription, StoreListing
from ..request.accessors import EXTENSIONS, format_of
from ..request.paths import path_fault
from ..stores.store import FILE_SYSTEM_TYPES
from . import asking, listing
from .asking import StoreDown
from .slots import slots
from .stores import View

WAIT_S = 10.0
COOL_DOWN = CoolDown("store-data", seconds=60)
"""For a data set that did not answer in time."""


def describe(view: View, data_id: str) -> tuple[dict[str, Any], datetime]:
    """What the data set is, and when that was found out.

    Raises Refused: NOT_FOUND if there is none, UNSUPPORTED if it cannot be opened or described,
    UNAVAILABLE if the store does not answer. Then an older description is given if there is one.
    """
    if path_fault(data_id) is not None:
        raise Refused(f"@{view.store.name} has no data set {data_id!r}.", kind=Kind.NOT_FOUND)
    if view.store.store_id in FILE_SYSTEM_TYPES and format_of(data_id) is None:
        endings = ", ".join(ending for endings in EXTENSIONS.values() for ending in endings)
        raise Refused(
            f"The data set {data_id!r} cannot be described; expected a name with one of the "
            f"endings {endings}.",
            kind=Kind.UNSUPPORTED,
        )
    row = listing.find(view) or listing.make_row(view)
    known = StoreDescription.objects.filter(listing=row, key=key_of(data_id)).first()
    if known is not None and _is_fresh(known):
        return known.content, known.described_at
    try:
        with place_to_wait(f"store @{view.store.name}"):
            return _ask(view, row, data_id)
    except StoreDown:
        if known is not None:
            return known.content, known.described_at
        raise
    except Refused as refused:
        if refused.kind is Kind.NOT_FOUND and known is not None:
            known.delete()
        raise


def key_of(data_id: str) -> str:
    return hashlib.sha256(data_id.encode()).hexdigest()


def _is_fresh(known: StoreDescription) -> bool:
    return abs(timezone.now() - known.described_at) < timedelta(seconds=hub.stores_fresh_s)


def _ask(view: View, row: StoreListing, data_id: str) -> tuple[dict[str, Any], datetime]:
    listing.check_cool_down(view, row)
    with slots(view.store.name, is_suspect=row.failures > 0, wait_s=listing.OTHERS_WAIT_S):
        listing.reload(row)
        listing.check_cool_down(view, row)
        target = f"{listing.target(row)}-{key_of(data_id)[:32]}"
        if COOL_DOWN.is_on(target):
            raise StoreDown(view, f"{data_id!r} did not answer in time.", is_late=True)
        try:
            content = asking.describe(view, data_id, limit_s=WAIT_S)
        except StoreDown as error:
            if error.is_late:  # perhaps this data set alone
                COOL_DOWN.start(target)
            else:
                listing.failed(row, error)
            raise
    now = timezone.now()
    # What a job changes meanwhile may not be in it: then it is shown, and not kept.
    if StoreListing.objects.filter(pk=row.pk, changes=row.changes).exists():
        StoreDescription.objects.bulk_create(
            [StoreDescription(listing=row, key=key_of(data_id), content=content, described_at=now)],
            update_conflicts=True,
            unique_fields=["listing", "key"],
            update_fields=["content", "described_at"],
        )
    return content, now


def digest_of(content: dict[str, Any]) -> str:
    """Changes with the description."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
