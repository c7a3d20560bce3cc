"""Who there is, what their programs may do, and what they have to spend."""

from .client import AccessToken, Client
from .ledger import Balance, LedgerEntry
from .user import User

__all__ = ["AccessToken", "Balance", "Client", "LedgerEntry", "User"]
