"""What operators want of a job: a rerun, a note, a look at its objects in the engine."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .job import Job


class Rerun(models.Model):
    """An operator's wish that a failed job runs again; gone when its successor is there."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="rerun")
    actor = models.CharField(max_length=150, help_text=_("User id of who asked for it."))
    asked_at = models.DateTimeField(auto_now_add=True)
    refused = models.CharField(
        max_length=1000, blank=True, help_text=_("Why the hub cannot submit it again.")
    )

    def __str__(self) -> str:
        return f"rerun of {self.job_id}"


class DealtWith(models.Model):
    """That an operator dealt with a failed job otherwise than by running it again."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="dealt_with")
    note = models.CharField(max_length=300, help_text=_("Why nothing is left to do."))
    actor = models.CharField(max_length=150, help_text=_("User id of who said so."))
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.job_id} is dealt with"


class EngineLook(models.Model):
    """What an engine showed of a job's objects when an operator asked (`engine_looks.py`)."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="engine_look")
    asked_at = models.DateTimeField(default=timezone.now)
    looked_at = models.DateTimeField(null=True, db_index=True, help_text="Empty: not yet.")
    objects_seen = models.JSONField(default=list, help_text="Kind, name, state, since, notes.")
    problem = models.CharField(max_length=500, blank=True, help_text="Why it cannot be said.")

    def __str__(self) -> str:
        return f"objects of {self.job_id}"
