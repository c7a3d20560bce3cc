"""Who there is, what their programs may do, and what they have to spend."""

from .acting import ActingEntry
from .client import AccessToken, Client
from .identity import Identity, ProviderDocuments
from .ledger import Balance, LedgerEntry
from .subscription import GeodbRegistration, Service, Subscription, SubscriptionEvent, Unit
from .units import ExpiringUnits, MonthlyGrant
from .user import User

__all__ = [
    "AccessToken",
    "ActingEntry",
    "Balance",
    "Client",
    "ExpiringUnits",
    "GeodbRegistration",
    "Identity",
    "LedgerEntry",
    "MonthlyGrant",
    "ProviderDocuments",
    "Service",
    "Subscription",
    "SubscriptionEvent",
    "Unit",
    "User",
]
