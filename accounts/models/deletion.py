"""Persons that operators asked to delete, until it is done and after."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class PersonDeletion(models.Model):
    """One person to delete. The worker goes on until it is done (`accounts/deletion_queue.py`)."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deletion"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    waits_for = models.CharField(
        max_length=300, blank=True, help_text="Why it is not done yet; empty: not tried yet."
    )
    done_at = models.DateTimeField(null=True, blank=True)
    elsewhere = models.JSONField(
        default=list, help_text="What operators must delete in other systems; empty: nothing."
    )

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["asked_at"], condition=models.Q(done_at=None), name="person_deletion_open"
            )
        ]

    def __str__(self) -> str:
        return f"deletion of {self.user.user_id}"
