"""Decides what is sent of new notices: to the next e-mail, to webhooks, or only to the portal.

A tick does it, so that the transaction in which something happens pays one INSERT only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from accounts.settings import hub
from hubsite.coordination import lock

from ..models import Notice, NoticeMail, Webhook, WebhookDelivery
from . import kinds, mailing
from .choices import choices_of_many, has_mail

AT_ONCE = 500
ROUNDS = 20


def sort_new() -> int:
    """Sort the notices that are new, the oldest first; returns how many."""
    count = 0
    for _ in range(ROUNDS):
        if not Notice.objects.filter(is_sorted=False).exists():
            break
        with transaction.atomic():
            lock.hold("sort-notices")
            rows = Notice.objects.filter(is_sorted=False).select_related("user").order_by("pk")
            count += _sort(list(rows[:AT_ONCE]))
    return count


def _sort(notices: Sequence[Notice]) -> int:
    users = {notice.user_id for notice in notices}
    chosen = choices_of_many(users)
    webhooks: dict[int, list[Webhook]] = defaultdict(list)
    for webhook in Webhook.objects.filter(user__in=users, user__is_active=True, off_at=None):
        webhooks[webhook.user_id].append(webhook)
    no_mail = set(
        NoticeMail.objects.filter(user__in=users, is_off=True).values_list("user_id", flat=True)
    )
    silent, to_mail, urgent, deliveries = [], [], set(), []
    for notice in notices:
        kind = _kind(notice.kind)
        choice = chosen.get((notice.user_id, notice.kind)) or kind
        if not choice.in_portal:
            silent.append(notice.pk)
        is_mailed = choice.by_mail and notice.read_at is None and notice.user_id not in no_mail
        if is_mailed and hub.email_url and has_mail(notice.user):
            to_mail.append(notice)
            if kind.is_urgent:
                urgent.add(notice.user_id)
        deliveries += [
            WebhookDelivery(webhook=webhook, notice=notice)
            for webhook in webhooks[notice.user_id]
            if not webhook.kinds or notice.kind in webhook.kinds
        ]
    rows = Notice.objects.filter(pk__in=[notice.pk for notice in notices])
    rows.update(is_sorted=True)
    Notice.objects.filter(pk__in=silent, read_at=None).update(read_at=timezone.now())
    Notice.objects.filter(pk__in=[notice.pk for notice in to_mail]).update(is_to_mail=True)
    WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True, batch_size=AT_ONCE)
    mailing.plan({notice.user_id for notice in to_mail}, urgent)
    return len(notices)


def _kind(name: str) -> kinds.Kind:
    """The kind; one that this version does not know is shown in the portal only."""
    try:
        return kinds.find(name)
    except LookupError:
        return kinds.Kind(name, name)
