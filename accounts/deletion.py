"""Delete a person: everything that identifies them goes, what was spent stays.

The user's row remains under a random id, because the ledger refers to it. Apps that keep more
data of a user register how to stop and delete it, because accounts know nothing of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Replace
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hubsite import audit
from hubsite.bounded_count import MOST, count_up_to
from hubsite.console import saved_filters
from hubsite.console.quantities import number

from .models import (
    ActingEntry,
    Client,
    GeodbRegistration,
    Identity,
    Notice,
    NoticeMail,
    Share,
    ShareOpening,
    Subscription,
    SubscriptionEvent,
    User,
)
from .notices.kinds import SHARED
from .subscriptions.subscribing import unsubscribe
from .units import ledger

DELETED = "deleted"


class StillBusy(Exception):
    """Work of the user is still being ended; try again in a minute."""


class HasPowers(Exception):
    """The user operates the hub. Their powers must be taken away before they are deleted."""


@dataclass(frozen=True)
class Foreseen:
    """What a deletion will do to `count` things of one kind, in words."""

    title: str | Promise
    count: int
    becomes: str | Promise

    @property
    def shown(self) -> str:
        """The count in words; `10,000+` if there are more than anybody wants to count."""
        return f"{number(MOST)}+" if self.count > MOST else number(self.count)


def counted(rows: QuerySet) -> int:
    """How many rows, for `Foreseen`: a little more than is shown, if they are very many."""
    return count_up_to(rows, MOST + 1)


@dataclass(frozen=True)
class _Other:
    """`stop` ends running work and returns how much is still running; `forget` gets the user, the
    id that must go, and its replacement; it may return what operators must do themselves.
    `foresee` says what both would do."""

    stop: Callable[[User], int]
    forget: Callable[[User, str, str], list[str] | None]
    foresee: Callable[[User], list[Foreseen]]


_others: list[_Other] = []


def also(
    *,
    stop: Callable[[User], int],
    forget: Callable[[User, str, str], list[str] | None],
    foresee: Callable[[User], list[Foreseen]] = lambda user: [],
) -> None:
    """Register what another app keeps of users. Called when the app is ready."""
    _others.append(_Other(stop, forget, foresee))


def foresee(user: User) -> list[Foreseen]:
    """What deleting this person would do now: of each kind how many, and what becomes of them."""
    goes = _("deleted")
    told = counted(user.notices.all()) + counted(user.webhooks.all())
    held = Share.objects.filter(user=user).exclude(owner=user)
    given = Share.objects.filter(owner=user)
    shares = given.values("pk").order_by().union(held.values("pk").order_by(), all=True)
    found = [line for other in _others for line in other.foresee(user)]
    return [
        *found,
        Foreseen(_("Identities"), counted(user.identities.all()), goes),
        Foreseen(_("Tokens"), counted(user.access_tokens.all()), _("deleted; refused at once")),
        Foreseen(_("Clients"), counted(user.clients.all()), _("deleted; refused at once")),
        Foreseen(
            _("Subscriptions"),
            counted(user.subscriptions.all()),
            _("ended; service and times stay without a name"),
        ),
        Foreseen(_("Shares given and held"), shares[: MOST + 1].count(), goes),
        Foreseen(_("Notices and webhooks"), told, goes),
        Foreseen(
            _("Ledger entries"),
            counted(user.ledger_entries.all()),
            _("stay, under a random id: units, times and reasons"),
        ),
    ]


def stop_work(user: User) -> int:
    """Cancel and stop what the user started; returns how much is still running."""
    return sum(other.stop(user) for other in _others)


def forget_person(
    user: User, *, actor: str, on_done: Callable[[list[str]], None] = lambda elsewhere: None
) -> list[str]:
    """Delete the person; returns what operators must do in other systems.

    `on_done` is called with it in the same transaction. A person who was deleted before stays so.

    The account is switched off at once, also if StillBusy is raised. Raises StillBusy, HasPowers.
    """
    if user.is_superuser or user.is_staff or user.reads_hub:
        raise HasPowers(f"{user.email} is an operator")
    User.objects.filter(pk=user.pk).update(is_active=False)
    if busy := stop_work(user):
        raise StillBusy(f"{busy} jobs are being ended")
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if user.forgotten_at is not None:
            on_done([])
            return []
        old, new = user.user_id, f"a{secrets.token_hex(16)}"
        elsewhere = [line for other in _others for line in other.forget(user, old, new) or ()]
        elsewhere += _forget_subscriptions(user, actor)
        _forget_access(user)
        saved_filters.forget(user)
        ledger.rename(user, old, new)
        ActingEntry.objects.filter(user=user).update(
            path=Replace(F("path"), Value(old), Value(new)), address=""
        )
        ActingEntry.objects.filter(operator=user).update(address="")
        SubscriptionEvent.objects.filter(actor=f"user {old}").update(actor=f"user {new}")
        audit.record("user.deleted", actor=actor, on=user)
        audit.forget_person(user, email=user.email, old=old, new=new)
        _anonymise(user, new)
        on_done(elsewhere)
    return elsewhere


def _forget_subscriptions(user: User, actor: str) -> list[str]:
    elsewhere = []
    for subscription in user.subscriptions.all():
        if subscription.is_live:
            unsubscribe(subscription.service, user.user_id, actor=actor)
            subscription.refresh_from_db()
        if subscription.geodb_role:
            elsewhere.append(f"geoDB: drop the role {subscription.geodb_role} and its data")
        subscription.guid = f"{DELETED}-{secrets.token_hex(8)}"
        subscription.first_name = subscription.last_name = subscription.option = ""
        subscription.client = None
        subscription.save()
        SubscriptionEvent.objects.filter(subscription=subscription).update(changes={})
        GeodbRegistration.objects.filter(subscription=subscription).update(error="")
    return elsewhere


def _forget_access(user: User) -> None:
    """Delete every way to sign in, also waiting ones of this e-mail, and names in the admin log."""
    identities = Identity.objects.filter(Q(user=user) | Q(user=None, email__iexact=user.email))
    for model, rows in (
        (User, [user]),
        (Client, user.clients.all()),
        (Subscription, user.subscriptions.all()),
        (Identity, identities),
    ):
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(model),
            object_id__in=[str(row.pk) for row in rows],
        ).update(object_repr=DELETED, change_message="")
    _forget_notices(user)
    _forget_shares(user)
    user.device_requests.all().delete()
    user.access_tokens.all().delete()
    user.clients.all().delete()
    identities.delete()
    user.monthly_grants.all().delete()
    user.groups.clear()
    user.user_permissions.clear()


def _forget_notices(user: User) -> None:
    """Delete what the person was told, and what others were told of them."""
    for rows in (user.notices, user.notice_choices, user.webhooks):
        rows.all().delete()
    NoticeMail.objects.filter(user=user).delete()
    Notice.objects.filter(kind=SHARED.name, text__contains=user.email).delete()


def _forget_shares(user: User) -> None:
    """Delete what the person shared, what is or would be shared with them, and what they used."""
    theirs = Q(owner=user) | Q(user=user) | Q(person__in=(user.email.lower(), user.username))
    Share.objects.filter(theirs).delete()
    ShareOpening.objects.filter(user=user).delete()


def _anonymise(user: User, new: str) -> None:
    user.username, user.email = new, f"{new}@{DELETED}.invalid"
    user.first_name = user.last_name = user.language = ""
    user.is_active, user.last_login = False, None
    user.forgotten_at = timezone.now()
    user.set_unusable_password()  # ends the sessions too
    user.save()
