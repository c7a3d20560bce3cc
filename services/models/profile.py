"""Profiles: what operators offer to start, and what it may use and costs."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 24 * HOUR_S


XCUBE_SERVER = "xcube_serve"
"""The name of xcube servers among the services of the hub (`GET /services`), as before."""
CATE = "cate"
"""The name of Cate web APIs there."""


class Kind(models.TextChoices):
    """The kinds of services; each has its own program and configuration."""

    XCUBE_SERVER = "xcube_server", _("xcube server")
    CATE_WEBAPI = "cate_webapi", _("Cate web API")

    @property
    def switch(self) -> str:
        """The service of the hub that operators suspend to close this kind."""
        return {Kind.XCUBE_SERVER: XCUBE_SERVER, Kind.CATE_WEBAPI: CATE}[self]


class ProfileQuerySet(models.QuerySet["ServiceProfile"]):
    def offered_to(self, user) -> ProfileQuerySet:
        """Profiles of which `user` may start a service, the default of each kind first."""
        allowed = Q(roles=None) | Q(roles__in=user.groups.all())
        return self.filter(pk__in=self.filter(allowed, is_enabled=True).order_by().values("pk"))


class ServiceProfile(models.Model):
    """One kind of service with its resources, limits and price. Operators edit it in the admin."""

    name = models.SlugField(
        max_length=40, unique=True, help_text=_("Named in the API, such as `small`.")
    )
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.XCUBE_SERVER)
    title = models.CharField(max_length=100)
    description = models.TextField(blank=True, help_text=_("What users should know to choose it."))
    image = models.CharField(
        max_length=255, blank=True, help_text=_("In a cluster; empty: the image of the hub's runs.")
    )
    cpus = models.FloatField(
        default=1.0,
        validators=[MinValueValidator(0.05), MaxValueValidator(256)],
        help_text=_("Most processor cores that one service may use."),
    )
    memory_bytes = models.BigIntegerField(
        default=1 << 30,
        validators=[MinValueValidator(128 << 20), MaxValueValidator(1 << 42)],
        help_text=_("Most memory that one service may use, in bytes."),
    )
    idle_s = models.PositiveIntegerField(
        default=30 * MINUTE_S,
        validators=[MinValueValidator(MINUTE_S)],
        help_text=_("A service that nobody has used for so many seconds falls asleep."),
    )
    age_s = models.PositiveIntegerField(
        default=30 * DAY_S,
        validators=[MinValueValidator(MINUTE_S)],
        help_text=_("A service is stopped after so many seconds, asleep or not."),
    )
    stores = models.JSONField(
        default=list,
        blank=True,
        help_text=_(
            "Names of the stores that it may show; an empty list: all that its owner reads."
        ),
    )
    units_per_hour = models.PositiveIntegerField(
        default=0, help_text=_("Processing units for an hour awake, charged per started minute.")
    )
    roles = models.ManyToManyField(
        Group, blank=True, help_text=_("Roles that may use it; none chosen: everybody.")
    )
    is_enabled = models.BooleanField(default=True, help_text=_("Whether new services may use it."))
    position = models.SmallIntegerField(
        default=0, help_text=_("Order in lists; of each kind the first one is the default.")
    )

    objects = ProfileQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "position", "name"]

    def __str__(self) -> str:
        return self.title or self.name
