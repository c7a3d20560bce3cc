"""Scopes are permissions, roles are groups that hold them."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from accounts.role_words import ABOUT, MEANINGS, meanings
from accounts.roles import forget_permissions, give_roles, permissions_of
from accounts.scopes import ROLES, SCOPES

from .factories import make_user

pytestmark = pytest.mark.django_db

make_roles = importlib.import_module("accounts.migrations.0002_roles")
sharing_roles = importlib.import_module("accounts.migrations.0009_sharing_roles")
support_role = importlib.import_module("accounts.migrations.0012_support_role")
geodb_roles = importlib.import_module("accounts.migrations.0005_geodb_roles")


def roles_in_database() -> dict[str, set[str]]:
    return {
        role.name: set(role.permissions.values_list("codename", flat=True))
        for role in Group.objects.all()
    }


def migrate_roles() -> None:
    with connection.schema_editor() as editor:
        make_roles.make_roles(apps, editor)
        geodb_roles.make_roles(apps, editor)
        sharing_roles.make_roles(apps, editor)
        support_role.make_roles(apps, editor)


@pytest.mark.django_db(transaction=True)
def test_the_migration_makes_the_roles_and_the_permissions_they_need():
    """As on a new database, where permissions and their content type do not exist yet."""
    Group.objects.all().delete()
    Permission.objects.filter(codename__in=SCOPES).delete()
    migrate_roles()
    migrate_roles()
    assert roles_in_database() == {name: set(scopes) for name, scopes in ROLES.items()}
    assert (
        dict(
            Permission.objects.filter(
                codename__in=SCOPES,
                content_type=ContentType.objects.get_by_natural_key("accounts", "user"),
            ).values_list("codename", "name")
        )
        == SCOPES
    )


def test_every_scope_has_a_role_and_the_operator_has_all():
    assert {scope for scopes in ROLES.values() for scope in scopes} == set(SCOPES)
    assert set(ROLES["operator"]) == set(SCOPES)


def test_a_user_has_scopes_directly_and_by_roles():
    user = make_user(permissions=["process:cubegens"])
    assert give_roles(user, ["manage:cubegens"]) == ["cube-generation"]
    assert permissions_of(user) == {"process:cubegens", "manage:cubegens"}


def test_only_roles_that_are_needed_are_given_and_the_narrowest_of_them():
    user = make_user(permissions=["manage:cubegens"])
    assert give_roles(user, ["manage:cubegens", "read:users", "create:users"]) == ["marketplace"]
    assert give_roles(user, ["operate:hub"]) == ["operator"]
    assert give_roles(user, SCOPES) == []


def test_a_missing_role_is_made_again_and_a_narrowed_one_is_not_widened():
    Group.objects.all().delete()
    user = make_user()
    give_roles(user, ["manage:cubegens"])
    assert permissions_of(user) == {"manage:cubegens"}
    Group.objects.get(name="cube-generation").permissions.clear()
    forget_permissions(user)
    give_roles(user, ["manage:cubegens"])
    assert permissions_of(user) == frozenset()


def test_an_inactive_user_may_nothing_and_a_superuser_all():
    assert permissions_of(make_user(permissions=SCOPES, is_active=False)) == frozenset()
    assert permissions_of(make_user(is_superuser=True)) == set(SCOPES)


def test_every_scope_and_every_role_is_told_in_words():
    assert set(MEANINGS) == set(SCOPES)
    assert set(ABOUT) == set(ROLES)
    assert meanings(ROLES["operator"])[0] == "may grant and correct units"
    assert meanings(["unknown:scope"]) == []


def test_support_reads_and_does_not_operate():
    support = make_user()
    assert give_roles(support, ["read:hub"]) == ["support"]
    assert (support.reads_hub, support.is_operator) == (True, False)
    assert make_user(permissions=["operate:hub"]).reads_hub
    assert not make_user(permissions=["read:users"], is_staff=True).reads_hub


def test_an_operator_is_who_may_operate_the_hub():
    assert make_user(permissions=["operate:hub"]).is_operator
    assert make_user(is_superuser=True).is_operator
    assert not make_user(permissions=["manage:cubegens"], is_staff=True).is_operator
