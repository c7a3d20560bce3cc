"""Service instances: one row for each service that somebody started, never used twice."""

from __future__ import annotations

import base64
import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite.engines.facts import Reason as EngineReason

from .profile import Kind, ServiceProfile


class State(models.TextChoices):
    """The state of an instance; `lifecycle.py` has the table of allowed steps."""

    REQUESTED = "REQUESTED", _("Requested")
    STARTING = "STARTING", _("Starting")
    READY = "READY", _("Ready")
    ASLEEP = "ASLEEP", _("Asleep")
    STOPPING = "STOPPING", _("Stopping")
    STOPPED = "STOPPED", _("Stopped")
    FAILED = "FAILED", _("Failed")


FINAL_STATES = frozenset({State.STOPPED, State.FAILED})
OVER_STATES = FINAL_STATES | {State.STOPPING}
"""In these states the instance is not coming back."""
AWAKE_STATES = frozenset({State.REQUESTED, State.STARTING, State.READY})
"""In these states the instance has a process, or shall have one."""
ACTIVE_STATES = AWAKE_STATES | {State.ASLEEP}
"""All others are over."""


class Reason(models.TextChoices):
    """Why an instance failed, stopped, or fell asleep: a closed list."""

    OUT_OF_MEMORY = EngineReason.OUT_OF_MEMORY, _("Needed more memory than its profile allows")
    CRASH_LOOP = EngineReason.CRASH_LOOP, _("Ended again and again")
    DEADLINE = EngineReason.DEADLINE, _("Was not ready in time")
    EVICTED = EngineReason.EVICTED, _("Driven off its machine")
    IMAGE = EngineReason.IMAGE, _("The image could not be had")
    UNSCHEDULABLE = EngineReason.UNSCHEDULABLE, _("No machine could take it")
    REJECTED = EngineReason.REJECTED, _("Refused by the engine")
    LOST = EngineReason.LOST, _("The service vanished")
    LAUNCH = EngineReason.LAUNCH, _("Could not be started")
    OWNER = "OWNER", _("Stopped by its owner")
    OPERATOR = "OPERATOR", _("Stopped by an operator")
    SHARED = "SHARED", _("Stopped by somebody with whom it is shared")
    IDLE = "IDLE", _("Nobody used it")
    AGE = "AGE", _("Reached the largest age of its profile")
    UNITS = "UNITS", _("Its owner has no processing units left")
    ACCOUNT = "ACCOUNT", _("Its owner's account was switched off or deleted")


def new_instance_id() -> str:
    """26 random characters (130 bits) of a-z and 2-7: a DNS label that cannot be guessed."""
    return "x" + base64.b32encode(secrets.token_bytes(17)).decode().lower().rstrip("=")[:26]


class InstanceQuerySet(models.QuerySet["ServiceInstance"]):
    def owned_by(self, user) -> InstanceQuerySet:
        return self.filter(owner=user)

    def listed(self) -> InstanceQuerySet:
        return self.filter(hidden_at=None)

    def active(self) -> InstanceQuerySet:
        """Instances that serve or shall serve: those count for the limits of their owners.

        It names the states to keep, so that an index is used: most instances have ended.
        """
        return self.filter(state__in=ACTIVE_STATES)

    def on(self, engine: str) -> InstanceQuerySet:
        return self.filter(engine=engine)

    def live(self) -> InstanceQuerySet:
        """Instances of which an object may exist in the engine."""
        return self.filter(is_live=True)


