"""Who may use an instance besides its owner, and the sessions of browsers at the edge."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .instance import ServiceInstance


class Share(models.Model):
    """A right to use an instance: of a person, or of whoever has a link."""

    instance = models.ForeignKey(ServiceInstance, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="shared_services",
        help_text="The person; empty: whoever has the link.",
    )
    link_hash = models.CharField(
        max_length=64, null=True, blank=True, unique=True, help_text="SHA-256 of the link's secret."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(link_hash__isnull=True),
                name="share_of_a_person_or_a_link",
            ),
            models.UniqueConstraint(
                fields=["instance", "user"],
                condition=Q(revoked_at=None, user__isnull=False),
                name="one_share_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"share of {self.instance}"


class EdgeTicket(models.Model):
    """The hub's word that a browser may open an instance; exchanged once, within a minute."""

    token_hash = models.CharField(max_length=64, primary_key=True)
    instance = models.ForeignKey(ServiceInstance, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    share = models.ForeignKey(Share, on_delete=models.CASCADE, null=True, related_name="+")
    hub_session = models.CharField(
        max_length=40, blank=True, help_text="Key of the session at the hub that it came from."
    )
    password_mark = models.CharField(
        max_length=64, blank=True, help_text="Hash of the user's password entry at that time."
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
        max_length=40, blank=True, help_text="Key of the session at the hub that it came from."
    )
    password_mark = models.CharField(
        max_length=64, blank=True, help_text="Hash of the user's password entry at that time."
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"session at {self.instance}"
