"""The site's own tables, for Django to find."""

from .audit.entry import AuditEntry
from .console.saved_filters import SavedFilter
from .coordination.failures import TryCount
from .coordination.lock import Lock
from .coordination.ticks import Tick
from .engines.draining import Drain
from .health.heartbeat import Heartbeat
from .switches import Switch, SwitchEvent

__all__ = [
    "AuditEntry",
    "Drain",
    "Heartbeat",
    "Lock",
    "SavedFilter",
    "Switch",
    "SwitchEvent",
    "Tick",
    "TryCount",
]
