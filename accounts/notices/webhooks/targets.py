"""A user's webhooks: made, changed, tested, switched on again, deleted."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.settings import hub
from hubsite import audit, sealing
from hubsite.coordination.failures import Limit, TooManyTries, count
from hubsite.coordination.wake_up import wake_up
from hubsite.reach import Reach
from hubsite.refusals import Kind, Refused
from hubsite.visible_text import check_visible

from ...models import Notice, User, Webhook, WebhookDelivery
from ...roles import hold_user
from .. import kinds
from ..telling import tell
from . import signing

PURPOSE = b"hub-webhooks"
LONGEST_URL, LONGEST_NAME = 500, 100
ROTATION = timedelta(days=1)
"""How long the secret before signs too, so that a receiver can be changed meanwhile."""
BY_OPERATOR = "An operator switched it off."
TESTS = {"most": 10, "window_s": 600}
SEND_TASK = "accounts.tasks.send_webhooks"


def webhooks_of(user: User) -> QuerySet[Webhook]:
    return Webhook.objects.filter(user=user)


def find(user: User, webhook_id: str) -> Webhook:
    """The user's webhook of that id. Raises Refused."""
    rows = webhooks_of(user).filter(webhook_id=webhook_id[:40])
    if (webhook := rows.first()) is None:
        raise Refused("You have no such webhook.", kind=Kind.NOT_FOUND)
    return webhook


@transaction.atomic
def make(user: User, *, name: str, url: str, wanted: Iterable[str]) -> tuple[Webhook, str]:
    """A new webhook, and its secret as its owner gets it, once. Raises Refused."""
    hold_user(user)
    if webhooks_of(user).count() >= hub.webhooks_per_user:
        raise Refused(
            f"You have {hub.webhooks_per_user} webhooks; delete one first."
            if hub.webhooks_per_user
            else "This hub sends no webhooks.",
            kind=Kind.FORBIDDEN,
        )
    secret = signing.new_secret()
    webhook = Webhook.objects.create(
        user=user,
        name=checked_name(name),
        url=checked_url(url),
        kinds=checked_kinds(wanted),
        secret=sealing.seal(secret, purpose=PURPOSE),
    )
    audit.record("webhook.made", on=webhook, detail=host_of(webhook.url))
    return webhook, signing.shown(secret)


@transaction.atomic
def change(webhook: Webhook, *, name: str, url: str, wanted: Iterable[str], is_on: bool) -> Webhook:
    """Change it. Switched on, or with another URL, it is tried anew. Raises Refused."""
    hold_user(webhook.user)
    webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)
    is_anew = is_on and (webhook.off_at is not None or webhook.url != url)
    webhook.name, webhook.url = checked_name(name), checked_url(url)
    webhook.kinds = checked_kinds(wanted)
    if not is_on:
        if webhook.off_at is None:
            webhook.off_at, webhook.off_reason = timezone.now(), "You switched it off."
    elif is_anew:
        webhook.off_at, webhook.off_reason = None, ""
        webhook.failures, webhook.failing_since, webhook.rests_until = 0, None, None
        open_rows = webhook.deliveries.exclude(state__in=WebhookDelivery.ended_states())
        open_rows.update(due_at=timezone.now(), attempts=0)
        wake_up(SEND_TASK)
    webhook.save()
    action = "webhook.changed" if is_on else "webhook.switched_off"
    audit.record(action, on=webhook, detail=host_of(webhook.url))
    return webhook


@transaction.atomic
def rotate(webhook: Webhook) -> str:
    """A new secret. The one before signs too for a day; one before that ends now."""
    hold_user(webhook.user)
    webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)
    secret = signing.new_secret()
    webhook.former_secret, webhook.former_secret_ends_at = (
        webhook.secret,
        timezone.now() + ROTATION,
    )
    webhook.secret = sealing.seal(secret, purpose=PURPOSE)
    webhook.save(update_fields=["secret", "former_secret", "former_secret_ends_at"])
    audit.record("webhook.secret_replaced", on=webhook)
    return signing.shown(secret)


