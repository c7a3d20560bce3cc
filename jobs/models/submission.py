"""What a submission leaves beside its job: the large columns, the caller's idempotency key."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .job import Job


class JobDocument(models.Model):
    """The large columns of a job: read at its launch, not whenever the job is shown."""

    job = models.OneToOneField(
        Job, on_delete=models.CASCADE, primary_key=True, related_name="document"
    )
    request = models.JSONField(
        help_text=_("The request as submitted, its credentials starred out.")
    )
    credentials = models.BinaryField(
        null=True, help_text=_("The starred-out values, encrypted; wiped at the job's end.")
    )
    code = models.BinaryField(null=True, help_text=_("Uploaded user code (zip)."))
    admitted_cells = models.BigIntegerField(
        null=True, help_text=_("Values that were paid for; a much larger cube is not written.")
    )
    estimate = models.JSONField(default=dict, help_text=_("What the estimate said at admission."))

    def __str__(self) -> str:
        return f"document of {self.job_id}"


class IdempotencyKey(models.Model):
    """A caller's `Idempotency-Key` and the job that its first use made."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="one_use_of_idempotency_key")
        ]

    def __str__(self) -> str:
        return self.key
