"""Models of services: profiles, instances with their events, sessions at the edge."""

from .access import EdgeSession, EdgeTicket
from .instance import (
    AWAKE_STATES,
    FINAL_STATES,
    OVER_STATES,
    InstanceDocument,
    InstanceEvent,
    InstanceQuerySet,
    Kind,
    Reason,
    ServiceInstance,
    State,
)
from .layer import GEOSERVER, Layer, LayerReason, LayerState, StrayLayer
from .profile import ServiceProfile
from .start_key import StartKey

__all__ = [
    "AWAKE_STATES",
    "FINAL_STATES",
    "GEOSERVER",
    "OVER_STATES",
    "EdgeSession",
    "EdgeTicket",
    "InstanceDocument",
    "InstanceEvent",
    "InstanceQuerySet",
    "Kind",
    "Layer",
    "LayerReason",
    "LayerState",
    "Reason",
    "ServiceInstance",
    "ServiceProfile",
    "StartKey",
    "State",
    "StrayLayer",
]
