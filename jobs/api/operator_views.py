"""What operators script about jobs of all users, and about engines."""

from __future__ import annotations

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.operators.acts import given as _given
from accounts.api.operators.asking import filter_text, idempotency_key, of_owner, one_of
from accounts.api.operators.permission import OperatesHub
from accounts.units import ledger
from hubsite.api.keyset import part_of
from hubsite.audit import searching
from hubsite.engines import NAMES, draining
from hubsite.refusals import Kind, Refused

from ..models import Job, Reason, State
from ..operators import engines, failures, stores
from ..queue import ordering
from ..submission import cancelling, repeating
from . import operator_schema as schema
from .operator_serializers import (
    PRIORITIES,
    ChargeBackSerializer,
    EngineSerializer,
    MessageSerializer,
    NoteSerializer,
    OperatorEngineSerializer,
    OperatorJobSerializer,
    OperatorStoreSerializer,
    PrioritySerializer,
)


class OperatorJobViewSet(ViewSet):
    """Jobs of all users, for operators."""

    permission_classes = [OperatesHub]

    @schema.list_jobs
    def list(self, request: Request) -> Response:
        part, headers = part_of(request, _rows(_chosen(request)))
        return Response(OperatorJobSerializer(part, many=True).data, headers=headers)

    @schema.get_job
    def retrieve(self, request: Request, job_id: str) -> Response:
        return Response(OperatorJobSerializer(_job(job_id)).data)

    @schema.cancel_job
    def cancel(self, request: Request, job_id: str) -> Response:
        changed = cancelling.cancel([_job(job_id)], actor=request.user.username)
        return Response({"changed": bool(changed)})

    @schema.run_again
    def run_again(self, request: Request, job_id: str) -> Response:
        asked = repeating.ask_for(_only(_job(job_id)), actor=request.user.username)
        if not asked:
            raise schema.not_failed()
        return Response({"changed": True})

    @schema.deal_with
    def deal_with(self, request: Request, job_id: str) -> Response:
        given = _given(NoteSerializer, request)
        jobs, actor = _only(_job(job_id)), request.user.username
        return Response(
            {"changed": bool(failures.deal_with(jobs, note=given["note"], actor=actor))}
        )

    @schema.reopen
    def reopen(self, request: Request, job_id: str) -> Response:
        changed = failures.reopen(_only(_job(job_id)), actor=request.user.username)
        return Response({"changed": bool(changed)})

    @schema.set_priority
    def priority(self, request: Request, job_id: str) -> Response:
        given = _given(PrioritySerializer, request)
        job, wanted = _job(job_id), PRIORITIES[given["priority"]]
        changed = ordering.set_priority(_only(job), wanted, actor=request.user.username)
        return Response({"changed": bool(changed)})

    @schema.move_job
    def engine(self, request: Request, job_id: str) -> Response:
        given = _given(EngineSerializer, request)
        job = _job(job_id)
        changed = ordering.move_to_engine(_only(job), given["engine"], actor=request.user.username)
        return Response({"changed": bool(changed)})

    @schema.charge_back
    def charge_back(self, request: Request, job_id: str) -> Response:
        given = _given(ChargeBackSerializer, request)
        job, key = _job(job_id), idempotency_key(request)
        try:
            entry = ledger.refund(
                job.job_id,
                given["units"],
                key=f"api:{request.user.pk}:{key}",
                reason=given["reason"],
                actor=request.user,
            )
        except ledger.MoreThanCharged as error:
            raise Refused(str(error), field="units", kind=Kind.CONFLICT) from None
        except ledger.NoReservation:
            raise Refused(
                "the job was charged nothing", field="units", kind=Kind.CONFLICT
            ) from None
        except ledger.IdempotencyKeyReused:
            raise schema.key_used() from None
        if entry.units != given["units"]:
            raise schema.key_used()
        return Response({"units": entry.units, "charged": ledger.charged_for(job.job_id)})


class OperatorEngineViewSet(ViewSet):
    """Engines, for operators. Nothing here calls an engine."""

    permission_classes = [OperatesHub]

    @schema.list_engines
    def list(self, request: Request) -> Response:
        statuses = engines.statuses()
        return Response(OperatorEngineSerializer(statuses, many=True).data)

    @schema.drain_engine
    def drain(self, request: Request, engine: str) -> Response:
        given = _given(MessageSerializer, request)
        changed = draining.drain(engine, message=given["message"], actor=request.user)
        return Response({"changed": changed})

    @schema.resume_engine
    def resume(self, request: Request, engine: str) -> Response:
        return Response({"changed": draining.resume(engine, actor=request.user)})


class OperatorStoreViewSet(ViewSet):
    """Data stores, for operators. The worker asks them."""

    permission_classes = [OperatesHub]

    @schema.list_stores
    def list(self, request: Request) -> Response:
        shown = [_store(status) for status in stores.statuses()]
        return Response(OperatorStoreSerializer(shown, many=True).data)

    @schema.probe_store
    def probe(self, request: Request, store: str) -> Response:
        stores.probe(store.removeprefix("@"))
        return Response({"changed": True})


def _store(status: stores.StoreStatus) -> dict:
    store, row = status.store, status.row
    return {
        **{name: getattr(store, name) for name in ("title", "readable", "writable", "per_user")},
        "store": store.name,
        "state": status.state,
        "data_sets": status.total,
        "listed_at": row and row.listed_at,
        "failed_at": row.failed_at if row and row.failures else None,
        "problem": row.problem if row and row.failures else "",
    }


def _rows(jobs: QuerySet[Job]) -> QuerySet[Job]:
    return jobs.select_related("owner", "retry_of").defer("progress", "result", "usage")


def _job(job_id: str) -> Job:
    job = _rows(Job.objects.filter(job_id=job_id)).first()
    if job is None:
        raise schema.no_job()
    return job


def _only(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk=job.pk)


def _chosen(request: Request) -> QuerySet[Job]:
    """The jobs that the filters of the request choose. Raises Refused."""
    jobs = Job.objects.all()
    for name, known in (("state", State.values), ("reason", Reason.values), ("engine", NAMES)):
        if text := one_of(request, name, list(known)):
            jobs = jobs.filter(**{name: text})
    for name in ("input_store", "output_store"):
        if text := filter_text(request, name):
            jobs = jobs.filter(**{name: text})
    jobs = of_owner(request, jobs, "owner")
    if wanted := filter_text(request, "failures"):
        if wanted != "open":
            raise Refused("open is expected", field="failures")
        jobs = failures.not_dealt_with(jobs)
    times = searching.read({name: filter_text(request, name) for name in ("since", "until")})
    if times.since is not None:
        jobs = jobs.filter(created_at__gte=times.since)
    if times.until is not None:
        jobs = jobs.filter(created_at__lt=times.until)
    return jobs
