"""Lets changes in Django's admin flow into the audit, each once.

The admin writes a `LogEntry` for each object that its forms add, change or delete, with the names
of the changed fields and no values. Pages that call a function of a room, which records by itself
what it does, often write a `LogEntry` too; that one is left out.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models
from django.db.models.signals import post_save

from .context import where
from .recording import record

_ACTIONS = {ADDITION: "object.added", CHANGE: "object.changed", DELETION: "object.deleted"}


def listen() -> None:
    post_save.connect(_record, sender=LogEntry, dispatch_uid="audit")


def _record(instance: LogEntry, created: bool, **_: Any) -> None:
    if not created or instance.content_type is None:
        return
    kind = f"{instance.content_type.app_label}.{instance.content_type.model}"
    is_of_form = instance.change_message.startswith("[")
    is_told = (kind, str(instance.object_id)) in where().told
    if is_told and not (is_of_form and kind == get_user_model()._meta.label_lower):
        return
    record(
        _ACTIONS[instance.action_flag],
        actor=instance.user,
        on=_row(instance) or (kind, str(instance.object_id), instance.object_repr),
        detail=_fields(instance.change_message),
    )


def _row(entry: LogEntry) -> models.Model | None:
    try:
        return entry.get_edited_object()
    except (ObjectDoesNotExist, ValidationError, AttributeError, ValueError):
        return None  # it is gone, or its model is


def _fields(message: str) -> str:
    """The message of the admin in words: `[{"changed": {"fields": ["Title"]}}]` as "Title"."""
    try:
        steps = json.loads(message) if message.startswith("[") else None
    except ValueError:
        steps = None
    if not isinstance(steps, list):
        return message
    texts = []
    for step in steps:
        for verb, what in step.items():
            name = " ".join(filter(None, (what.get("name", ""), what.get("object", ""))))
            fields = ", ".join(what.get("fields", ()))
            texts.append(": ".join(filter(None, (f"{verb} {name}".strip(), fields))))
    return "; ".join(texts)
