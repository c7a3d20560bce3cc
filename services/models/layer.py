"""Layers: collections of geoDB that are, or shall be, published in the GeoServer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite.coordination.delivery import PENDING, Delivery, DeliveryQuerySet

GEOSERVER = "xcube_geoserv"
"""The name of GeoServer layers among the services of the hub (`GET /services`), as before."""


class LayerState(models.TextChoices):
    """What a layer is.

    REQUESTED ► PUBLISHED ► READY        GeoServer has it ► it was seen in the maps, too
        └───────────┴──► FAILED          until its owner or an operator asks again
    any of them ► REMOVING ► (no row)
    """

    REQUESTED = "REQUESTED", _("Requested")
    PUBLISHED = "PUBLISHED", _("Published, not yet verified")
    READY = "READY", _("Ready")
    REMOVING = "REMOVING", _("Being removed")
    FAILED = "FAILED", _("Failed")


class LayerReason(models.TextChoices):
    """Why a layer failed."""

    REFUSED = "refused", _("GeoServer refuses it.")
    TAKEN = "taken", _("GeoServer has something else of this name, which the hub does not touch.")
    STORE_TAKEN = (
        "store_taken",
        _("GeoServer's data store of this name reads another database; the hub does not touch it."),
    )
    NOT_OWNED = "not_owned", _("The database is somebody else's now.")
    NOT_SERVED = "not_served", _("GeoServer has the layer, but does not draw it.")


class LayerQuerySet(DeliveryQuerySet):
    def owned_by(self, user) -> LayerQuerySet:
        return self.filter(owner=user)

    def listed(self) -> LayerQuerySet:
        """Without those that are being removed."""
        return self.exclude(layer_state=LayerState.REMOVING)

    def served(self) -> LayerQuerySet:
        """Those that GeoServer has."""
        return self.filter(layer_state__in=(LayerState.PUBLISHED, LayerState.READY))

    def wish(self, state: LayerState) -> int:
        """Begin anew: the rows shall be made READY (`REQUESTED`), or be removed (`REMOVING`)."""
        now = timezone.now()
        return self.update(
            layer_state=state,
            reason="",
            since=now,
            state=PENDING,
            revision=F("revision") + 1,
            attempts=0,
            error="",
            due_at=now,
        )


class Layer(Delivery):
    """One collection of geoDB as a layer. `state` is the work left, `layer_state` what it is."""

    DELIVERED = "done"

    class State(models.TextChoices):
        PENDING = PENDING, _("To be done")
        DONE = "done", _("Done")
        FAILING = "failing", _("Failed; it is tried again")

    state = models.CharField(_("work"), max_length=10, choices=State, default=State.PENDING)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="layers"
    )
    workspace = models.CharField(max_length=63, help_text=_("The owner's role in geoDB."))
    database = models.CharField(max_length=63, help_text=_("Also the name of the data store."))
    collection = models.CharField(max_length=63)
    name = models.CharField(max_length=63, help_text=_("Of the layer and of its table."))
    layer_state = models.CharField(
        _("state"), max_length=10, choices=LayerState, default=LayerState.REQUESTED
    )
    reason = models.CharField(max_length=20, choices=LayerReason, blank=True, default="")
    since = models.DateTimeField(default=timezone.now, help_text=_("Of the state."))
    requested_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When it was last seen in GeoServer's maps.")
    )
    srs = models.CharField(max_length=40, blank=True, default="")
    bbox = models.JSONField(null=True, blank=True, help_text=_("In `srs`: x1, y1, x2, y2."))
    style = models.CharField(max_length=130, blank=True, default="")

    objects = LayerQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_row_per_layer"),
            models.CheckConstraint(
                condition=Q(layer_state__in=LayerState.values), name="layer_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["", *LayerReason.values]), name="layer_reason_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "database"], name="layers_of_a_database"),
            models.Index(fields=["database", "-id"], name="layer_database"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace}:{self.name}"

    def on_delivered(self) -> dict[str, Any]:
        """What the worker found (`services/geoserver/publishing.py`)."""
        return self.found or {}

    found: dict[str, Any] | None = None


class StrayLayer(models.Model):
    """A layer in one of the hub's workspaces for which there is no row."""

    workspace = models.CharField(max_length=63)
    name = models.CharField(max_length=255)
    store = models.CharField(max_length=255, blank=True, help_text=_("Its data store, if known."))
    first_seen_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["workspace", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_row_per_stray_layer")
        ]

    def __str__(self) -> str:
        return f"{self.workspace}:{self.name}"
