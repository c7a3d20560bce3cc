"""Monthly grants of processing units, and units that expire."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MonthlyGrant(models.Model):
    """Units that a user gets each month, from the first to the last month."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="monthly_grants"
    )
    units = models.BigIntegerField(help_text=_("Processing units of each month."))
    first_month = models.DateField(help_text=_("Any day of the first month."))
    last_month = models.DateField(
        null=True, blank=True, help_text=_("Any day of the last month; empty: no end.")
    )
    expires = models.BooleanField(
        default=True, help_text=_("What is not spent is gone when the month ends.")
    )
    reason = models.CharField(max_length=200, blank=True, default="monthly grant")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(units__gt=0),
                name="monthly_grant_has_units",
                violation_error_message=_("At least one unit."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.units} a month"


class ExpiringUnits(models.Model):
    """Units of one grant that expire on a day. `remaining` is the part not spent yet.

    `accounts/units/expiry.py` counts it, up to the ledger entry `counted_to`.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="expiring_units"
    )
    grant = models.OneToOneField(
        "accounts.LedgerEntry", on_delete=models.PROTECT, related_name="expiring"
    )
    expires_at = models.DateTimeField()
    remaining = models.BigIntegerField()
    counted_to = models.BigIntegerField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = _("expiring units")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining__gte=0), name="expiring_units_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"], condition=Q(closed_at=None), name="expiring_units_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining} until {self.expires_at:%Y-%m-%d}"
