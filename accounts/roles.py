"""Roles of users: give them, take them, and ask which scopes a user holds."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission

from hubsite import audit
from hubsite.refusals import Kind, Refused

from .models import User
from .scopes import ROLES, SCOPES


def permissions_of(user: User) -> frozenset[str]:
    """The scopes that `user` holds now, directly or by a role; none if inactive."""
    return frozenset(scope for scope in SCOPES if user.has_perm(f"accounts.{scope}"))


def hold_user(user: User, *scopes: str) -> User:
    """Lock the row of `user` until the transaction ends, and read it again.

    Call it first in each transaction that writes data of a user after the request has waited for
    something, because meanwhile the person may have been deleted, or have lost a role. Raises
    Refused unless the account is still active, under the same id, and holds all `scopes`.
    """
    now = User.objects.select_for_update(no_key=True).filter(pk=user.pk).first()
    if now is None or not now.is_active or now.username != user.username:
        raise Refused("This account is no longer active.", kind=Kind.FORBIDDEN)
    if missing := sorted(set(scopes) - permissions_of(now)) if scopes else []:
        raise Refused(f"Your account no longer has {' '.join(missing)}.", kind=Kind.FORBIDDEN)
    return now


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

    A missing role is created again. A role that an operator has narrowed stays narrowed: use
    `permissions_of` to see whether the user has the scopes now.
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
    if added:
        audit.record("user.roles_changed", on=user, detail=" ".join(f"+{name}" for name in added))
    forget_permissions(user)
    return added


def give_role(user: User, name: str) -> bool:
    """Add `user` to a role, created if it is missing; False if the user had it already."""
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
