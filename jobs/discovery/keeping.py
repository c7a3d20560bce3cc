"""Forgets what discovery keeps: at once what a job has changed, and in time everything."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from hubsite.coordination import retention

from ..models import Job, StoreDescription, StoreListing
from ..output import output_changes
from .describing import key_of

LISTINGS_DAYS = 7
DESCRIPTIONS_DAYS = 1


def listen() -> None:
    """Learn of what jobs write, from now on."""
    output_changes.listen(output_changed)


def output_changed(job: Job) -> None:
    """The output of a job was written, replaced or removed: those who see it list anew."""
    name = job.output_store.removeprefix("@")
    seen = StoreListing.objects.filter(Q(scope="") | Q(scope=str(job.owner_id)), store=name)
    seen.update(changes=F("changes") + 1)
    keys = [key_of(data_id) for data_id, _ in job.outputs]
    StoreDescription.objects.filter(listing__in=seen, key__in=keys).delete()


def forget_old() -> int:
    """Delete listings that no one has wanted for a week, and descriptions a day old."""
    now = timezone.now()
    descriptions = StoreDescription.objects.filter(
        described_at__lt=now - timedelta(days=DESCRIPTIONS_DAYS)
    )
    listings = StoreListing.objects.filter(
        Q(listed_at__lt=now - timedelta(days=LISTINGS_DAYS))
        | Q(listed_at=None, failed_at__lt=now - timedelta(days=LISTINGS_DAYS))
    )
    return retention.delete(descriptions) + retention.delete(listings)
