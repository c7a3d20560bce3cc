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

from django.utils import timezone

from hubsite.coordination.transitions import step

from .models import FINAL_STATES, InstanceEvent, ServiceInstance, State

TRANSITIONS: dict[State, frozenset[State]] = {
    State.REQUESTED: frozenset({State.STARTING, State.STOPPED, State.FAILED}),
    State.STARTING: frozenset({State.READY, State.ASLEEP, State.STOPPING, State.FAILED}),
    State.READY: frozenset({State.STARTING, State.ASLEEP, State.STOPPING, State.FAILED}),
    State.ASLEEP: frozenset({State.STARTING, State.STOPPING, State.FAILED}),
    State.STOPPING: frozenset({State.STOPPED}),
    State.STOPPED: frozenset(),
    State.FAILED: frozenset(),
}


def move(
    instance: ServiceInstance,
    to: State,
    *,
    actor: str,
    reason: str = "",
    message: str = "",
    **fields: Any,
) -> bool:
    """Make the step `instance.state` → `to`; False if the row has left that state meanwhile.

    Writes the row and its event in one transaction. `fields` are further columns to set.
    """
    origin = State(instance.state)
    fields = {**fields, "reason": reason, "message": message}
    if to in FINAL_STATES:
        fields.setdefault("finished_at", timezone.now())
    with step(instance, to, table=TRANSITIONS, fields=fields) as moved:
        if not moved:
            return False
        InstanceEvent.objects.create(
            instance=instance,
            from_state=origin,
            to_state=to,
            reason=reason,
            message=message[:2000],
            actor=actor,
        )
    return True
