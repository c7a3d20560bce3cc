"""Processing units: the balance of a user, and the ledger of all movements.

Only `accounts/units/ledger.py` writes these.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Balance(models.Model):
    """A user's processing units. `reserved` is the part of `total` that jobs may spend.

    An override may set `total` below `reserved`. Then nothing is available.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="balance"
    )
    total = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    low_noticed_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its user was last told that little is left.")
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(total__gte=0), name="balance_total_not_negative"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0), name="balance_reserved_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.available} of {self.total} available"

    @property
    def available(self) -> int:
        return max(0, self.total - self.reserved)


class LedgerEntryQuerySet(models.QuerySet):
    def reservation(self, reference: str) -> LedgerEntryQuerySet:
        return self.filter(reference=reference, kind=LedgerEntry.Kind.RESERVE)

    def closing(self, reference: str) -> LedgerEntryQuerySet:
        """The entry that closed the reservation: its settlement or its release."""
        return self.filter(
            reference=reference, kind__in=[LedgerEntry.Kind.SETTLE, LedgerEntry.Kind.RELEASE]
        )

    def update(self, **fields):
        raise LedgerEntryIsFinal("Ledger entries are never changed; write a correction.")

    def delete(self):
        raise LedgerEntryIsFinal("Ledger entries are never deleted; write a correction.")


class UnitsOfMonth(models.Model):
    """A user's units of one calendar month (UTC) and purpose: sums of the ledger.

    The ledger adds to it in the transaction of each movement, so a month of a million entries is
    told without reading them.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="unit_months",
        db_index=False,  # the constraint's index is used
    )
    month = models.DateField(help_text=_("Its first day."))
    purpose = models.CharField(
        max_length=20,
        default="",
        blank=True,
        help_text=_("What was charged for; empty: grants, and what belongs to no purpose."),
    )
    charged = models.BigIntegerField(default=0, help_text=_("Less what was given back."))
    granted = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    corrected = models.BigIntegerField(default=0, help_text=_("By operators; may be negative."))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "month", "purpose"], name="one_sum_of_units_per_purpose"
            )
        ]
        indexes = [
            # The sums of all users are added up by it alone.
            models.Index(fields=["month", "user", "charged", "granted"], name="units_of_month_sums")
        ]

    def __str__(self) -> str:
        return f"{self.charged} in {self.month:%Y-%m}"


class LedgerEntryIsFinal(TypeError):
    """An attempt to change or delete a ledger entry."""


class LedgerEntry(models.Model):
    """One movement of a user's processing units, and the balance that it left."""

    class Kind(models.TextChoices):
        GRANT = "grant"
        OVERRIDE = "override"
        RESERVE = "reserve"
        SETTLE = "settle"
        RELEASE = "release"
        CORRECT = "correct"
        EXPIRE = "expire"
        REFUND = "refund"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="ledger_entries",
        db_index=False,  # the index on user and pk is used
    )
    kind = models.CharField(max_length=10, choices=Kind)
    units = models.BigIntegerField(
        help_text=_("What was asked for; the deltas tell what happened.")
    )
    actual_units = models.BigIntegerField(
        null=True, blank=True, help_text=_("What the job really used, beside what it was charged.")
    )
    delta_total = models.BigIntegerField(default=0)
    delta_reserved = models.BigIntegerField(default=0)
    total_after = models.BigIntegerField()
    reserved_after = models.BigIntegerField()
    reference = models.CharField(
        max_length=64, blank=True, default="", help_text=_("The job that it is for.")
    )
    idempotency_key = models.CharField(max_length=255, unique=True)
    reason = models.CharField(max_length=500, blank=True, default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Who did it, if it was a user of the hub."),
    )
    actor_name = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text=_("Who did it, if it was no user of the hub: somebody at the command line."),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = _("ledger entries")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["user", "-id"], name="ledger_user_newest"),
            models.Index(fields=["reference"], name="ledger_reference"),
            # Statements are read by it alone, however many entries a user has.
            models.Index(
                fields=["user", "created_at", "kind", "delta_total"], name="ledger_user_time"
            ),
            models.Index(
                fields=["user", "-created_at", "-id"],
                condition=~Q(kind__in=["reserve", "release"]),
                name="ledger_user_moved",  # the newest that are no holds, also if most are
            ),
            models.Index(fields=["kind", "-id"], name="ledger_kind"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(total_after__gte=0, reserved_after__gte=0),
                name="ledger_never_negative",
            ),
            models.UniqueConstraint(
                fields=["reference"],
                condition=Q(kind="reserve"),
                name="ledger_one_reservation",
            ),
            models.UniqueConstraint(
                fields=["reference"],
                condition=Q(kind__in=["settle", "release"]),
                name="ledger_one_closing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.units}"

    def save(self, *args, **kwargs) -> None:
        if not self._state.adding:
            raise LedgerEntryIsFinal("A ledger entry is never changed; write a correction.")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise LedgerEntryIsFinal("A ledger entry is never deleted; write a correction.")

    @property
    @admin.display(description=_("done by"))
    def done_by(self) -> str:
        """Who did it, for people; empty if it was the hub itself."""
        return self.actor.email if self.actor else self.actor_name
