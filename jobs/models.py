"""Tables of cube generation: jobs, their documents, events, logs, idempotency keys."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hubsite.engines import base as engines

from .discovery.rows import StoreDescription, StoreListing, StoreListingPart  # noqa: F401
from .levels import levels_name
from .prediction.rows import (  # noqa: F401
    LearntDuration,
    LearntUntil,
    OpenPrediction,
    PredictionErrors,
    QueueForecast,
)

XCUBE_GEN = "xcube_gen"
"""The name of cube generation among the services of the hub (`GET /services`)."""


class State(models.TextChoices):
    """The state of a job; `lifecycle.py` has the table of allowed steps."""

    QUEUED = "QUEUED", _("Queued")
    LAUNCHED = "LAUNCHED", _("Launched")
    RUNNING = "RUNNING", _("Running")
    SUCCEEDED = "SUCCEEDED", _("Succeeded")
    FAILED = "FAILED", _("Failed")
    CANCELLED = "CANCELLED", _("Cancelled")


ACTIVE_STATES = frozenset({State.QUEUED, State.LAUNCHED, State.RUNNING})
FINAL_STATES = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Reason(models.TextChoices):
    """Why a job failed: a closed list, because each reason has a remedy and decides the price.

    It has the reasons of the engines, and two for xcube itself.
    """

    OUT_OF_MEMORY = engines.Reason.OUT_OF_MEMORY, _("Needed more memory than a run may use")
    DEADLINE = engines.Reason.DEADLINE, _("Took longer than a run may take")
    EVICTED = engines.Reason.EVICTED, _("Driven off its machine")
    IMAGE = engines.Reason.IMAGE, _("The image could not be had")
    UNSCHEDULABLE = engines.Reason.UNSCHEDULABLE, _("No machine could take it")
    REJECTED = engines.Reason.REJECTED, _("Refused by the engine")
    XCUBE_ERROR = "XCUBE_ERROR", _("xcube could not generate the cube")
    COST = "COST", _("Cost more than allowed")
    LOST = engines.Reason.LOST, _("The run vanished")
    LAUNCH = engines.Reason.LAUNCH, _("Could not be launched")
    OPERATOR = "OPERATOR", _("Ended by an operator")


class Priority(models.IntegerChoices):
    """What operators may say about a waiting job; the lower comes first."""

    URGENT = 0, _("Urgent: before all that are not")
    NORMAL = 1, _("Normal: users take turns")
    LATER = 2, _("Later: when nothing else waits")


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

    def ahead_of(self, job: Job) -> JobQuerySet:
        """Waiting jobs of the same owner and engine that are launched before this one."""
        earlier = Q(priority__lt=job.priority) | Q(priority=job.priority, pk__lt=job.pk)
        return self.on(job.engine).due().filter(earlier, owner=job.owner_id)

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


class JobDocument(models.Model):
    """The large columns of a job: read at its launch, not whenever the job is shown."""

    job = models.OneToOneField(
        Job, on_delete=models.CASCADE, primary_key=True, related_name="document"
    )
    request = models.JSONField(
        help_text=_("The request as submitted, its credentials starred out.")
    )
    credentials = models.BinaryField(
        null=True, help_text=_("The starred-out values, encrypted; wiped at the job's end.")
    )
    code = models.BinaryField(null=True, help_text=_("Uploaded user code (zip)."))
    admitted_cells = models.BigIntegerField(
        null=True, help_text=_("Values that were paid for; a much larger cube is not written.")
    )
    estimate = models.JSONField(default=dict, help_text=_("What the estimate said at admission."))

    def __str__(self) -> str:
        return f"document of {self.job_id}"


class Rerun(models.Model):
    """An operator's wish that a failed job runs again; gone when its successor is there."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="rerun")
    actor = models.CharField(max_length=150, help_text=_("User id of who asked for it."))
    asked_at = models.DateTimeField(auto_now_add=True)
    refused = models.CharField(
        max_length=1000, blank=True, help_text=_("Why the hub cannot submit it again.")
    )

    def __str__(self) -> str:
        return f"rerun of {self.job_id}"


class DealtWith(models.Model):
    """That an operator dealt with a failed job otherwise than by running it again."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="dealt_with")
    note = models.CharField(max_length=300, help_text=_("Why nothing is left to do."))
    actor = models.CharField(max_length=150, help_text=_("User id of who said so."))
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.job_id} is dealt with"


class EngineLook(models.Model):
    """What an engine showed of a job's objects when an operator asked; see `engine_looks.py`."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="engine_look")
    asked_at = models.DateTimeField(default=timezone.now)
    looked_at = models.DateTimeField(null=True, db_index=True, help_text="Empty: not yet.")
    objects_seen = models.JSONField(default=list, help_text="Kind, name, state, since, notes.")
    problem = models.CharField(max_length=500, blank=True, help_text="Why it cannot be said.")

    def __str__(self) -> str:
        return f"objects of {self.job_id}"


