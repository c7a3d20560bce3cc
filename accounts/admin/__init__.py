"""The admin pages of accounts. Django imports this package, which imports all of them."""

from . import identities, roles, sharing, subscriptions, switches, units, users

__all__ = ["identities", "roles", "sharing", "subscriptions", "switches", "units", "users"]
