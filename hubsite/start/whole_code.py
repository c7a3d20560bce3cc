"""Loads all code of a part when it starts, not when it is first used.

A part runs for weeks. If an upgrade changes the files below it, what it loads later is of another
version than what runs, and may not even load: then no end of a job could be recorded any more.
"""

from __future__ import annotations

from django.urls import get_resolver
from django.utils.module_loading import import_string

from hubsite.coordination import ticks


def load_all() -> None:
    """Import the code of all ticks, and the URLs, of which addresses in notices are made.

    It takes some tenths of a second. Raises ImportError if any of it is not there.
    """
    load_urls()
    for tick in ticks.registered():
        import_string(tick.task)


def load_urls() -> None:
    """Import every URL with its view."""
    get_resolver().url_patterns  # noqa: B018 - they are imported when they are read
