"""The template filter that says in words when a job starts."""

from __future__ import annotations

from django import template

from ..pages.start_words import when_it_starts

register = template.Library()
register.filter("when_it_starts", when_it_starts)
