"""What callers may be allowed to do: the scopes, and the roles that grant them.

A scope is a permission of the User model with the same codename, and a role is a group, so
that operators give and take them where Django's admin expects it. A token's scopes never
count by themselves, only as far as its owner holds the permission (tokens.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, Permission

if TYPE_CHECKING:
    from .models import User

MANAGE_CUBEGENS = "manage:cubegens"
PROCESS_CUBEGENS = "process:cubegens"
MANAGE_COLLECTIONS = "manage:collections"
READ_USERS = "read:users"
CREATE_USERS = "create:users"
OPERATE_HUB = "operate:hub"

SCOPES: dict[str, str] = {
    MANAGE_CUBEGENS: "Can generate data cubes",
    PROCESS_CUBEGENS: "Can run own code in cube generation",
    MANAGE_COLLECTIONS: "Can publish collections in GeoServer",
    READ_USERS: "Can read users and their subscriptions",
    CREATE_USERS: "Can create users and their subscriptions",
    OPERATE_HUB: "Can operate the hub: see and change what belongs to others",
}

# From the narrowest to the widest: the first role that holds a scope is the one to give.
ROLES: dict[str, tuple[str, ...]] = {
    "cube-generation": (MANAGE_CUBEGENS,),
    "user-code": (PROCESS_CUBEGENS,),
    "geoserver": (MANAGE_COLLECTIONS,),
    "geodb-user": (),
    "geodb-manage": (),
    "geodb-free": (),
    "marketplace": (READ_USERS, CREATE_USERS),
    "operator": tuple(SCOPES),
}


def permissions_of(user: User) -> frozenset[str]:
    """The scopes that `user` holds now, directly or by a role; none if inactive."""
    return frozenset(scope for scope in SCOPES if user.has_perm(f"accounts.{scope}"))


def permission_rows(scopes: Iterable[str]) -> list[Permission]:
    return list(
        Permission.objects.filter(
            codename__in=list(scopes),
            content_type__app_label="accounts",
            content_type__model="user",
        )
    )


def give_roles(user: User, scopes: Iterable[str]) -> list[str]:
    """Add `user` to the roles that grant `scopes`; returns the names of the added ones.

    A role that is missing is made again. One that an operator narrowed stays narrowed: ask
    `permissions_of` whether the user has what was wanted.
    """
    held = permissions_of(user)
    wanted = set(scopes) - held
    added = []
    for name, granted in ROLES.items():
        if not wanted.intersection(granted):
            continue
        role, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            role.permissions.set(permission_rows(granted))
        user.groups.add(role)
        added.append(name)
        wanted -= set(granted)
    forget_permissions(user)
    return added


def give_role(user: User, name: str) -> bool:
    """Add `user` to a role, made again if it is missing; False if the user had it."""
    role, is_new = Group.objects.get_or_create(name=name)
    if is_new:
        role.permissions.set(permission_rows(ROLES.get(name, ())))
    if user.groups.filter(pk=role.pk).exists():
        return False
    user.groups.add(role)
    forget_permissions(user)
    return True


def take_role(user: User, name: str) -> None:
    user.groups.remove(*user.groups.filter(name=name))
    forget_permissions(user)


def forget_permissions(user: User) -> None:
    """Drop what Django has cached on this instance about the user's permissions."""
    for cached in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        user.__dict__.pop(cached, None)
