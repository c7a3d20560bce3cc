"""Creates, changes and ends subscriptions, each in one transaction that locks the user.

A repeated request changes nothing, even if two arrive at the same time. Only the members that a
request contains are compared and changed; members that it leaves out stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from hubsite import audit
from hubsite.refusals import Kind, Refused

from ..models import Client, Service, Subscription, SubscriptionEvent, User
from ..models.subscription import check_geodb_guid
from ..roles import give_role, take_role
from ..tokens.clients import NewSecret, create_client, find_client, replace_secret
from ..units import ledger
from .geodb_registration import register_soon
from .plans import CLIENT_SCOPES, check_units, default_unit, roles_of_plan

EventKind = SubscriptionEvent.Kind


@dataclass(frozen=True)
class Wish:
    """The members of a request; None means not given."""

    email: str
    guid: str
    plan: str | None = None
    units: float | None = None
    unit: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    start_date: date | None = None
    option: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    def said(self) -> dict[str, Any]:
        """The columns of a subscription for which it gives a value."""
        names = (
            "guid",
            "plan",
            "units",
            "unit",
            "start_date",
            "option",
            "first_name",
            "last_name",
        )
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def find_subscription(service: str, subscription_id: str) -> Subscription | None:
    """The live subscription of the user with this id."""
    return (
        Subscription.objects.live()
        .select_related("user", "client", "registration")
        .filter(service=service, user__username=subscription_id)
        .first()
    )


def subscribed_roles(user: User) -> set[str]:
    """The roles from the user's live subscriptions, which nothing else may take away."""
    lists = Subscription.objects.live().filter(user=user).values_list("roles", flat=True)
    return {role for roles in lists for role in roles}


def leave_to_subscriptions(user: User, roles: Iterable[str]) -> None:
    """Note that these roles come only from subscriptions now, so they end with them."""
    roles = set(roles)
    for subscription in Subscription.objects.live().filter(user=user) if roles else ():
        given = set(subscription.given_roles)
        if missing := roles.intersection(subscription.roles) - given:
            subscription.given_roles = sorted(given | missing)
            subscription.save(update_fields=["given_roles"])


def subscribe(service: str, wish: Wish, *, actor: str) -> tuple[Subscription, str | None]:
    """Create or change the user's subscription; also returns the client secret if it was set.

    Creates the user if there is none with this e-mail. Raises Refused.
    """
    if service == Service.GEODB:
        try:
            check_geodb_guid(wish.guid)
        except ValidationError as error:
            raise Refused(error.messages[0], field="guid") from None
    secret = NewSecret(wish.client_secret)
    _hash_before(service, wish, secret)
    try:
        with transaction.atomic():
            return _subscribe(service, wish, secret, actor)
    except IntegrityError:
        if service == Service.GEODB and _is_role_of_another(wish):
            raise Refused(
                "another user has this role in geoDB", field="guid", kind=Kind.CONFLICT
            ) from None
        raise


def unsubscribe(service: str, subscription_id: str, *, actor: str) -> bool:
    """End the live subscription; False if there is none. Its user keeps jobs and units."""
    with transaction.atomic():
        found = find_subscription(service, subscription_id)
        if found is None:
            return False
        _hold(found.user)
        subscription = Subscription.objects.live().filter(pk=found.pk).first()
        if subscription is None:
            return False  # another request ended it meanwhile
        subscription.user = found.user
        _set_roles(subscription, [])
        subscription.ended_at = timezone.now()
        subscription.save()
        _note(subscription, EventKind.ENDED, {}, actor)
    return True


def _hash_before(service: str, wish: Wish, secret: NewSecret) -> None:
    """Compare or hash a given secret before the transaction, because that takes long."""
    if not secret.is_given:
        return
    client = find_client(wish.client_id) if wish.client_id else _client_now(service, wish.email)
    if client is None or not secret.is_that_of(client):
        secret.hash  # noqa: B018 - computes and keeps it


def _client_now(service: str, email: str) -> Client | None:
    return Client.objects.filter(
        subscriptions__service=service, subscriptions__user__email__iexact=email.strip()
    ).first()


def _subscribe(
    service: str, wish: Wish, secret: NewSecret, actor: str
) -> tuple[Subscription, str | None]:
    user = _user_of(wish)
    subscription = Subscription.objects.filter(user=user, service=service).first()
    if subscription is None:
        kind, subscription = EventKind.STARTED, Subscription(service=service)
    else:
        kind = EventKind.CHANGED if subscription.is_live else EventKind.RESUMED
    subscription.user = user
    before = _shown(subscription) if kind == EventKind.CHANGED else {}
    _apply(wish, subscription, anew=kind != EventKind.CHANGED)
    is_secret_set = _set_client(subscription, wish, secret)
    changes = {
        name: [before.get(name), value]
        for name, value in _shown(subscription).items()
        if before.get(name) != value
    }
    if not changes and not is_secret_set:
        return subscription, None
    _set_roles(subscription, roles_of_plan(service, subscription.plan, subscription.option))
    subscription.revision += 1
    subscription.ended_at = None
    subscription.save()
    _name_user(user, wish)
    if is_secret_set:
        changes["client_secret"] = ["old" if before else None, "new"]
    _note(subscription, kind, changes, actor)
    if service == Service.GEN and wish.units is not None and "units" in changes:
        ledger.override(
            user,
            int(subscription.units),
            key=f"subscription:{subscription.pk}:{subscription.revision}",
            reason=f"subscription {subscription.plan}",
        )
    if service == Service.GEODB and changes.keys() & {"guid", "plan", "units", "start_date"}:
        register_soon(subscription)
    return subscription, secret.text if is_secret_set else None


