"""A job: one cube generation, and the words in which the hub asks for jobs (its queryset)."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..levels import levels_name
from .states import ACTIVE_STATES, FINAL_STATES, Priority, Reason, State

XCUBE_GEN = "xcube_gen"
"""The name of cube generation among the services of the hub (`GET /services`)."""


def new_job_id(user_id: str) -> str:
    """`<user id>-<first 18 characters of a uuid4>`: at most 63 characters, a DNS label."""
    return f"{user_id}-{str(uuid.uuid4())[:18]}"


class JobQuerySet(models.QuerySet["Job"]):
    def owned_by(self, user) -> JobQuerySet:
        return self.filter(owner=user)

    def listed(self) -> JobQuerySet:
        """Jobs that their owner has not deleted."""
        return self.filter(hidden_at=None)

    def active(self) -> JobQuerySet:
        return self.filter(state__in=ACTIVE_STATES)

    def live_and_active(self) -> JobQuerySet:
        """The same jobs, which are all live, found by the small index of live jobs."""
        return self.active().filter(is_live=True)

    def on(self, engine: str) -> JobQuerySet:
        """Jobs that the engine of that name runs, or will run."""
        return self.filter(engine=engine)

    def due(self) -> JobQuerySet:
        """Jobs that wait to be launched."""
        return self.filter(is_live=True, state=State.QUEUED)

    def claiming(self) -> JobQuerySet:
        """Jobs that hold the claim on their output: no other job may write there."""
        return self.filter(Q(is_live=True) | Q(removal_due_at__isnull=False))

    def at(self, claims: Collection[str]) -> JobQuerySet:
        """Jobs that write, or wrote, their cube or its pyramid to one of these places."""
        return self.filter(Q(output_claim__in=claims) | Q(levels_claim__in=claims))

    def lock(self, pks: Collection[int]) -> None:
        """Lock these rows until the transaction ends, in the order of their keys.

        Call it first in every transaction that changes many rows. It prevents deadlocks, because
        all lock in the same order. On SQLite only one transaction can write at a time anyway.
        """
        list(self.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk"))

    def placed(self) -> JobQuerySet:
        """Jobs that hold a place of the engine, because a run of them may exist."""
        return self.filter(is_live=True).exclude(state=State.QUEUED)


class Job(models.Model):
    """One cube generation. Its id is also the name of its object in the engine."""

    job_id = models.CharField(max_length=63, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="jobs"
    )
    client_id = models.CharField(
        max_length=255,
        blank=True,
        help_text=_("The API client that submitted it; empty: a browser."),
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="retries"
    )

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    reason = models.CharField(
        max_length=14, choices=Reason, blank=True, help_text=_("Why it failed; empty otherwise.")
    )
    message = models.TextField(blank=True, help_text=_("What to tell the owner about the state."))
    is_live = models.BooleanField(
        default=True,
        help_text=_("Queued, or a run of it may still exist: it holds its place and its output."),
    )

    engine = models.CharField(max_length=40, help_text=_("The engine that runs it."))
    priority = models.PositiveSmallIntegerField(
        choices=Priority,
        default=Priority.NORMAL,
        db_default=Priority.NORMAL,
        help_text=_("Its place among waiting jobs, which operators may change."),
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    deadline_s = models.PositiveIntegerField(help_text=_("Longest run, in seconds."))
    memory_bytes = models.BigIntegerField(help_text=_("Most private memory of the run, in bytes."))
    size_class = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text=_("About how many values it writes: one more for each four-fold."),
    )
    has_user_code = models.BooleanField(default=False)
    uses_own_store = models.BooleanField(
        default=False, help_text=_("Reads or writes a store of its owner's own.")
    )
    can_remove_output = models.BooleanField(
        default=True,
        help_text=_("The hub can remove what it writes: a new dataset in a store of the hub."),
    )
    units = models.BigIntegerField(help_text=_("Processing units reserved at submission."))

    input_store = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("The store of its first input, as output_store."),
    )
    input_data_id = models.CharField(
        max_length=512,
        blank=True,
        default="",
        db_default="",
        help_text=_("The data set that is its first input."),
    )
    output_store = models.CharField(max_length=200)
    output_data_id = models.CharField(max_length=512)
    output_claim = models.CharField(
        max_length=64, help_text=_("SHA-256 of where the output lies: one live job at a time.")
    )

    levels_claim = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text=_("The same of the pyramid beside the output; empty: none is written."),
    )

    created_at = models.DateTimeField(default=timezone.now)
    launched_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its object was completely made in the engine.")
    )
    seen_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When its object was first seen in the engine.")
    )
    pending_reason = models.CharField(
        max_length=14,
        choices=Reason,
        blank=True,
        default="",
        db_default="",
        help_text=_("Why its run, which was made, has not begun, as far as the engine says."),
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)

    removal_due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("When to try to remove what its failed run may have left; empty: nothing is."),
    )
    removal_tries = models.PositiveIntegerField(default=0)

    usage = models.JSONField(
        null=True,
        blank=True,
        help_text=_(
            "What its run was measured to use: peak_memory_bytes, written_cells. With the "
            "times it says what such a job really takes."
        ),
    )
    progress = models.JSONField(
        null=True, blank=True, help_text=_("Last report of the run: {sender, state}.")
    )
    result = models.JSONField(
        null=True, blank=True, help_text=_("What the run answered at its end.")
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["output_claim"],
                condition=Q(is_live=True) | Q(removal_due_at__isnull=False),
                name="one_live_job_per_output",
            ),
            models.UniqueConstraint(
                fields=["levels_claim"],
                condition=(Q(is_live=True) | Q(removal_due_at__isnull=False)) & ~Q(levels_claim=""),
                name="one_live_job_per_pyramid",
            ),
            models.CheckConstraint(condition=Q(units__gte=0), name="job_units_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["owner", "-id"], condition=Q(hidden_at=None), name="job_owner_listed"
            ),
            models.Index(
                fields=["owner", "-created_at"],
                condition=Q(hidden_at=None),
                name="job_owner_created",  # where the days begin that someone looks for
            ),
            models.Index(
                fields=["owner", "state", "-id"],
                condition=Q(hidden_at=None),
                name="job_owner_state",  # somebody's few failed ones among a hundred thousand
            ),
            models.Index(fields=["state", "-id"], name="job_state"),
            models.Index(fields=["reason", "-id"], condition=~Q(reason=""), name="job_reason"),
            models.Index(fields=["id"], condition=Q(is_live=True), name="job_live"),
            models.Index(fields=["owner", "id"], condition=Q(is_live=True), name="job_owner_live"),
            models.Index(
                fields=["owner", "priority", "id"], condition=Q(is_live=True), name="job_owner_turn"
            ),
            models.Index(
                fields=["engine", "owner"],
                condition=Q(is_live=True) & ~Q(state=State.QUEUED),
                name="job_placed",  # places are counted at each launch, however many jobs wait
            ),
            # Live jobs are counted by it alone: a hundred among a million are read in a moment.
            models.Index(
                fields=["engine", "state", "owner"],
                condition=Q(is_live=True),
                name="job_live_counted",
            ),
            models.Index(
                fields=["owner", "-finished_at", "-id"],
                condition=Q(hidden_at=None, state=State.SUCCEEDED),
                name="job_owner_cubes",  # a catalogue's months
            ),
            models.Index(fields=["output_claim", "-id"], name="job_output"),
            models.Index(fields=["input_store", "input_data_id", "-id"], name="job_input"),
            models.Index(fields=["created_at"], name="job_created"),
            models.Index(
                fields=["levels_claim", "-id"],
                condition=~Q(levels_claim=""),
                name="job_levels",
            ),
            models.Index(
                fields=["removal_due_at"],
                condition=Q(removal_due_at__isnull=False),
                name="job_removal_due",
            ),
        ]

    def __str__(self) -> str:
        return self.job_id

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES

    @property
    def outputs(self) -> list[tuple[str, str]]:
        """(data id, claim) of the cube and, if one was asked for, of its pyramid."""
        places = [(self.output_data_id, self.output_claim)]
        if self.levels_claim:
            places.append((levels_name(self.output_data_id), self.levels_claim))
        return places


def levels_data_id(job: Job) -> str:
    """The name of the pyramid beside the job's cube, in the same store; "" if it has none."""
    return levels_name(job.output_data_id) if job.levels_claim else ""
