"""The admin pages of accounts. Django imports this package, which imports all of them."""

from . import identities, roles, subscriptions, switches, units, users

__all__ = ["identities", "roles", "subscriptions", "switches", "units", "users"]