class ServiceInstance(models.Model):
    """One service. Its id is also the name of its object in the engine, and part of its URL."""

    instance_id = models.CharField(
        max_length=63, unique=True, editable=False, default=new_instance_id
    )
    kind = models.CharField(max_length=20, choices=Kind)
    profile = models.ForeignKey(ServiceProfile, on_delete=models.PROTECT, related_name="instances")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="services"
    )
    client_id = models.CharField(
        max_length=255, blank=True, help_text=_("The API client that started it; empty: a browser.")
    )
    title = models.CharField(max_length=200, blank=True)
    slot = models.CharField(
        max_length=40,
        blank=True,
        help_text=_(
            "Of each slot a user has at most one: `main` (PUT /xcube), `cubes` (finished "
            "cubes), `cate`. Empty: one of any number."
        ),
    )

    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    reason = models.CharField(max_length=14, choices=Reason, blank=True)
    message = models.TextField(blank=True, help_text=_("What to tell the owner about the state."))
    is_live = models.BooleanField(
        default=True, help_text=_("An object of it may exist in the engine.")
    )

    engine = models.CharField(max_length=40, help_text=_("The engine that runs it."))
    revision = models.PositiveIntegerField(
        default=1,
        help_text=_("Counts what the engine shall do: start, new configuration, sleep, wake."),
    )
    applied_revision = models.PositiveIntegerField(
        default=0, help_text=_("The last revision that the engine has accepted.")
    )
    refresh_due_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When to tell it that its data has changed.")
    )
    path = models.CharField(
        max_length=100, blank=True, help_text=_("Path of all its URLs; empty: it has its own host.")
    )
    address = models.CharField(
        max_length=300, blank=True, help_text=_("Where the edge reaches it; only the edge may.")
    )
    restarts = models.PositiveIntegerField(default=0)
    broken = models.JSONField(
        default=dict,
        blank=True,
        help_text=_("Datasets and stores that it cannot show, each with the reason."),
    )

    created_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    starting_since = models.DateTimeField(null=True, blank=True)
    ready_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("Since when it is ready without a break; empty: it is not."),
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)

    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_by = models.CharField(
        max_length=40, blank=True, help_text=_("What used it last, such as `a tile request`.")
    )
    kept_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Until then it neither falls asleep nor is too old.")
    )
    stops_at = models.DateTimeField(help_text=_("When it reaches the largest age of its profile."))
    warned_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its owner was warned of its largest age.")
    )
    units_warned_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its owner was warned that units will be used up.")
    )

    units_per_hour = models.PositiveIntegerField(default=0)
    minutes = models.PositiveIntegerField(
        default=0, help_text=_("Started minutes awake that were charged.")
    )
    metered_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Until when the present time awake has been counted.")
    )
    block = models.PositiveIntegerField(
        default=0, help_text=_("Number of its last reservation of units, from 1.")
    )
    block_minutes = models.PositiveIntegerField(
        default=0, help_text=_("Minutes that are reserved ahead; 0: none.")
    )
    losses = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often its object vanished from the engine and was made again.")
    )

    objects = InstanceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "kind", "slot"],
                condition=~Q(slot="") & ~Q(state__in=["STOPPING", "STOPPED", "FAILED"]),
                name="one_instance_per_slot",
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "-id"], condition=Q(hidden_at=None), name="instance_owner_listed"
            ),
            models.Index(
                fields=["owner", "-id"],
                condition=Q(state__in=sorted(ACTIVE_STATES)),
                name="instance_owner_active",  # few of all that a person ever had
            ),
            models.Index(fields=["state", "-id"], name="instance_state"),
            models.Index(fields=["id"], condition=Q(is_live=True), name="instance_live"),
            models.Index(
                fields=["refresh_due_at"],
                condition=Q(refresh_due_at__isnull=False),
                name="instance_refresh_due",
            ),
        ]

    def __str__(self) -> str:
        return self.instance_id

    @property
    def switch(self) -> str:
        """The service of the hub that operators suspend to close it."""
        return Kind(self.kind).switch

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


class InstanceDocument(models.Model):
    """The large columns of an instance: read when it is applied, not whenever it is shown."""

    instance = models.OneToOneField(
        ServiceInstance, on_delete=models.CASCADE, primary_key=True, related_name="document"
    )
    configuration = models.JSONField(help_text=_("As its owner gave it, checked."))
    log = models.TextField(
        blank=True, help_text=_("The last lines of its log, kept after its end.")
    )
    logged_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the log was last copied, and had changed.")
    )
    log_wanted_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Until when the log is copied for someone who reads it.")
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["log_wanted_until"],
                condition=Q(log_wanted_until__isnull=False),
                name="service_log_wanted",
            )
        ]

    def __str__(self) -> str:
        return f"document of {self.instance_id}"


class InstanceEvent(models.Model):
    """One step of an instance's life, or something that happened to it (`to_state` is empty)."""

    instance = models.ForeignKey(ServiceInstance, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    from_state = models.CharField(max_length=10, choices=State, blank=True)
    to_state = models.CharField(max_length=10, choices=State, blank=True)
    reason = models.CharField(max_length=14, blank=True)
    message = models.TextField(blank=True)
    actor = models.CharField(max_length=100, help_text=_("Who did it: a user id, or a part of us."))

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.from_state or 'new'} → {self.to_state}" if self.to_state else "event"