def _apply(wish: Wish, subscription: Subscription, *, anew: bool) -> None:
    """Write the wish into the row; a subscription that begins again gets the defaults."""
    said = wish.said()
    if anew:
        said = {
            "plan": "free",
            "units": 0.0,
            "unit": default_unit(subscription.service),
            "start_date": timezone.now().date(),
            "option": "",
            "first_name": "",
            "last_name": "",
            **said,
        }
    if subscription.geodb_role and subscription.pk and subscription.guid != wish.guid:
        raise Refused(
            "this user has another role in geoDB, with data in it; operators can change it",
            field="guid",
            kind=Kind.CONFLICT,
        )
    for name, value in said.items():
        setattr(subscription, name, value)
    check_units(subscription.service, subscription.units, subscription.unit)


def _user_of(wish: Wish) -> User:
    """The user with that e-mail, locked until the transaction ends."""
    try:
        user, is_new = User.objects.get_or_create_by_email(wish.email)
    except ValidationError as error:
        raise Refused(error.messages[0], field="email") from None
    if is_new:
        audit.record("user.made", on=user, detail="by a subscription")
    user = _hold(user)
    if not user.is_active:
        raise Refused("the account of this user is switched off", field="email", kind=Kind.CONFLICT)
    if user.is_service_account:
        raise Refused("this is the account of a machine", field="email", kind=Kind.CONFLICT)
    return user


def _hold(user: User) -> User:
    """Lock the user, so that no other request changes a subscription of the user meanwhile."""
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def _set_client(subscription: Subscription, wish: Wish, secret: NewSecret) -> bool:
    """Set the requested client, and revoke the former one; returns whether the secret was set."""
    current = subscription.client
    client_id = wish.client_id or (current.client_id if current else None)
    if current and current.client_id == client_id:
        if not secret.is_given or secret.is_that_of(current):
            return False
        _check_harmless(current)
        replace_secret(current, secret)
        return True
    existing = find_client(client_id) if client_id else None
    if existing is None:
        subscription.client, is_set = _make_client(subscription, client_id, secret), True
    else:
        is_set = _adopt(existing, subscription.user, secret)
        subscription.client = existing
    if current and not current.subscriptions.exclude(pk=subscription.pk).exists():
        current.revoke()
    return is_set


def _adopt(client: Client, user: User, secret: NewSecret) -> bool:
    """Use an existing client, for instance of another subscription of the user.

    Returns whether its secret was set.
    """
    if client.owner_id != user.pk:
        raise Refused("this client id is taken", field="client_id", kind=Kind.CONFLICT)
    _check_harmless(client)
    client.scopes = sorted({*client.scopes, *CLIENT_SCOPES})
    client.save(update_fields=["scopes"])
    if client.revoked_at is None and (not secret.is_given or secret.is_that_of(client)):
        return False
    replace_secret(client, secret)
    return True


def _check_harmless(client: Client) -> None:
    """Check that the client has no more scopes than clients of subscribers.

    Otherwise the marketplace could set the secret of an operator's client, because client ids
    are not secret.
    """
    if not set(client.scopes) <= set(CLIENT_SCOPES):
        raise Refused(
            "this client may more than subscriptions give", field="client_id", kind=Kind.CONFLICT
        )


def _make_client(subscription: Subscription, client_id: str | None, secret: NewSecret) -> Client:
    try:
        with transaction.atomic():
            return create_client(
                subscription.user,
                scopes=CLIENT_SCOPES,
                name=f"subscription to {subscription.service}",
                client_id=client_id,
                secret=secret,
            )[0]
    except IntegrityError:  # another user's request was first
        raise Refused("this client id is taken", field="client_id", kind=Kind.CONFLICT) from None


def _is_role_of_another(wish: Wish) -> bool:
    rows = Subscription.objects.filter(service=Service.GEODB, guid=wish.guid)
    return rows.exclude(user__email__iexact=wish.email.strip()).exists()


def _set_roles(subscription: Subscription, wanted: Iterable[str]) -> None:
    """Give the user these roles, and take away the subscription's former roles."""
    wanted = list(wanted)
    given = [role for role in subscription.given_roles if role in wanted]
    for role in subscription.given_roles:
        if role not in wanted:
            take_role(subscription.user, role)
    for role in wanted:
        if role not in given and give_role(subscription.user, role):
            given.append(role)
    subscription.roles, subscription.given_roles = wanted, given


def _name_user(user: User, wish: Wish) -> None:
    names = {"first_name": wish.first_name, "last_name": wish.last_name}
    if names := {name: value for name, value in names.items() if value}:
        User.objects.filter(pk=user.pk).update(**names)


def _shown(subscription: Subscription) -> dict[str, Any]:
    """The entry for the history."""
    return {
        "guid": subscription.guid,
        "plan": subscription.plan,
        "units": subscription.units,
        "unit": str(subscription.unit),
        "client_id": subscription.client.client_id if subscription.client else None,
        "start_date": subscription.start_date.isoformat(),
        "option": subscription.option,
        "first_name": subscription.first_name,
        "last_name": subscription.last_name,
    }


def _note(subscription: Subscription, kind: EventKind, changes: dict[str, Any], actor: str) -> None:
    said = [_told(name, change) for name, change in changes.items()]
    if actor.startswith("client "):
        said.append(f"by {actor}")
    audit.record(f"subscription.{kind}", on=subscription, detail=", ".join(said))
    SubscriptionEvent.objects.create(
        subscription=subscription, kind=kind, changes=changes, actor=actor[:300]
    )


def _told(name: str, change: list[Any]) -> str:
    """One change in the audit: names and ids of people are not repeated there."""
    if name not in ("plan", "units", "unit", "start_date"):
        return name
    before, after = change
    return f"{name} {after}" if before is None else f"{name} {before} → {after}"
