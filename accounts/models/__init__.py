"""Who there is, what their programs may do, and what they have to spend."""

from .client import AccessToken, Client
from .identity import Identity, ProviderDocuments
from .ledger import Balance, LedgerEntry
from .user import User

__all__ = [
    "AccessToken",
    "Balance",
    "Client",
    "Identity",
    "LedgerEntry",
    "ProviderDocuments",
    "User",
]
