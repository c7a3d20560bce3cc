"""What happens to services when operators suspend them, and when they resume them."""

from __future__ import annotations

from hubsite.coordination.wake_up import wake_up

from .. import lifecycle
from ..models import Kind, Reason, ServiceInstance


def stop_all(kind: Kind, actor: str, message: str) -> int:
    """Stop all services of this kind. Returns how many."""
    stopped = 0
    rows = ServiceInstance.objects.live().active().filter(kind=kind)
    for instance in rows.select_related("owner").iterator():
        why = f"An operator stopped it: {message}"
        stopped += lifecycle.stop(instance, actor=actor, reason=Reason.OPERATOR, message=why)
    return stopped


def start_waiting() -> None:
    """Start the services that waited until they were resumed."""
    wake_up(lifecycle.START_TASK)
