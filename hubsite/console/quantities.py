"""Times, durations and sizes as pages show them, in the reader's language.

The one place for it: templates use the filters `moment`, `day`, `day_words`, `duration`, `size`,
`number` and `decimal` (`{% load console %}`), Python calls these functions.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

SIZES = ("kB", "MB", "GB", "TB", "PB")


def moment(at: datetime) -> SafeString:
    """A time in UTC. A script of the page shows it in the viewer's zone, and UTC as its title."""
    at = at.astimezone(UTC)
    shown = formats.date_format(at, "SHORT_DATETIME_FORMAT")
    return format_html('<time datetime="{}">{}</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", shown)


def day(of: date) -> SafeString:
    """A day, which is the same in each zone."""
    shown = formats.date_format(of, "DATE_FORMAT")
    return format_html('<time datetime="{}">{}</time>', f"{of:%Y-%m-%d}", shown)


def duration(value: timedelta | float) -> str:
    """Seconds, or a difference of times, as `42 s`, `5 min`, `2 h 5 min` or `3 days`."""
    seconds = round(value.total_seconds() if isinstance(value, timedelta) else value)
    if seconds < 60:
        return f"{max(seconds, 0)} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours < 1:
        return f"{minutes} min"
    if days < 2:
        rest = minutes - 60 * hours
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": number(days)}


def size(count: float) -> str:
    """Bytes as `4 GB`, `1.5 MB`, `12 bytes`: three digits at most, and none that says nothing."""
    if abs(count) < 1000:
        return gettext("%(n)s bytes") % {"n": number(round(count))}
    value = count
    for unit in SIZES:
        value /= 1000
        shown = round(value, 1) if abs(value) < 9.95 else round(value)
        if abs(shown) < 1000 or unit == SIZES[-1]:
            break
    return f"{number(shown)} {unit}"


def number(value: float) -> str:
    """A number with the marks of the language: `12,345.5` is `12.345,5` in German."""
    value = int(value) if value == int(value) else value
    return formats.number_format(value, use_l10n=True, force_grouping=True)


def decimal(value: float, *, digits: int = 10) -> str:
    """A measure, such as degrees, with at most so many digits and without marks of thousands."""
    return formats.number_format(Decimal(f"{value:.{digits}g}"), use_l10n=True)


def day_words(text: str) -> str:
    """The day of an ISO date or time, as the reader writes it; another text as it is."""
    try:
        return formats.date_format(date.fromisoformat(text[:10]), "DATE_FORMAT")
    except ValueError:
        return text
