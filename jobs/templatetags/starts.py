"""The template filter that says a predicted start in words."""

from __future__ import annotations

from django import template

from ..pages.start_words import start_in_words

register = template.Library()
register.filter("start_words", start_in_words)
