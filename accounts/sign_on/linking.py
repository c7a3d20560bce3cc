"""Link identities to users: by issuer and subject, once and for good.

An e-mail links an identity only at its first sign-on, only if the hub trusts the e-mails of the
issuer and the issuer says that this one is verified, and only to a user as whom no one signs in
yet (the marketplace makes such users). Every other new identity waits for an operator, because
a provider must not take over an account by naming its e-mail.
"""

from __future__ import annotations

import logging

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.sign_on.providers import Provider
from hubsite import audit

from ..models import Identity, User
from ..roles import forget_permissions, permission_rows
from ..scopes import ROLES
from ..subscriptions.subscribing import leave_to_subscriptions, subscribed_roles
from .claims import Person

logger = logging.getLogger(__name__)


SWITCHED_OFF = "This account of the hub is switched off; ask an operator of the hub"


class SignOnRefused(Exception):
    """The sign-on is refused; the message tells the person why, in ASCII."""


def identify(provider: Provider, person: Person) -> Identity:
    """The person's identity, linked to an active user. Raises SignOnRefused."""
    with transaction.atomic():
        identity, _ = Identity.objects.select_related("user").get_or_create(
            issuer=provider.issuer,
            subject=person.subject,
            defaults={"email": person.email},
        )
        refusal = None if identity.user_id else _link(provider, person, identity)
    if refusal:
        logger.warning(
            "%s of %s waits to be linked by an operator", person.subject, provider.issuer
        )
        raise SignOnRefused(refusal)
    if not identity.user.is_active:
        raise SignOnRefused(SWITCHED_OFF)
    return identity


def keep_in_step(identity: Identity, provider: Provider, person: Person) -> None:
    """Update the user after a sign-on: e-mail, roles and staff status of the provider.

    Raises SignOnRefused if the user was deleted, or the identity moved, since `identify`.

    What operators gave by hand stays. Only what an earlier sign-on brought is taken away again.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=identity.user_id)
        is_linked = Identity.objects.filter(pk=identity.pk, user=user).exists()
        if not (user.is_active and is_linked):  # deleted since, or switched off, or moved
            raise SignOnRefused(SWITCHED_OFF)
        _follow_email(user, identity, provider, person)
        before = _rights(identity)
        _follow_roles(user, identity, person.roles)
        _follow_staff(user, identity, person.is_staff)
        _tell_changes(user, provider, before, _rights(identity))
        identity.last_login_at = timezone.now()
        identity.save(update_fields=["email", "given_roles", "gave_staff", "last_login_at"])
    identity.user = user


def is_privileged(user: User) -> bool:
    """Whether the account has powers over others; such an account is never linked by e-mail.

    Powers are staff status, and the scopes to operate the hub and to read what is others'.
    """
    return user.is_staff or user.is_superuser or user.reads_hub


def withdraw(identity: Identity) -> None:
    """Take from its user what the identity brought, because it is unlinked or moved."""
    with transaction.atomic():
        before = Identity.objects.select_for_update().get(pk=identity.pk)
        if before.user is not None:
            _follow_roles(before.user, before, frozenset())
            _follow_staff(before.user, before, False)
    identity.given_roles, identity.gave_staff = [], False


def _link(provider: Provider, person: Person, identity: Identity) -> str | None:
    """Link the identity to the user of its e-mail, created if there is none; or say why not."""
    wait = "An operator of the hub must first say whose account it is"
    if identity.email != person.email:
        identity.email = person.email
        identity.save(update_fields=["email"])
    if not person.email:
        return f"{provider.title} tells no e-mail address of this account. {wait}"
    if not provider.trust_email:
        return f"This hub does not take e-mail addresses from {provider.title}. {wait}"
    if not person.email_is_verified:
        return f"{provider.title} does not say that this e-mail address is verified. {wait}"
    try:
        user, is_new = User.objects.get_or_create_by_email(
            person.email, first_name=person.first_name, last_name=person.last_name
        )
    except ValidationError:
        return f"{provider.title} tells an e-mail address that is none. {wait}"
    user = User.objects.select_for_update().get(pk=user.pk)
    if user.email.lower() != person.email.lower():  # deleted, or renamed, since it was found
        return f"The account of this e-mail address has just changed. {wait}"
    if not is_new and is_privileged(user):
        return f"This e-mail address is that of an operator of the hub. {wait}"
    if user.is_service_account:
        return f"This e-mail address is that of a machine's account. {wait}"
    if user.identities.exists():
        return f"Somebody signs in with this e-mail address by another account already. {wait}"
    identity.user = user
    identity.save(update_fields=["user"])
    audit.record(
        "user.made" if is_new else "user.linked", actor=user, on=user, detail=provider.title
    )
    logger.info("%s of %s is now %s", identity.subject, identity.issuer, user.user_id)
    return None


def _follow_email(user: User, identity: Identity, provider: Provider, person: Person) -> None:
    """Update the user's e-mail from the identity, if it may change; the user id stays."""
    before, identity.email = identity.email, person.email or identity.email
    may_change = provider.trust_email and person.email_is_verified and person.email
    if not may_change or user.email == person.email or user.email.lower() != before.lower():
        return
    try:
        validate_email(person.email)
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(email=person.email)
    except (ValidationError, IntegrityError):
        return  # no e-mail address, or that of another user
    user.email = person.email


def _follow_roles(user: User, identity: Identity, roles: frozenset[str]) -> None:
    held = set(user.groups.values_list("name", flat=True))
    given = set(identity.given_roles)
    by_others = {
        role
        for its in user.identities.exclude(pk=identity.pk).values_list("given_roles", flat=True)
        for role in its
    }
    gone = given - roles - by_others
    subscribed = subscribed_roles(user)
    for name in sorted(gone - subscribed):
        user.groups.remove(*Group.objects.filter(name=name))
    leave_to_subscriptions(user, gone & subscribed)
    added = set()
    for name in sorted(roles - held):
        if role := _role(name):
            user.groups.add(role)
            added.add(name)
    identity.given_roles = sorted((given & roles) | added)
    forget_permissions(user)


def _rights(identity: Identity) -> set[str]:
    """What its provider gives the user now."""
    return {*identity.given_roles, *(["staff"] if identity.gave_staff else [])}


def _tell_changes(user: User, provider: Provider, before: set[str], now: set[str]) -> None:
    changes = [f"+{name}" for name in sorted(now - before)]
    changes += [f"-{name}" for name in sorted(before - now)]
    if changes:
        audit.record("user.roles_followed", actor=provider.title, on=user, detail=" ".join(changes))


def _role(name: str) -> Group | None:
    if name not in ROLES:
        role = Group.objects.filter(name=name).first()
        if role is None:
            logger.warning("There is no role %s, which a provider's mapping names", name)
        return role
    role, is_new = Group.objects.get_or_create(name=name)
    if is_new:
        role.permissions.set(permission_rows(ROLES[name]))
    return role


def _follow_staff(user: User, identity: Identity, is_staff: bool) -> None:
    if is_staff and not user.is_staff:
        user.is_staff = identity.gave_staff = True
    elif identity.gave_staff and not is_staff:
        identity.gave_staff = False
        user.is_staff = user.identities.exclude(pk=identity.pk).filter(gave_staff=True).exists()
    else:
        return
    user.save(update_fields=["is_staff"])
