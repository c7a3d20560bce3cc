"""Names of models, fields and columns in the reader's language, also those that Django makes.

Django names a field `created_at` "created at", and writes no such text anywhere that xgettext
reads. So `make translations` lists them in `listed_names.py`, and `translate_names` makes all
names of our models translate. Migrations are not touched by it,
because they are made from what the model's source says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import Field, Model
from django.forms.utils import pretty_name
from django.utils.translation import gettext_lazy, override

OURS = ("hubsite", "accounts", "jobs", "services")


def translate_names() -> None:
    """Let the names of our models and of their fields translate. Call it when all are loaded."""
    for model in _models():
        meta = model._meta
        one, many = _english(meta.verbose_name), _english(meta.verbose_name_plural)
        meta.verbose_name, meta.verbose_name_plural = gettext_lazy(one), gettext_lazy(many)
        for field in meta.fields + meta.many_to_many:
            field.verbose_name = gettext_lazy(_english(field.verbose_name))
            if isinstance(field.choices, list):
                field.choices = [(value, gettext_lazy(it)) for value, it in _labels(field)]


def translate_columns(site: AdminSite) -> None:
    """Let the titles of the admin's columns, actions and fields translate, and help to search."""
    for admin in _admins(site):
        if admin.search_help_text:
            admin.search_help_text = gettext_lazy(_english(admin.search_help_text))
    for shown in _functions(site):
        text = _english(getattr(shown, "short_description", None) or pretty_name(shown.__name__))
        shown.short_description = gettext_lazy(text)


def names(site: AdminSite) -> list[str]:
    """All names that the admin shows, in English, each once."""
    found: set[str] = set()
    inlines = {it.model for admin in site._registry.values() for it in admin.inlines}
    for model in _models():
        meta = model._meta
        if model not in site._registry and model not in inlines:
            continue  # it is nowhere shown
        found |= {_english(meta.verbose_name), _english(meta.verbose_name_plural)}
        for field in meta.fields + meta.many_to_many:
            found |= {_english(field.verbose_name), *(label for _value, label in _labels(field))}
    for shown in _functions(site):
        text = getattr(shown, "short_description", None) or pretty_name(shown.__name__)
        found.add(_english(text))
    found |= {_english(admin.search_help_text or "") for admin in _admins(site)}
    return sorted(found - {""})


def _admins(site: AdminSite) -> list[ModelAdmin]:
    return [it for it in site._registry.values() if type(it).__module__.startswith(OURS)]


def _functions(site: AdminSite) -> Iterator[Callable[..., Any]]:
    """The functions of our model admins that show a column, a field or do an action."""
    for admin in site._registry.values():
        for shown in [admin, *(inline(admin.model, site) for inline in admin.inlines)]:
            if not type(shown).__module__.startswith(OURS):
                continue
            listed = getattr(shown, "list_display", ())
            fields = [name for _t, o in (shown.fieldsets or ()) for name in o["fields"]]
            actions = getattr(shown, "actions", None) or ()
            for name in (*listed, *shown.readonly_fields, *fields, *actions):
                found = name if callable(name) else getattr(type(shown), str(name), None)
                if callable(found) and found.__module__.startswith(OURS):
                    yield found


def _models() -> Iterator[type[Model]]:
    for app in OURS:
        yield from apps.get_app_config(app).get_models(include_auto_created=False)


def _labels(field: Field) -> list[tuple[Any, str]]:
    """The field's choices, in English."""
    return [(value, _english(label)) for value, label in field.flatchoices or ()]


def _english(name: object) -> str:
    with override("en"):
        return str(name)
