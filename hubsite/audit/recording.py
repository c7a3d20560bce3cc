"""Writes entries of the audit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone

from hubsite.storable import storable

from .actions import ACTIONS
from .context import Where, where
from .entry import MOST_DETAIL, MOST_LABEL, MOST_NAME, AuditEntry

HUB = "hub"
"""The name of who did it, if it was the hub by itself."""
SELDOM = timedelta(hours=1)
_USER_ID = re.compile(r"(?:user )?(a[0-9a-f]{32})")

Object = tuple[str, str, str]
"""(kind, id, label) of an object that has no row: an engine, a store, a service."""


def record(
    action: str,
    *,
    actor: Any = None,
    on: models.Model | Object | None = None,
    about: Any = None,
    detail: str | Mapping[str, Any] = "",
) -> AuditEntry:
    """Write an entry, in the transaction of the caller. Raises LookupError for another action.

    `actor`: a user, their id, or a name ("command line: ann@host"); None: the request's user, or
    who runs the command. `about`: the user whose object it is, if `on` does not say so itself by
    its `owner` or `user`. `detail` is cut after 2,000 characters.
    """
    if action not in ACTIONS:
        raise LookupError(f"{action} is not in hubsite/audit/actions.py")
    context = where()
    user, name = _who(actor, context)
    acted_for = None
    if context.acted_for is not None and (user is None or user.pk == context.acted_for.pk):
        user, name, acted_for = context.operator, "", context.acted_for
    kind, object_id, label = _what(on)
    context.told.add((kind, object_id))
    return AuditEntry.objects.create(
        actor=user,
        actor_name=(name or _name(user) or context.name or HUB)[:MOST_NAME],
        acted_for=acted_for,
        acted_for_name=_name(acted_for),
        via=context.via,
        action=action,
        kind=kind,
        object_id=object_id[:100],
        label=storable(label)[:MOST_LABEL],
        about_id=_about(on, about) or (acted_for.pk if acted_for is not None else None),
        detail=_text(detail),
        request_id=context.request_id,
        address=context.address[:64],
    )


def record_seldom(action: str, *, on: models.Model | Object, **more: Any) -> AuditEntry | None:
    """Write an entry, unless this object has one of this action within SELDOM. Raises LookupError.

    For what a program can repeat without end, such as asking for tokens: a flood writes little.
    The comparison is by the time of the entry, so a clock that was ahead silences for no longer.
    """
    kind, object_id, _label = _what(on)
    rows = AuditEntry.objects.filter(action=action, kind=kind, object_id=object_id)
    last, now = rows.order_by("-id").values_list("at", flat=True).first(), timezone.now()
    if last is not None and now - SELDOM < last <= now:
        return None
    return record(action, on=on, **more)


def is_person(actor: str) -> bool:
    """Whether the actor of an event is a person, not a part of the hub: a user's id, or somebody
    at the command line."""
    return bool(_USER_ID.fullmatch(actor)) or actor.startswith("command line: ")


def is_told(obj: models.Model) -> bool:
    """Whether this request has an entry on the object already."""
    return _what(obj)[:2] in where().told


def _who(actor: Any, context: Where) -> tuple[Any, str]:
    """The user who did it, and the name if it was no user."""
    if actor is None:
        return context.user, ""
    if not isinstance(actor, str):
        return (actor if actor.is_authenticated else None), ""
    if (matched := _USER_ID.fullmatch(actor)) is None:
        return None, actor
    for known in (context.acted_for, context.user):
        if known is not None and known.username == matched[1]:
            return known, ""
    user = get_user_model().objects.filter(username=matched[1]).first()
    return user, "" if user is not None else matched[1]


def _name(user: Any) -> str:
    return str(user)[:MOST_NAME] if user is not None else ""


def _what(on: models.Model | Object | None) -> Object:
    if on is None:
        return "", "", ""
    if isinstance(on, tuple):
        return on
    return on._meta.label_lower, str(on.pk), str(on)


def _about(on: Any, about: Any) -> int | None:
    if about is not None:
        return about.pk
    if isinstance(on, get_user_model()):
        return on.pk
    if isinstance(on, models.Model):
        return getattr(on, "owner_id", None) or getattr(on, "user_id", None)
    return None


def _text(detail: str | Mapping[str, Any]) -> str:
    if not isinstance(detail, str):
        detail = json.dumps(detail, ensure_ascii=False, default=str)
    return storable(detail)[:MOST_DETAIL]
