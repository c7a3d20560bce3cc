"""Tickets and sessions of browsers at the edge."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Share

from .instance import ServiceInstance


class EdgeTicket(models.Model):
    """The hub's word that a browser may open an instance; exchanged once, within a minute."""

    token_hash = models.CharField(max_length=64, primary_key=True)
    instance = models.ForeignKey(ServiceInstance, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    share = models.ForeignKey(Share, on_delete=models.CASCADE, null=True, related_name="+")
    hub_session = models.CharField(
        max_length=40, blank=True, help_text=_("Key of the session at the hub that it came from.")
    )
    password_mark = models.CharField(
        max_length=64, blank=True, help_text=_("Hash of the user's password entry at that time.")
    )
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"ticket for {self.instance}"


class EdgeSession(models.Model):
    """A browser's right to use one instance. The cookie holds the secret, the row its hash."""

    token_hash = models.CharField(max_length=64, unique=True)
    instance = models.ForeignKey(ServiceInstance, on_delete=models.CASCADE, related_name="sessions")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    share = models.ForeignKey(Share, on_delete=models.CASCADE, null=True, related_name="+")
    hub_session = models.CharField(
        max_length=40, blank=True, help_text=_("Key of the session at the hub that it came from.")
    )
    password_mark = models.CharField(
        max_length=64, blank=True, help_text=_("Hash of the user's password entry at that time.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"session at {self.instance}"
