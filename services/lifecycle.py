"""The life of a service instance: its states, and the one function that changes them.

    REQUESTED ──► STARTING ──► READY ──► STOPPING ──► STOPPED
        │             │          │ ▲         ▲
        │             │          ▼ │         │ too old, owner, operator, units used up
        │             │       ASLEEP ────────┤
        └─────────────┴──────────┴──────► FAILED (reason)

An instance never leaves a final state; a new start is a new row. A repeated or late step changes
nothing. ASLEEP holds the address but no process; the next request to the edge wakes it.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.units import ledger
from hubsite import audit, switches
from hubsite.coordination.transitions import step
from hubsite.coordination.wake_up import wake_up
from hubsite.refusals import Kind, Refused

from . import metering, notices
from .models import FINAL_STATES, OVER_STATES, InstanceEvent, Reason, ServiceInstance, State

TRANSITIONS: dict[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.STARTING, State.STOPPED, State.FAILED}),
    State.STARTING: frozenset({State.READY, State.ASLEEP, State.STOPPING, State.FAILED}),
    State.READY: frozenset({State.STARTING, State.ASLEEP, State.STOPPING, State.FAILED}),
    State.ASLEEP: frozenset({State.STARTING, State.STOPPING, State.FAILED}),
    State.STOPPING: frozenset({State.STOPPED}),
    State.STOPPED: frozenset(),
    State.FAILED: frozenset(),
}
START_TASK = "services.tasks.start_due"
REMOVE_TASK = "services.tasks.remove_objects"
STOP_WORDS: dict[str, str] = {
    Reason.OWNER: "Its owner stopped it.",
    Reason.OPERATOR: "An operator stopped it.",
    Reason.SHARED: "Somebody with whom it is shared stopped it.",
    Reason.AGE: "It reached the largest age of its profile.",
    Reason.UNITS: "Its owner has no processing units left.",
    Reason.ACCOUNT: "Its owner's account was switched off.",
}


def move(
    instance: ServiceInstance,
    to: State,
    *,
    actor: str,
    reason: str = "",
    message: str = "",
    has_new_wish: bool = False,
    **fields: Any,
) -> bool:
    """Make the step `instance.state` → `to`; False if the row has left that state meanwhile.

    Writes the row, its event, and what its time awake costs, in one transaction.
    `has_new_wish`: the engine shall do something else now, so the revision is raised. `fields`
    are further columns to set. Raises ledger.InsufficientUnits if it cannot be paid to wake.
    """
    origin, now = State(instance.state), timezone.now()
    fields = {**fields, "reason": reason, "message": message}
    if to in FINAL_STATES:
        fields.setdefault("finished_at", now)
    if to == State.READY:
        fields.setdefault("ready_since", now)
    elif origin == State.READY:
        fields["ready_since"] = None
    if to == State.STARTING:
        fields["starting_since"] = now
    with step(instance, to, table=TRANSITIONS, fields=fields) as moved:
        if not moved:
            return False
        if has_new_wish:
            rows = ServiceInstance.objects.filter(pk=instance.pk)
            rows.update(revision=F("revision") + 1)
            instance.revision = rows.values_list("revision", flat=True).get()
        _meter(instance, origin, to, now)
        InstanceEvent.objects.create(
            instance=instance,
            from_state=origin,
            to_state=to,
            reason=reason,
            message=message[:2000],
            actor=actor,
        )
        if audit.is_person(actor):
            audit.record(_audited(origin, to), actor=actor, on=instance, detail=message)
        notices.tell_of_step(instance, origin, to, reason=reason, message=message)
    return True


def _audited(origin: State, to: State) -> str:
    """What the audit calls the step."""
    if to in OVER_STATES:
        return "instance.stopped"
    if to == State.ASLEEP:
        return "instance.asleep"
    return "instance.woken" if origin == State.ASLEEP else "instance.changed"


def _meter(instance: ServiceInstance, origin: State, to: State, now: Any) -> None:
    """Count the time awake: it begins with READY, and ends when that is left."""
    # The caller may have read the row before the last block of minutes was opened.
    instance.refresh_from_db(fields=["block", "block_minutes", "minutes", "metered_until"])
    if to == State.READY:
        metering.begin(instance, now)
    elif origin == State.READY:
        metering.end(instance, now)
    elif to not in (State.STARTING, State.READY):
        metering.end(instance, now)  # nothing was used: the reservation is released
    if to == State.STARTING and origin != State.REQUESTED:
        metering.open_block(instance)


def wake(instance: ServiceInstance, *, actor: str, by: str) -> bool:
    """Wake an instance that is asleep; False if it is not. `by` says what needs it.

    Raises Refused if its owner cannot pay for it, or if operators have suspended the service.
    """
    if instance.state != State.ASLEEP:
        return False
    switches.require_open(instance.switch)
    try:
        woken = move(
            instance,
            State.STARTING,
            actor=actor,
            message=f"Woken by {by}.",
            has_new_wish=True,
            last_used_at=timezone.now(),
            last_used_by=by[:40],
        )
    except ledger.InsufficientUnits as short:
        instance.refresh_from_db()
        raise no_units(short) from None
    if woken:
        wake_up(START_TASK)
    return woken


def restart(
    instance: ServiceInstance, *, actor: str, message: str, reason: str = "", anew: bool = False
) -> None:
    """READY → STARTING, because it does not serve any more; stopped if it cannot be paid.

    `anew`: its engine shall start it; otherwise the engine does so by itself.
    """
    try:
        move(
            instance,
            State.STARTING,
            actor=actor,
            reason=reason,
            message=message,
            has_new_wish=anew,
        )
    except ledger.InsufficientUnits:
        instance.refresh_from_db()
        stop(instance, actor=actor, reason=Reason.UNITS)


def sleep(
    instance: ServiceInstance, *, actor: str, reason: str = Reason.IDLE, message: str = ""
) -> bool:
    """Let an instance fall asleep; False if it is not awake or has moved on meanwhile."""
    if instance.state not in (State.STARTING, State.READY):
        return False
    slept = move(
        instance, State.ASLEEP, actor=actor, reason=reason, message=message, has_new_wish=True
    )
    if slept:
        wake_up(START_TASK)
    return slept


def stop(instance: ServiceInstance, *, actor: str, reason: str, message: str = "") -> bool:
    """Stop an instance for good; True if this call did so. Repeating it changes nothing."""
    message = message or STOP_WORDS.get(reason, "")
    while instance.state not in OVER_STATES:
        never_began = instance.state == State.REQUESTED
        fields: dict[str, Any] = {"is_live": False} if never_began else {"has_new_wish": True}
        to = State.STOPPED if never_began else State.STOPPING
        if move(instance, to, actor=actor, reason=reason, message=message, **fields):
            if not never_began:
                wake_up(REMOVE_TASK, [instance.instance_id], instance.engine)
            return True
        instance.refresh_from_db()
    return False


def fail(instance: ServiceInstance, reason: str, message: str, *, actor: str) -> bool:
    """End an instance as failed; True if this call did so. Its object is then removed."""
    while instance.state not in OVER_STATES:
        if move(instance, State.FAILED, actor=actor, reason=reason, message=message):
            wake_up(REMOVE_TASK, [instance.instance_id], instance.engine)
            return True
        instance.refresh_from_db()
    return False


def close(instance: ServiceInstance, *, actor: str) -> None:
    """Record that no object of this instance exists any more, and none will."""
    with transaction.atomic():
        if instance.state == State.STOPPING:
            move(
                instance,
                State.STOPPED,
                actor=actor,
                reason=instance.reason,
                message=instance.message,
                is_live=False,
            )
        elif instance.state in FINAL_STATES:
            ServiceInstance.objects.filter(pk=instance.pk).update(is_live=False)
            instance.is_live = False


def note(instance: ServiceInstance, message: str, *, actor: str, reason: str = "") -> None:
    """Write something that happened into the timeline, without a change of state."""
    InstanceEvent.objects.create(
        instance=instance, message=message[:2000], reason=reason, actor=actor
    )


def no_units(short: ledger.InsufficientUnits) -> Refused:
    """The refusal if a minute awake cannot be paid."""
    return Refused(
        f"The service costs processing units while it is awake: {short.required} are needed now, "
        f"{short.available} are available.",
        kind=Kind.TOO_EXPENSIVE,
        title="Not enough processing units",
        required=short.required,
        available=short.available,
    )
