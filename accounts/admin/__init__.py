"""The admin pages of accounts. Django imports this package, which imports all of them."""

from . import (
    audit,
    clients,
    identities,
    notices,
    roles,
    sharing,
    subscriptions,
    switches,
    units,
    users,
)

__all__ = [
    "audit",
    "clients",
    "identities",
    "notices",
    "roles",
    "sharing",
    "subscriptions",
    "switches",
    "units",
    "users",
]
