"""Rows whose texts are all hostile, wherever a person, a store or a run may put one."""

from __future__ import annotations

import os
import zlib
from typing import Any

from django.db import models
from django.db.models import QuerySet

from .rows import copied_models

EVALUATED = "1234568"
"""What stands on a page that takes a text for a template."""
MARK = "executed"
EXECUTES = "window.executed=1"
TEXTS = (
    f"<script>{EXECUTES}</script>",
    f"'\"><img src=x onerror={EXECUTES}>",
    f"javascript:{EXECUTES}",
    "{{ 1234567|add:1 }}{% debug %}",
    f"</script></textarea></title><svg onload={EXECUTES}>",
    "=HYPERLINK(1)\u202egnp.exe\u2066",
    "W" * 10_000,
)
FIRST = int(os.environ.get("HOSTILE_FIRST", "0"))
"""Each number from 0 to 6 begins other columns with other texts."""
SHORTEST = 30
"""Shorter columns hold codes."""
_KEPT = {
    "accounts.user": {"password"},
    "admin.logentry": {"object_id"},
    "django_q.ormq": {"payload"},
    "django_q.schedule": {"cron"},
}

_ONLY_GROW = frozenset({"hubsite.auditentry"})
"""The database refuses to change their rows."""


def make_hostile() -> None:
    """Put a hostile text into each column that may hold one, of every row there is."""
    for model in copied_models():
        meta = model._meta
        kept = _KEPT.get(meta.label_lower, set()) | {
            name for it in meta.constraints for name in getattr(it, "fields", ())
        }
        texts = [field for field in meta.concrete_fields if _is_text(field, kept)]
        documents = [field for field in meta.concrete_fields if isinstance(field, models.JSONField)]
        for row in model._base_manager.all():
            changed = {f.name: text_for(row.pk, n, f.max_length) for n, f in enumerate(texts)}
            changed |= {f.name: hostile_copy(getattr(row, f.attname)) for f in documents}
            if meta.label_lower in _ONLY_GROW:
                row.pk = None
                for name, value in changed.items():
                    setattr(row, name, value)
                row.save(force_insert=True)
            elif changed:
                QuerySet(model).filter(pk=row.pk).update(**changed)


def _is_text(field: models.Field, kept: set[str]) -> bool:
    return (
        isinstance(field, models.CharField | models.TextField)
        and not (field.choices or field.unique or field.name in kept)
        and (field.max_length or SHORTEST) >= SHORTEST
    )


def text_for(key: Any, number: int, longest: int | None) -> str:
    """All of the texts, as far as they fit; which comes first differs. Some are long."""
    first = (zlib.crc32(str(key).encode()) + number + FIRST) % len(TEXTS)
    most = 20_000 if number == 0 else 600
    return "".join((*TEXTS[first:], *TEXTS[:first]))[: min(longest or most, most)]


def hostile_copy(document: Any) -> Any:
    """The document with its texts made hostile."""
    if isinstance(document, dict):
        return {key: hostile_copy(value) for key, value in document.items()}
    if isinstance(document, list):
        return [hostile_copy(value) for value in document]
    return text_for(document, 0, 500) if isinstance(document, str) else document