def delete(webhook: Webhook) -> None:
    """Delete it, and what waits to be sent to it."""
    with transaction.atomic():
        audit.record("webhook.deleted", on=webhook, detail=host_of(webhook.url))
        webhook.delete()


def switch_off(rows: QuerySet[Webhook], *, reason: str) -> int:
    """Switch off those that are on, for an operator; their owners may switch them on again."""
    with transaction.atomic():
        found = list(rows.filter(off_at=None).select_for_update(of=["self"]).select_related("user"))
        now = timezone.now()
        Webhook.objects.filter(pk__in=[row.pk for row in found]).update(
            off_at=now, off_reason=reason
        )
        for row in found:
            audit.record("webhook.switched_off", on=row, detail=host_of(row.url))
    return len(found)


def host_of(url: str) -> str:
    """The host of a URL, for the audit: the rest of the URL may hold a secret."""
    return urlsplit(url).netloc


def test(webhook: Webhook) -> WebhookDelivery:
    """Send a notice to this webhook only, whatever its kinds are. Raises Refused."""
    if webhook.off_at is not None:
        raise Refused("This webhook is switched off. Switch it on first.", kind=Kind.CONFLICT)
    try:
        count([Limit(f"test webhooks of {webhook.user_id}", **TESTS)])
    except TooManyTries as tries:
        raise Refused(
            "You tested webhooks ten times within ten minutes. Wait.",
            kind=Kind.BUSY,
            retry_after_s=tries.retry_after_s,
        ) from None
    with transaction.atomic():
        occasion = secrets.token_hex(16)
        tell(
            webhook.user_id,
            kinds.WEBHOOK_TEST.name,
            webhook.webhook_id,
            f"A test of the webhook {webhook.name}",
            "If you can read this, your webhook works.",
            occasion=occasion,
            path="",
            is_own_doing=True,
        )
        notice = Notice.objects.get(user_id=webhook.user_id, occasion=occasion)
        Notice.objects.filter(pk=notice.pk).update(is_sorted=True)
        delivery = WebhookDelivery.objects.create(webhook=webhook, notice=notice)
        wake_up(SEND_TASK)
    return delivery


def keys_of(webhook: Webhook) -> list[bytes]:
    """The secrets that sign now, the newest first. Raises sealing.Unreadable."""
    sealed = [webhook.secret]
    ends_at = webhook.former_secret_ends_at
    if webhook.former_secret and ends_at and timezone.now() < ends_at:
        sealed.append(webhook.former_secret)
    return [sealing.unseal(bytes(secret), purpose=PURPOSE) for secret in sealed]


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises Refused."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise Refused(f"1 to {LONGEST_NAME} characters are expected", field="name")
    check_visible(name, field="name")
    return name


def checked_url(url: str) -> str:
    """The URL, if it may be a webhook's. What its host resolves to is checked at each call."""
    schemes = ("https", "http") if hub.webhook_http else ("https",)
    expected = " or ".join(f"{scheme}://" for scheme in schemes)
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise Refused(
            f"a URL of at most {LONGEST_URL} printable ASCII characters is expected", field="url"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("a URL with a valid host and port is expected", field="url") from None
    if parts.scheme not in schemes or not parts.hostname:
        raise Refused(f"a URL that begins with {expected} is expected", field="url")
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise Refused("a URL without user, password and # is expected", field="url")
    host = parts.hostname
    if _is_literal(host) and not Reach(hub.webhook_networks).allows(host):
        raise Refused("a public address is expected", field="url")
    return url


def _is_literal(host: str) -> bool:
    """Whether the host is an address in numbers, not a name."""
    return ":" in host or host.replace(".", "").isdigit()


def checked_kinds(wanted: Iterable[str]) -> list[str]:
    known = {kind.name for kind in kinds.registered()} - {kinds.WEBHOOK_TEST.name}
    chosen = sorted(set(wanted))
    if unknown := [name for name in chosen if name not in known]:
        raise Refused(
            f"kinds of notices are expected, not {unknown[0][:40]!r}; there are "
            f"{', '.join(sorted(known))}",
            field="kinds",
        )
    return chosen
