"""The pages of accounts in the admin: Django loads this package, which loads them all."""

from . import identities, roles, subscriptions, units, users

__all__ = ["identities", "roles", "subscriptions", "units", "users"]
