"""A program that asks, without a browser of its own, for a token of a person (RFC 8628)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class DeviceRequest(models.Model):
    """One request for a personal token (`accounts/tokens/device_flow.py` decides about it).

    The row goes as soon as the program has got its token. Of the program's secret, the device
    code, only a hash is stored.
    """

    code_hash = models.CharField(max_length=64, unique=True, editable=False)
    user_code = models.CharField(
        max_length=8, unique=True, help_text=_("What the person types, without the hyphen.")
    )
    client_id = models.CharField(max_length=60, help_text=_("What the program calls itself."))
    name = models.CharField(
        max_length=100, blank=True, help_text=_("What the program proposes to call its token.")
    )
    address = models.CharField(max_length=45, blank=True, help_text=_("From where it asked."))
    wanted = models.JSONField(
        default=list, help_text=_("The scopes it asked for; none: the usual.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    interval_s = models.PositiveSmallIntegerField(
        help_text=_("Seconds between two polls, at least.")
    )
    polled_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="device_requests",
        help_text=_("Who approved it; none if it was denied."),
    )
    scopes = models.JSONField(default=list, help_text=_("The scopes that were approved."))
    days = models.PositiveSmallIntegerField(default=0, help_text=_("For how long, as approved."))

    def __str__(self) -> str:
        return f"{self.client_id} at {self.created_at:%Y-%m-%d %H:%M:%S}"
