"""Requests that an operator made in a user's name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ActingEntry(models.Model):
    """Written before the request is answered, whether it succeeds or not; never changed."""

    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acted"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="acted_for"
    )
    at = models.DateTimeField(default=timezone.now)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=500)
    address = models.CharField(max_length=64, blank=True)
    jti = models.CharField(
        max_length=32, blank=True, help_text=_("The operator's token; empty: a browser.")
    )

    class Meta:
        verbose_name_plural = _("acting entries")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.operator} for {self.user}: {self.method} {self.path}"
