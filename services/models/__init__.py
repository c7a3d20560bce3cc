"""Models of services: profiles, instances with their events, and who may use them."""

from .access import EdgeSession, EdgeTicket, Share
from .instance import (
    AWAKE_STATES,
    FINAL_STATES,
    InstanceDocument,
    InstanceEvent,
    Kind,
    Reason,
    ServiceInstance,
    State,
)
from .profile import ServiceProfile
from .start_key import StartKey

__all__ = [
    "AWAKE_STATES",
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
    "StartKey",
    "State",
]
