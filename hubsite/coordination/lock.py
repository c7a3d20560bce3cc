"""Rows that processes hold: within a transaction (`hold`), or for a time (lease, cool-down)."""

from __future__ import annotations

from django.db import models


class Lock(models.Model):
    """A name that one process holds. Leases and cool-downs are rows of it, too."""

    name = models.CharField(max_length=200, primary_key=True)
    holder = models.CharField(max_length=100, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "jobs_lock"  # it was made by the first migration of jobs, and keeps its rows

    def __str__(self) -> str:
        return self.name


def hold(name: str) -> None:
    """Hold the lock of that name until the transaction ends; others wait meanwhile.

    Call it inside of `transaction.atomic()`. On SQLite each transaction that writes is alone
    anyway.
    """
    Lock.objects.select_for_update().get_or_create(name=name)