class CubeRecord(models.Model):
    """What a run found out about the cube that it made (jobs/runner/work/made.py).

    Each part is null if the run did not tell it. `jobs/results/recording.py` has checked them.
    """

    job = models.OneToOneField(
        Job, on_delete=models.CASCADE, primary_key=True, related_name="record"
    )
    description = models.JSONField(
        null=True, help_text=_("CRS, bounding box, times, dimensions, variables.")
    )
    footprint = models.JSONField(null=True, help_text=_("{bbox, geometry} in WGS84."))
    files = models.JSONField(null=True, help_text=_("{count, size_bytes, sha256}."))
    recorded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"the cube of {self.job_id}"


class JobEvent(models.Model):
    """One step of a job's life."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    from_state = models.CharField(max_length=10, choices=State, blank=True)
    to_state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(max_length=14, blank=True)
    message = models.TextField(blank=True)
    actor = models.CharField(max_length=100, help_text=_("Who did it: a user id, or a part of us."))

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["at"], name="job_event_at")]

    def __str__(self) -> str:
        return f"{self.from_state or '·'} → {self.to_state}"


class JobHour(models.Model):
    """What happened to jobs in one hour; `jobs/history.py` counts it from their events."""

    hour = models.DateTimeField(unique=True, help_text=_("Its begin."))
    steps = models.JSONField(default=dict, help_text=_('Steps by "from>to", such as ">QUEUED".'))
    waits = models.JSONField(
        default=dict,
        help_text=_("By engine: how many launched jobs had waited how long, in classes."),
    )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}"


class JobMonth(models.Model):
    """A user's jobs that ended in one month (UTC), with output in one store: how many, what cost.

    `jobs/usage.py` adds to it in the transaction of each end and each charge.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="job_months",
        db_index=False,  # the constraint's index is used
    )
    month = models.DateField(help_text=_("Its first day."))
    store = models.CharField(max_length=200, help_text=_("Where the cubes were to be written."))
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    units = models.BigIntegerField(
        default=0, help_text=_("What these jobs were charged, less what was given back.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "month", "store"], name="one_sum_of_jobs_per_month"
            )
        ]

    def __str__(self) -> str:
        return f"{self.store} in {self.month:%Y-%m}"


class JobLog(models.Model):
    """Consecutive lines of a run's output. Repeating a chunk changes nothing."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="log")
    first_line = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["first_line"]
        constraints = [
            models.UniqueConstraint(fields=["job", "first_line"], name="one_log_chunk_per_line")
        ]

    def __str__(self) -> str:
        return f"lines {self.first_line}…{self.first_line + self.line_count - 1}"


class QuickLook(models.Model):
    """A small picture of one variable, which the run made at its end. See `quicklooks.py`."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="quicklooks")
    position = models.PositiveSmallIntegerField(
        help_text=_("Place among the job's pictures, from 0.")
    )
    name = models.CharField(max_length=100, help_text=_("Name in the address of the picture."))
    variable = models.CharField(max_length=200)
    title = models.CharField(max_length=200, blank=True)
    units = models.CharField(max_length=100, blank=True)
    png = models.BinaryField(
        null=True, help_text=_("The picture; null: there is none, see the note.")
    )
    digest = models.CharField(max_length=64, blank=True, help_text=_("SHA-256 of the picture."))
    width = models.PositiveSmallIntegerField(default=0)
    height = models.PositiveSmallIntegerField(default=0)
    time = models.CharField(max_length=40, blank=True, help_text=_("The time step shown, in UTC."))
    at = models.JSONField(
        default=dict, help_text=_("The place shown in other dimensions, by name.")
    )
    vmin = models.FloatField(null=True, help_text=_("The value that has the first color."))
    vmax = models.FloatField(null=True, help_text=_("The value that has the last color."))
    colors = models.JSONField(default=list, help_text=_("Colors from vmin to vmax, as #rrggbb."))
    classes = models.JSONField(default=list, help_text=_("Instead of a range: [color, label], …"))
    bbox = models.JSONField(null=True, help_text=_("The area shown: x1, y1, x2, y2 of the cube."))
    note = models.CharField(
        max_length=300, blank=True, help_text=_("What a viewer of the picture must know.")
    )
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["job", "position"]
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="one_quicklook_per_position"),
            models.UniqueConstraint(fields=["job", "name"], name="one_quicklook_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.variable} of {self.job_id}"


class IdempotencyKey(models.Model):
    """A caller's `Idempotency-Key` and the job that its first use made."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="one_use_of_idempotency_key")
        ]

    def __str__(self) -> str:
        return self.key
