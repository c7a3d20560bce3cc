"""Why a job waits: exactly one cause, from what the launch decision itself looks at.

`why` is pure. The causes are in the order in which launching asks for them, so the first that
holds is the one that keeps the job from its launch. The facts come from three queries, however
many jobs wait (`queue_facts.py`). The place is the number among all that wait for the same engine,
in the order in which `launching.py` takes them; of a long queue it comes from the worker's latest
forecast (`jobs/prediction/`), and so does the predicted start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models import Job, Reason, State
from ..prediction.asking import Start
from . import queue_facts
from .queue_facts import Facts, Place

Text = str | Promise


class Cause(StrEnum):
    """What a job waits for."""

    SUSPENDED = "SUSPENDED"
    ENGINE_UNKNOWN = "ENGINE_UNKNOWN"
    ENGINE_DRAINED = "ENGINE_DRAINED"
    ENGINE_AWAY = "ENGINE_AWAY"
    OWN_SHARE = "OWN_SHARE"
    NO_PLACE = "NO_PLACE"
    OTHERS_FIRST = "OTHERS_FIRST"
    NEXT = "NEXT"
    STARTING = "STARTING"
    IMAGE = "IMAGE"
    NO_NODE = "NO_NODE"
    CLUSTER_REFUSES = "CLUSTER_REFUSES"
    CONTAINER = "CONTAINER"
    STARTED_AGAIN = "STARTED_AGAIN"


@dataclass(frozen=True)
class Waiting:
    """The cause, in words, with what helps; place and predicted start of a job in the queue."""

    cause: Cause
    text: str
    remedy: str
    place: Place = Place()

    @property
    def is_at_once(self) -> bool:
        """Whether nothing keeps it from its launch."""
        return self.cause == Cause.NEXT

    @property
    def not_before(self) -> Text:
        """For what it waits if no queue decides when it starts; "" if one does."""
        return _NOT_BEFORE.get(self.cause, "")


_OF_PODS = {
    Reason.IMAGE: Cause.IMAGE,
    Reason.UNSCHEDULABLE: Cause.NO_NODE,
    Reason.REJECTED: Cause.CLUSTER_REFUSES,
    Reason.LAUNCH: Cause.CONTAINER,
    Reason.EVICTED: Cause.STARTED_AGAIN,
    Reason.LOST: Cause.STARTED_AGAIN,
}


def why(facts: Facts) -> Cause | None:
    """The one cause of waiting; None if the job runs or has ended."""
    if facts.state == State.LAUNCHED:
        if facts.is_engine_away:
            return Cause.ENGINE_AWAY
        return _OF_PODS.get(facts.pending_reason, Cause.STARTING)
    if facts.state != State.QUEUED:
        return None
    if facts.is_suspended:
        return Cause.SUSPENDED
    if not facts.is_engine_known:
        return Cause.ENGINE_UNKNOWN
    if facts.is_engine_drained:
        return Cause.ENGINE_DRAINED
    if facts.is_engine_away:
        return Cause.ENGINE_AWAY
    if facts.is_own_share_used:
        return Cause.OWN_SHARE
    free = facts.capacity - facts.placed
    if free <= 0:
        return Cause.NO_PLACE
    if facts.place.number is None or facts.place.number > free:
        return Cause.OTHERS_FIRST
    return Cause.NEXT


def waiting_of(job: Job, *, for_operators: bool = False) -> Waiting | None:
    """Why the job waits, in words for its owner or for operators; None if it does not wait."""
    return waiting_of_each([job], for_operators=for_operators).get(job.pk)


def waiting_of_each(jobs: Sequence[Job], *, for_operators: bool = False) -> Mapping[int, Waiting]:
    """The same for jobs of one owner that are shown together, by pk, without a query for each."""
    found = {}
    for job, facts in queue_facts.facts_of(jobs):
        cause = why(facts)
        if cause is not None:
            found[job.pk] = in_words(cause, facts, for_operators=for_operators)
    return found


def waiting_of_new(owner_id: int, engine: str) -> Waiting:
    """Why a job would wait that this user submits now, its place and its predicted start."""
    facts = queue_facts.facts_of_new(owner_id, engine)
    cause = why(facts)
    assert cause is not None  # it is queued
    return in_words(cause, facts)


def in_words(cause: Cause, facts: Facts, *, for_operators: bool = False) -> Waiting:
    """What to say about a job that waits for this."""
    text, remedy = _WORDS[cause]
    if for_operators:
        text, remedy = _FOR_OPERATORS.get(cause, (text, remedy))
    place = facts.place
    if cause == Cause.NEXT:
        place = replace(place, start=Start())  # the text says it
    elif cause in _NO_START:
        place = replace(place, start=Start(unknown=_NO_START[cause]))
    text = str(text).format(limit=facts.own_limit, capacity=facts.capacity)
    return Waiting(cause, text, str(remedy), place)


_NO_START: dict[Cause, Text] = {
    Cause.SUSPENDED: _("cube generation is suspended"),
    Cause.ENGINE_UNKNOWN: _("this version of the hub does not know where the job should run"),
    Cause.ENGINE_DRAINED: _("operators let the engine take no new work"),
    Cause.ENGINE_AWAY: _("what runs the jobs does not answer just now"),
}

_NOT_BEFORE: dict[Cause, Text] = {
    Cause.SUSPENDED: _("not before operators resume cube generation"),
    Cause.ENGINE_UNKNOWN: _("not before operators set up what runs the job"),
    Cause.ENGINE_DRAINED: _("not before operators let the engine take work again"),
    Cause.ENGINE_AWAY: _("not before what runs the jobs answers again"),
}

_WORDS: dict[Cause, tuple[Text, Text]] = {
    Cause.SUSPENDED: (
        _("Operators have suspended cube generation."),
        _("Nothing to do: waiting jobs start when it is resumed."),
    ),
    Cause.ENGINE_UNKNOWN: (
        _("This version of the hub does not know where the job should run."),
        _("Tell the operators, or cancel it and submit it again."),
    ),
    Cause.ENGINE_DRAINED: (
        _("Operators let the engine of this job take no new work just now."),
        _("Nothing to do: it starts when the engine takes work again."),
    ),
    Cause.ENGINE_AWAY: (
        _("What runs the jobs does not answer just now."),
        _("Nothing to do: the hub tries again every few seconds."),
    ),
    Cause.OWN_SHARE: (
        _("You may run {limit} at once, and your earlier jobs come first."),
        _("It starts when one of them ends. Cancel those that you do not need."),
    ),
    Cause.NO_PLACE: (
        _("All {capacity} places are taken."),
        _(
            "It starts when places become free. Users take turns, so one who has few jobs waits "
            "least."
        ),
    ),
    Cause.OTHERS_FIRST: (
        _("A place is free, but other jobs come first."),
        _("Users take turns, so one who has few jobs waits least."),
    ),
    Cause.NEXT: (_("It starts within seconds."), _("Nothing to do.")),
    Cause.STARTING: (_("Its run is being started."), _("Nothing to do.")),
    Cause.IMAGE: (
        _("The cluster cannot get the program that makes cubes."),
        _("The cluster tries again. If it takes long, tell the operators."),
    ),
    Cause.NO_NODE: (
        _("No machine of the cluster has room for it just now."),
        _("It starts when a machine has room. If it takes long, tell the operators."),
    ),
    Cause.CLUSTER_REFUSES: (
        _("The cluster refuses to start it, perhaps because its quota is used up."),
        _("The cluster tries again. If it takes long, tell the operators."),
    ),
    Cause.CONTAINER: (
        _("The cluster cannot prepare its run."),
        _("The cluster tries again. If it takes long, tell the operators."),
    ),
    Cause.STARTED_AGAIN: (
        _("Its machine was lost before it began, so it is started once more."),
        _("Nothing to do."),
    ),
}

_FOR_OPERATORS: dict[Cause, tuple[Text, Text]] = {
    Cause.SUSPENDED: (
        _("Operators have suspended cube generation."),
        _("Resume it under Switches: waiting jobs start then."),
    ),
    Cause.ENGINE_UNKNOWN: (
        _("This version of the hub does not know where the job should run."),
        _("Set that engine up, or move the job to another one."),
    ),
    Cause.ENGINE_DRAINED: (
        _("The engine of this job is drained."),
        _("Resume the engine, or move the job to another one."),
    ),
    Cause.ENGINE_AWAY: (
        _("What runs the jobs does not answer just now."),
        _("The hub tries again every few seconds. The page of the engines says since when."),
    ),
    Cause.OWN_SHARE: (
        _("One user may run {limit} at once, and earlier jobs of the same user come first."),
        _("It starts when one of them ends. Urgent jobs are held to this limit, too."),
    ),
    Cause.NO_PLACE: (
        _("All {capacity} places are taken."),
        _("It starts when places become free. Urgent jobs come first."),
    ),
    Cause.OTHERS_FIRST: (
        _("A place is free, but other jobs come first."),
        _("Users take turns. Urgent jobs come first."),
    ),
    Cause.IMAGE: (
        _("The cluster cannot get the program that makes cubes."),
        _("The cluster tries again. Check the name of the image, and whether it can be pulled."),
    ),
    Cause.NO_NODE: (
        _("No machine of the cluster has room for it just now."),
        _("It starts when a machine has room. The events of its pod say what is missing."),
    ),
    Cause.CLUSTER_REFUSES: (
        _("The cluster refuses to start it, perhaps because its quota is used up."),
        _("The cluster tries again. The events of its Job say what is missing."),
    ),
    Cause.CONTAINER: (
        _("The cluster cannot prepare its run."),
        _("The cluster tries again. The events of its pod say why."),
    ),
}
"""What operators read instead: they have no jobs that wait, and can do more."""
