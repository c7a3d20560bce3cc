"""Models of accounts: users, clients, tokens, identities, subscriptions, units, the ledger."""

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
