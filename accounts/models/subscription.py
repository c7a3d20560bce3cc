"""What a user has subscribed to at the marketplace, how it changed, and geoDB's part in it."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite.coordination.delivery import Delivery

GEODB_ROLE_PREFIX = "geodb_"
LONGEST_GEODB_GUID = 63 - len(GEODB_ROLE_PREFIX)
"""PostgreSQL cuts names of roles after 63 bytes: two long ones could become one."""

_GEODB_GUID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*")


class Service(models.TextChoices):
    """The services that can be subscribed to, by the names the marketplace uses."""

    GEN = "xcube_gen", _("Cube generation")
    GEODB = "xcube_geodb", _("geoDB")
    GEOSERV = "xcube_geoserv", _("GeoServer")


class Unit(models.TextChoices):
    PUNITS = "punits", _("Processing units")
    CELLS = "cells", _("geoDB cells")
    EURO = "euro", _("Euro, as processing units")
    NONE = "n/a", _("None")


def check_geodb_guid(guid: str) -> None:
    """A database role is named after it. Raises ValidationError."""
    if len(guid) > LONGEST_GEODB_GUID or not _GEODB_GUID.fullmatch(guid):
        raise ValidationError(
            f"at most {LONGEST_GEODB_GUID} letters, digits, -, _ and . are expected, for a "
            "database role is named after it"
        )


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def live(self) -> SubscriptionQuerySet:
        return self.filter(ended_at=None)


class Subscription(models.Model):
    """A user's subscription to a service: one row each, also after it has ended."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriptions"
    )
    service = models.CharField(max_length=20, choices=Service)
    guid = models.CharField(
        max_length=255, help_text=_("The marketplace's id of the user. Names the role in geoDB.")
    )
    plan = models.CharField(max_length=100, default="free")
    units = models.FloatField(default=0.0, help_text=_("What was bought, in `unit`."))
    unit = models.CharField(max_length=10, choices=Unit, default=Unit.PUNITS)
    client = models.ForeignKey(
        "accounts.Client",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="subscriptions",
        help_text=_("The client id and secret that the marketplace gave out."),
    )
    start_date = models.DateField()
    option = models.CharField(max_length=100, blank=True, default="")
    first_name = models.CharField(max_length=150, blank=True, default="")
    last_name = models.CharField(max_length=150, blank=True, default="")
    roles = models.JSONField(
        default=list, blank=True, editable=False, help_text=_("Roles that it means.")
    )
    given_roles = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text=_("Those of them that the user had not before: its end takes them away."),
    )
    revision = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Since then it permits nothing.")
    )

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "service"], name="subscription_one_per_service"
            ),
            models.UniqueConstraint(
                fields=["guid"],
                condition=Q(service="xcube_geodb"),
                name="subscription_one_per_geodb_role",
                violation_error_message=_("Another user has this role in geoDB."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} of {self.user}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None

    @property
    def geodb_role(self) -> str:
        """The user's database role, if this is a subscription to geoDB."""
        return f"{GEODB_ROLE_PREFIX}{self.guid}" if self.service == Service.GEODB else ""


class SubscriptionEvent(models.Model):
    """One change of a subscription; its history. Secrets are never in it."""

    class Kind(models.TextChoices):
        STARTED = "started"
        CHANGED = "changed"
        ENDED = "ended"
        RESUMED = "resumed"

    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,  # the index on subscription and pk is used
    )
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=10, choices=Kind)
    changes = models.JSONField(default=dict, help_text=_("Field to [before, after]."))
    actor = models.CharField(max_length=300, help_text=_("The client or user who asked for it."))

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["subscription", "-id"], name="subscription_history")]

    def __str__(self) -> str:
        return self.kind


class GeodbRegistration(Delivery):
    """Whether geoDB knows a subscriber. A tick registers the subscriber, and retries."""

    DELIVERED = "registered"

    class State(models.TextChoices):
        PENDING = "pending", _("To be registered")
        REGISTERED = "registered", _("Registered")
        FAILING = "failing", _("Failed; it is tried again")

    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    subscription = models.OneToOneField(
        Subscription, on_delete=models.CASCADE, related_name="registration"
    )
    registered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("geoDB registration")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.subscription.geodb_role}: {self.state}"

    def on_delivered(self) -> dict[str, Any]:
        return {"registered_at": timezone.now()}
