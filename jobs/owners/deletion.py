"""Deletes a person's data from their jobs: names and content go, the numbers stay."""

from __future__ import annotations

from django.db.models import F, Value
from django.db.models.functions import Replace
from django.utils.translation import gettext_lazy as _

from accounts.deletion import DELETED, Foreseen, StillBusy
from accounts.models import User

from .. import lifecycle, usage
from ..models import (
    CubeRecord,
    DealtWith,
    EngineLook,
    IdempotencyKey,
    Job,
    JobDocument,
    JobEvent,
    JobLog,
    QuickLook,
    Rerun,
    StoreListing,
)
from ..running.removal import remove_soon


def stop(user: User) -> int:
    """Cancel the user's jobs; returns how many have a run that is not over yet."""
    jobs = Job.objects.owned_by(user)
    cancelled = [job for job in jobs.active() if lifecycle.cancel(job, actor="hub")]
    remove_soon(job for job in cancelled if job.is_live)
    return jobs.claiming().count()


def foresee(user: User) -> list[Foreseen]:
    jobs = Job.objects.owned_by(user)
    active = jobs.live_and_active().count()
    ended = usage.ended(user)
    return [
        Foreseen(_("Running and waiting jobs"), active, _("cancelled first")),
        Foreseen(
            _("Jobs"),
            active + ended.jobs,
            _("stay without a name: no request, log, picture or output"),
        ),
        Foreseen(
            _("Finished cubes"),
            ended.succeeded,
            _("stay in their stores: delete them there, if they must go"),
        ),
    ]


def forget(user: User, old: str, new: str) -> None:
    """Keep the times, states and units of the jobs, under ids that identify no one."""
    jobs = Job.objects.owned_by(user)
    if jobs.claiming().exists():
        raise StillBusy("a job came in meanwhile")
    JobDocument.objects.filter(job__owner=user).update(
        request={}, estimate={}, credentials=None, code=None
    )
    JobLog.objects.filter(job__owner=user).delete()
    CubeRecord.objects.filter(job__owner=user).delete()
    EngineLook.objects.filter(job__owner=user).delete()
    DealtWith.objects.filter(job__owner=user).update(note="")
    Rerun.objects.filter(job__owner=user).delete()
    for model in (DealtWith, Rerun):
        model.objects.filter(actor=old).update(actor=new)
    QuickLook.objects.filter(job__owner=user).delete()
    StoreListing.objects.filter(owner=user).delete()
    JobEvent.objects.filter(job__owner=user).update(message="")
    JobEvent.objects.filter(actor=old).update(actor=new)  # also what an operator once cancelled
    IdempotencyKey.objects.filter(owner=user).delete()
    jobs.update(
        job_id=Replace(F("job_id"), Value(old), Value(new)),
        client_id="",
        message="",
        result=None,
        progress=None,
        input_data_id="",
        output_data_id=DELETED,
    )
