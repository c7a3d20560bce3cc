"""Models of services: profiles, instances with their events, and who may use them."""

from .access import EdgeSession, EdgeTicket, Share
from .instance import (
    FINAL_STATES,
    InstanceDocument,
    InstanceEvent,
    Kind,
    Reason,
    ServiceInstance,
    State,
)
from .profile import ServiceProfile

__all__ = [
    "FINAL_STATES",
    "EdgeSession",
    "EdgeTicket",
    "InstanceDocument",
    "InstanceEvent",
    "Kind",
    "Reason",
    "ServiceInstance",
    "ServiceProfile",
    "Share",
    "State",
]
