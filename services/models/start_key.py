"""Keys by which a repeated start is recognised (the header `Idempotency-Key`)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from .instance import ServiceInstance


class StartKey(models.Model):
    """The first start with a key of its user: a repeated one returns the same instance."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    instance = models.ForeignKey(ServiceInstance, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="one_start_per_key")]

    def __str__(self) -> str:
        return self.key
