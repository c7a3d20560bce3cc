"""Sends notices to webhooks, by a tick of the outside queue.

Accepted is an answer 2xx; its body is not read. A webhook that fails rests, longer each time. If
nothing was accepted for a day, or the answer is 410 Gone, it is switched off and its owner told.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from accounts.settings import hub
from hubsite import __version__, sealing
from hubsite.coordination.delivery import DeliveryQuerySet
from hubsite.coordination.delivery_targets import Call, NotAccepted, deliver_to_each
from hubsite.http_client import NoAnswer, call
from hubsite.reach import Reach

from ...models import Notice, Webhook, WebhookDelivery
from .. import kinds
from ..links import absolute
from ..telling import tell
from . import signing
from .targets import keys_of

TIMEOUT_S = 10.0
MOST_TRIES = 14
"""The pauses between so many tries of one notice come to more than a day."""
OFF_AFTER = timedelta(days=1)
GONE = 410
LONGEST_BODY = 16_000


def send_due() -> int:
    """Send what is due; returns how many were accepted."""
    if not hub.webhooks_per_user:
        return 0
    return deliver_to_each(
        due_rows(),
        "webhook",
        prepare,
        longest_call_s=TIMEOUT_S,
        most_tries=MOST_TRIES,
        on_failure=switch_off_if_dead,
    )


def due_rows() -> DeliveryQuerySet:
    """Deliveries to webhooks that are on, of users who are active."""
    return WebhookDelivery.objects.filter(
        webhook__off_at=None, webhook__user__is_active=True
    ).select_related("webhook", "notice")


def prepare(delivery: WebhookDelivery) -> Call:
    """The call that sends it. Each try is signed anew, with the time of the try."""
    body = body_of(delivery.notice)
    url, reach = delivery.webhook.url, Reach(hub.webhook_networks)
    try:
        keys = keys_of(delivery.webhook)
    except sealing.Unreadable:
        raise NotAccepted("its secret cannot be read any more: make a new one") from None

    def send() -> dict[str, Any]:
        signed = signing.headers(delivery.message_id, int(time.time()), body, keys)
        return post(url, body, signed, reach)

    return send


def post(url: str, body: bytes, signed: dict[str, str], reach: Reach) -> dict[str, Any]:
    """One request. Returns the columns of an accepted one. Raises NotAccepted."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"xcube-hub/{__version__}",
        **signed,
    }
    try:
        answer = call(
            "POST",
            url,
            timeout_s=TIMEOUT_S,
            most_bytes=0,
            headers=headers,
            content=body,
            reach=reach,
        )
    except NoAnswer as error:
        raise NotAccepted(str(error), status=None) from None
    if 200 <= answer.status < 300:
        return {"status": answer.status}
    words = "redirects are not followed" if 300 <= answer.status < 400 else "2xx is expected"
    raise NotAccepted(f"answered {answer.status}; {words}", status=answer.status)


def body_of(notice: Notice) -> bytes:
    """The JSON document of a notice: `type`, `timestamp` and `data`, as the standard says."""
    data = {
        "id": notice.pk,
        "subject": notice.subject,
        "title": notice.title,
        "text": notice.text,
        "url": absolute(notice.path),
        **notice.details,
    }
    document = {
        "type": notice.kind,
        "timestamp": f"{notice.created_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "data": data,
    }
    body = _json(document)
    if len(body) > LONGEST_BODY:  # details are small; this is for what an app might add one day
        document["data"] = {key: data[key] for key in ("id", "subject", "title", "text", "url")}
        body = _json(document)
    return body


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def switch_off_if_dead(webhook: Webhook) -> None:
    """Switch off a webhook that failed for a day, or whose receiver says that it is gone."""
    last = webhook.deliveries.exclude(tried_at=None).order_by("-tried_at", "-pk").first()
    is_gone = last is not None and last.status == GONE
    since = webhook.failing_since
    if not is_gone and (since is None or timezone.now() - since < OFF_AFTER):
        return
    why = last.error if last is not None else ""
    reason = "Its receiver answered 410 Gone." if is_gone else f"It failed for a day: {why}"
    now = timezone.now()
    rows = Webhook.objects.filter(pk=webhook.pk, off_at=None)
    if rows.update(off_at=now, off_reason=reason[:300]):
        tell(
            webhook.user_id,
            kinds.WEBHOOK_OFF.name,
            webhook.webhook_id,
            f"The webhook {webhook.name} was switched off",
            f"{reason} What waits to be sent is kept. Switch it on again when it works.",
            occasion=f"{now:%Y-%m-%dT%H:%M:%S}",
            path=reverse("webhooks"),
        )
