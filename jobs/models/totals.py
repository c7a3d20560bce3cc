"""Counts of jobs that outlive the jobs: by hour for operators, by month for users."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class JobHour(models.Model):
    """What happened to jobs in one hour; `jobs/operators/history.py` counts their events."""

    hour = models.DateTimeField(unique=True, help_text=_("Its begin."))
    steps = models.JSONField(default=dict, help_text=_('Steps by "from>to", such as ">QUEUED".'))
    waits = models.JSONField(
        default=dict,
        help_text=_("By engine: how many launched jobs had waited how long, in classes."),
    )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}"


class JobMonth(models.Model):
    """A user's jobs that ended in one month (UTC), with output in one store: how many, what cost.

    `jobs/usage.py` adds to it in the transaction of each end and each charge.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="job_months",
        db_index=False,  # the constraint's index is used
    )
    month = models.DateField(help_text=_("Its first day."))
    store = models.CharField(max_length=200, help_text=_("Where the cubes were to be written."))
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    units = models.BigIntegerField(
        default=0, help_text=_("What these jobs were charged, less what was given back.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "month", "store"], name="one_sum_of_jobs_per_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.store} in {self.month:%Y-%m}"
