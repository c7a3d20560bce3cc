"""The OpenAPI description of the operators' endpoints of jobs and engines."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from accounts.api.operators.acts import NEEDS, READS, act, listing
from accounts.api.operators.users_schema import IDEMPOTENCY_KEY, key_used
from hubsite.api.examples import answer_example, request_example
from hubsite.api.keyset import KEYSET
from hubsite.api.schema import problem_responses
from hubsite.engines import NAMES
from hubsite.refusals import Kind, Refused

from ..models import Reason, State
from .operator_serializers import (
    ChargeBackSerializer,
    ChargedBackSerializer,
    EngineSerializer,
    MessageSerializer,
    NoteSerializer,
    OperatorEngineSerializer,
    OperatorJobSerializer,
    OperatorStoreSerializer,
    PrioritySerializer,
)


def no_job() -> Refused:
    return Refused("There is no job of this id.", kind=Kind.NOT_FOUND)


def not_failed() -> Refused:
    return Refused(
        "Only a job that failed, and was not submitted again, runs again.", kind=Kind.CONFLICT
    )


def not_charged() -> Refused:
    return Refused("the job was charged 12 units", field="units", kind=Kind.CONFLICT)


def no_engine() -> Refused:
    return Refused("one of local, kubernetes is expected", field="engine", kind=Kind.NOT_FOUND)


JOB_ID = OpenApiParameter("job_id", str, OpenApiParameter.PATH)
ENGINE = OpenApiParameter("engine", {"type": "string", "enum": list(NAMES)}, OpenApiParameter.PATH)
_ID = "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6-0f8fad5b-d9cb-469f"
_JOB = {
    "job_id": _ID,
    "owner": {"user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6", "email": "ann@example.org"},
    "client_id": "",
    "state": "FAILED",
    "reason": "OUT_OF_MEMORY",
    "message": "Needed more memory than a run may use.",
    "units": 12,
    "engine": "local",
    "priority": "normal",
    "input_store": "@demo",
    "input_data_id": "demo.zarr",
    "output_store": "@results",
    "output_data_id": "sst-2026.zarr",
    "is_live": False,
    "retry_of": None,
    "created_at": "2026-11-26T12:00:00Z",
    "launched_at": "2026-11-26T12:00:02Z",
    "started_at": "2026-11-26T12:00:03Z",
    "finished_at": "2026-11-26T12:04:00Z",
}
_ENGINE = {
    "engine": "local",
    "answers": True,
    "problem": "",
    "since": "2026-11-26T08:00:00Z",
    "places": 4,
    "taken": 3,
    "waiting": 20,
    "is_drained": False,
    "message": "",
    "drained_since": None,
}


list_jobs = extend_schema(
    operation_id="list_all_jobs",
    summary="All jobs",
    description=f"Jobs of all users, newest first. {READS}",
    parameters=[
        OpenApiParameter("state", {"type": "string", "enum": State.values}),
        OpenApiParameter("reason", {"type": "string", "enum": Reason.values}),
        OpenApiParameter("owner", str, description="The id or the whole e-mail of a user."),
        OpenApiParameter("engine", {"type": "string", "enum": list(NAMES)}),
        OpenApiParameter("input_store", str, description="What it reads from, e.g. `@demo`."),
        OpenApiParameter("output_store", str),
        OpenApiParameter(
            "failures",
            {"type": "string", "enum": ["open"]},
            description="Only those that failed, and that nobody submitted again or dealt with.",
        ),
        OpenApiParameter("since", str, description="Submitted since this date or time (UTC)."),
        OpenApiParameter("until", str, description="Submitted before it; a day is included."),
        *KEYSET,
    ],
    responses=OperatorJobSerializer(many=True),
    examples=[answer_example("A job that failed", _JOB)],
)
get_job = extend_schema(
    operation_id="get_any_job",
    summary="One job",
    description=READS,
    parameters=[JOB_ID],
    responses={200: OperatorJobSerializer, **problem_responses(no_job())},
    examples=[answer_example("A job that failed", _JOB)],
)
cancel_job = act(
    "cancel_any_job",
    "Cancel a job",
    description="As its owner would.",
    of=JOB_ID,
    refusals=[no_job()],
)
run_again = act(
    "rerun_any_job",
    "Run a failed job again",
    description="The worker submits it within a minute, in its owner's name.",
    of=JOB_ID,
    refusals=[no_job(), not_failed()],
)
deal_with = act(
    "put_note_on_failure",
    "Note that a failure is dealt with",
    description="For a failed job that shall not run again. It no longer counts as *not dealt "
    "with*. A job that did not fail, or is dealt with, stays as it is.",
    of=JOB_ID,
    request=NoteSerializer,
    asked=request_example("Why", {"note": "Its owner made a smaller cube."}),
    refusals=[no_job()],
)
reopen = act(
    "delete_note_on_failure",
    "Take back that a failure is dealt with",
    of=JOB_ID,
    refusals=[no_job()],
)
set_priority = act(
    "change_priority_of_job",
    "Change the priority of a waiting job",
    description="A job that does not wait any more stays as it is.",
    of=JOB_ID,
    request=PrioritySerializer,
    asked=request_example("Before all others", {"priority": "urgent"}),
    refusals=[no_job()],
)
move_job = act(
    "move_any_job",
    "Let another engine run a waiting job",
    description="A job that was launched is cancelled and run again instead.",
    of=JOB_ID,
    request=EngineSerializer,
    asked=request_example("To the cluster", {"engine": "kubernetes"}),
    refusals=[no_job()],
)
charge_back = extend_schema(
    operation_id="refund_any_job",
    summary="Give back units of a job",
    description=f"At most what it was charged, in all. {NEEDS}",
    parameters=[JOB_ID, IDEMPOTENCY_KEY],
    request=ChargeBackSerializer,
    responses={
        200: ChargedBackSerializer,
        **problem_responses(no_job(), not_charged(), key_used()),
    },
    examples=[
        request_example("All of it", {"units": 12, "reason": "the input was broken"}),
        answer_example("Given back", {"units": 12, "charged": 0}),
    ],
)
list_engines = extend_schema(
    operation_id="list_engines",
    summary="All engines",
    description=READS,
    responses=OperatorEngineSerializer(many=True),
    examples=[answer_example("This machine", _ENGINE)],
)
drain_engine = act(
    "drain_engine",
    "Let an engine take no new work",
    description="What it runs goes on to its end; work for it waits.",
    of=ENGINE,
    request=MessageSerializer,
    asked=request_example("Maintenance", {"message": "Maintenance until 14:00."}),
    refusals=[no_engine()],
)
resume_engine = act(
    "resume_engine",
    "Let a drained engine take work again",
    of=ENGINE,
    refusals=[no_engine()],
)

_STORE = {
    "store": "demo",
    "title": "Demo",
    "state": "ok",
    "readable": True,
    "writable": False,
    "per_user": False,
    "data_sets": 12,
    "listed_at": "2026-11-26T12:00:00Z",
    "failed_at": None,
    "problem": "",
}


def no_store() -> Refused:
    return Refused("There is no store @demo.", field="store", kind=Kind.NOT_FOUND)


list_stores = listing(
    "list_all_stores",
    "Data stores, and whether they answer",
    OperatorStoreSerializer,
    _STORE,
    has_parts=False,
)
probe_store = act(
    "probe_store",
    "Ask a store anew what it holds",
    description="The worker does it within seconds.",
    of=OpenApiParameter("store", str, OpenApiParameter.PATH),
    refusals=[no_store()],
)
