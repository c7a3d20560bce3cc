"""Tables of discovery: what a store was found to hold, by whom it may be seen, and when.

A listing lives in parts of `PART` ids each, so a page costs the same at the beginning and at the
end of 100,000 ids: one row for the listing, and at most two for its parts. All processes of web,
on all machines, see the same listing.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

PART = 1000
"""Ids in a part. A page of the API has at most as many, so it lies in two parts at most."""


class StoreListing(models.Model):
    """The data sets of one store, as all of its users see it, or as one does (`per_user`)."""

    store = models.CharField(max_length=100, help_text="The store's name in the stores file.")
    scope = models.CharField(
        max_length=20, blank=True, help_text="The key of the only user who sees it; empty: all."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    fingerprint = models.CharField(
        max_length=64, help_text="Of the store's parameters: with others it is another listing."
    )
    changes = models.PositiveBigIntegerField(
        default=0, help_text="Counts outputs of jobs that were written, replaced or removed."
    )
    listed_at = models.DateTimeField(null=True)
    listed_changes = models.PositiveBigIntegerField(
        default=0, help_text="`changes` when the newest listing began; if fewer, it is outdated."
    )
    took_s = models.FloatField(default=0)
    total = models.PositiveIntegerField(default=0)
    is_complete = models.BooleanField(default=True)
    digest = models.CharField(max_length=64, blank=True, help_text="Of all ids and types.")
    failures = models.PositiveIntegerField(default=0, help_text="In a row, until it answered.")
    failed_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)
    wanted_at = models.DateTimeField(
        null=True, help_text="Someone waits for a newer one; the worker makes it."
    )

    class Meta:
        app_label = "jobs"
        constraints = [
            models.UniqueConstraint(fields=["store", "scope"], name="one_listing_of_a_store")
        ]
        indexes = [
            models.Index(
                fields=["wanted_at"],
                name="listings_wanted",
                condition=models.Q(wanted_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"@{self.store}" + (f" of {self.scope}" if self.scope else "")


class StoreListingPart(models.Model):
    """Some of a listing's entries, in order: JSON, a list of [data id, data type]."""

    listing = models.ForeignKey(StoreListing, on_delete=models.CASCADE, related_name="parts")
    digest = models.CharField(max_length=64, help_text="Of the listing that it is a part of.")
    number = models.PositiveIntegerField()
    entries = models.TextField()

    class Meta:
        app_label = "jobs"
        constraints = [
            models.UniqueConstraint(
                fields=["listing", "digest", "number"], name="one_part_of_a_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}/{self.number}"


class StoreDescription(models.Model):
    """What a data set of a store was found to be."""

    listing = models.ForeignKey(StoreListing, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64, help_text="SHA-256 of the data id.")
    content = models.JSONField()
    described_at = models.DateTimeField()

    class Meta:
        app_label = "jobs"
        constraints = [
            models.UniqueConstraint(fields=["listing", "key"], name="one_description_of_data")
        ]
        indexes = [models.Index(fields=["described_at"], name="descriptions_by_age")]

    def __str__(self) -> str:
        return f"{self.listing_id}/{self.key[:8]}"
