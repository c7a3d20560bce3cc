"""One row of everything at least, around one owner: what `rows.multiply` then copies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.signing import dumps
from django.db import models
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from accounts.models import (
    ActingEntry,
    ExpiringUnits,
    LedgerEntry,
    MonthlyGrant,
    ShareableRole,
    ShareOpening,
    User,
)
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from hubsite.engines.facts import LogChunk
from jobs.models import Job, JobEvent, Reason, Rerun, State
from jobs.output import quicklooks
from jobs.results import recording
from jobs.running import logs
from tests.accounts.factories import make_user
from tests.authorization.world import World, make_world
from tests.jobs.discovery.conftest import Reader
from tests.jobs.factories import make_job
from tests.jobs.pictures import looked
from tests.jobs.results.cubes import MADE

from .rows import copied_models


def make_full_world() -> World:
    """The world of the authorization tests, and all that is missing there."""
    world = make_world()
    owner = world.owner
    make_user("admin@example.org", is_staff=True, is_superuser=True)
    running = Job.objects.get(job_id=world.job_id)
    ended = {"started_at": timezone.now(), "finished_at": timezone.now()}
    succeeded = make_job(owner, state=State.SUCCEEDED, **ended)
    why = Reason.XCUBE_ERROR
    failed = make_job(owner, state=State.FAILED, reason=why, retry_of=running, **ended)
    waiting = make_job(owner)
    for job in (running, succeeded, failed, waiting):
        logs.append(job.pk, [LogChunk(0, ["a line of its log"] * 20)])
        JobEvent.objects.create(job=job, to_state=job.state, actor="hub", message="so it is")
    quicklooks.keep(succeeded, quicklooks.parse(looked()))
    recording.keep(succeeded, MADE)
    wish = Wish(kinds.kind_of("result"), succeeded.job_id, owner)
    giving.share_with_person(wish, world.users["other"].email)
    Rerun.objects.create(job=failed, actor=owner.username)
    _spend(owner, world.users["operator"], world.share_id)
    _work(world.users["operator"], running)
    for model in copied_models():
        if not model._base_manager.exists():
            _first_row(model).save()
    return world


def stores() -> Reader:
    """Stands for the readers of stores: the store `demo` has one data set."""
    reader = Reader()
    reader.ids["source"] = [["demo.zarr", "dataset"]]
    reader.descriptions["demo.zarr"] = {"data_id": "demo.zarr", "data_type": "dataset"}
    return reader


def job_ids(world: World) -> list[str]:
    """One job of the owner's in each state that there is."""
    jobs = Job.objects.filter(owner=world.owner).order_by("pk")[:4]
    return [job.job_id for job in jobs]


def _spend(owner: User, operator: User, share_id: str) -> None:
    now = timezone.now()
    grant = LedgerEntry.objects.filter(user=owner, kind="grant").first()
    ExpiringUnits.objects.create(
        user=owner, grant=grant, expires_at=now + timedelta(days=9), remaining=5, counted_to=10**12
    )
    MonthlyGrant.objects.create(user=owner, units=100, first_month=now.date())
    ActingEntry.objects.create(operator=operator, user=owner, method="GET", path="/api/v2/cubegens")
    ShareableRole.objects.create(role=Group.objects.first())
    ShareOpening.objects.create(share_id=share_id, user=operator)


def _work(operator: User, job: Job) -> None:
    """What operators and the task queue leave."""
    now = timezone.now()
    for row in (job, job.owner):
        LogEntry.objects.create(
            user=operator,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row),
            action_flag=CHANGE,
            change_message="granted 5 units",
        )
    for number, is_good in enumerate((True, False)):
        Task.objects.create(
            id=f"{number:032x}",
            name=f"task {number}",
            func="jobs.tasks.launch",
            started=now,
            stopped=now,
            success=is_good,
        )
    OrmQ.objects.create(key="hub", payload=dumps({"id": "1", "name": "x"}), lock=now)
    Schedule.objects.create(name="hourly", func="jobs.tasks.launch")


def _first_row(model: type[models.Model]) -> models.Model:
    """A row that the database takes, for a model that nobody has thought of here."""
    return model(
        **{
            field.attname: value
            for field in model._meta.concrete_fields
            if (value := _some_value(field)) is not None
        }
    )


def _some_value(field: models.Field) -> Any:
    if isinstance(field, models.AutoField):
        return None
    if field.remote_field:
        related = field.remote_field.model._base_manager.order_by("pk")
        return related.values_list("pk", flat=True).first()
    if field.has_default():
        return field.get_default()
    if field.choices:
        return field.flatchoices[0][0]
    for kind, value in _SOME:
        if isinstance(field, kind):
            return value() if callable(value) else value
    return None


_SOME: tuple[tuple[type[models.Field], Any], ...] = (
    (models.BooleanField, False),
    (models.IntegerField, 1),
    (models.FloatField, 1.0),
    (models.DateTimeField, timezone.now),
    (models.DateField, lambda: timezone.now().date()),
    (models.JSONField, dict),
    (models.BinaryField, b"some"),
    (models.CharField, "some"),
    (models.TextField, "some"),
)
