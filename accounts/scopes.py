"""The scopes that callers can have, and the roles that grant them.

A scope is a permission of the User model with the same codename, and a role is a group, so
that operators manage them where Django's admin expects it. A token's scopes never count by
themselves, only as far as its owner holds the permission (`accounts/tokens`). `accounts/roles.py`
gives and takes roles.
"""

from __future__ import annotations

MANAGE_CUBEGENS = "manage:cubegens"
PROCESS_CUBEGENS = "process:cubegens"
MANAGE_COLLECTIONS = "manage:collections"
READ_USERS = "read:users"
CREATE_USERS = "create:users"
SHARE_PUBLICLY = "share:publicly"
READ_HUB = "read:hub"
OPERATE_HUB = "operate:hub"

SCOPES: dict[str, str] = {
    MANAGE_CUBEGENS: "Can generate data cubes",
    PROCESS_CUBEGENS: "Can run own code in cube generation",
    MANAGE_COLLECTIONS: "Can publish collections in GeoServer",
    READ_USERS: "Can read users and their subscriptions",
    CREATE_USERS: "Can create users and their subscriptions",
    SHARE_PUBLICLY: "Can share by links that need no sign-in",
    READ_HUB: "Can see what belongs to others, and changes nothing",
    OPERATE_HUB: "Can operate the hub: see and change what belongs to others",
}

# From the narrowest to the widest: the first role that holds a scope is given for it.
ROLES: dict[str, tuple[str, ...]] = {
    "cube-generation": (MANAGE_CUBEGENS,),
    "user-code": (PROCESS_CUBEGENS,),
    "geoserver": (MANAGE_COLLECTIONS,),
    "geodb-user": (),
    "geodb-manage": (),
    "geodb-free": (),
    "public-sharing": (SHARE_PUBLICLY,),
    "marketplace": (READ_USERS, CREATE_USERS),
    "support": (READ_USERS, READ_HUB),
    "operator": tuple(SCOPES),
}
