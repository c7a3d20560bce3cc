"""What happens to a job: the steps of its life, the lines of its log."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .job import Job
from .states import State


class JobEvent(models.Model):
    """One step of a job's life."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    from_state = models.CharField(max_length=10, choices=State, blank=True)
    to_state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(max_length=14, blank=True)
    message = models.TextField(blank=True)
    actor = models.CharField(max_length=100, help_text=_("Who did it: a user id, or a part of us."))

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["at"], name="job_event_at")]

    def __str__(self) -> str:
        return f"{self.from_state or '·'} → {self.to_state}"


class JobLog(models.Model):
    """Consecutive lines of a run's output. Repeating a chunk changes nothing."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="log")
    first_line = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["first_line"]
        constraints = [
            models.UniqueConstraint(fields=["job", "first_line"], name="one_log_chunk_per_line")
        ]

    def __str__(self) -> str:
        return f"lines {self.first_line}…{self.first_line + self.line_count - 1}"
