"""Models of accounts: users, clients, tokens, identities, subscriptions, units, notices."""

from .acting import ActingEntry
from .client import AccessToken, Client
from .deletion import PersonDeletion
from .device import DeviceRequest
from .identity import Identity, ProviderDocuments
from .ledger import Balance, LedgerEntry, UnitsOfMonth
from .notices import Notice, NoticeChoice, NoticeMail, Webhook, WebhookDelivery
from .role import Role
from .sharing import Action, Share, ShareableRole, ShareOpening, ShareQuerySet
from .subscription import GeodbRegistration, Service, Subscription, SubscriptionEvent, Unit
from .units import ExpiringUnits, MonthlyGrant
from .user import User

__all__ = [
    "AccessToken",
    "Action",
    "ActingEntry",
    "Balance",
    "Client",
    "DeviceRequest",
    "ExpiringUnits",
    "GeodbRegistration",
    "Identity",
    "LedgerEntry",
    "MonthlyGrant",
    "Notice",
    "NoticeChoice",
    "NoticeMail",
    "PersonDeletion",
    "ProviderDocuments",
    "Role",
    "Service",
    "Share",
    "ShareOpening",
    "ShareQuerySet",
    "ShareableRole",
    "Subscription",
    "SubscriptionEvent",
    "Unit",
    "UnitsOfMonth",
    "User",
    "Webhook",
    "WebhookDelivery",
]
