"""When a job starts, in words that go on after "it starts": `in about 3–8 min`, `within 20 s`."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from ..prediction.asking import Start
from ..queue.waiting import Waiting

MINUTE, HOUR, DAY = 60, 3600, 86400
AT_ONCE = 0.1
"""An interval that begins in less than this part of its end begins now, in words."""


def when_it_starts(waiting: Waiting, now: datetime | None = None) -> str:
    """When a waiting job will start, in words; "" if that cannot be predicted."""
    if waiting.is_at_once:
        return _("at once")
    return str(waiting.not_before) or start_in_words(waiting.place.start, now)


def start_in_words(start: Start, now: datetime | None = None) -> str:
    """When a job starts, rounded outwards so that the words promise no more than the interval."""
    if start.earliest is None:
        return ""
    now = now or timezone.now()
    low = max(0.0, (start.earliest - now).total_seconds())
    if start.latest is None:
        unit_s, unit, step = _unit(low)
        first = step * math.floor(low / unit_s / step)
        return _("in %(first)s %(unit)s at the earliest") % {"first": first, "unit": unit}
    high = (start.latest - now).total_seconds()
    unit_s, unit, step = _unit(high)
    last = max(step, step * math.ceil(high / unit_s / step))
    first = step * math.floor(low / unit_s / step)
    low_s, low_unit, low_step = _unit(low)
    if first == 0 and low > AT_ONCE * high and low_s < unit_s:
        first = low_step * math.floor(low / low_s / low_step)
        said = {"first": first, "first_unit": low_unit, "last": last, "unit": unit}
        return _("in about %(first)s %(first_unit)s – %(last)s %(unit)s") % said
    if first == 0:
        return _("within %(last)s %(unit)s") % {"last": last, "unit": unit}
    if first == last:
        return _("in about %(last)s %(unit)s") % {"last": last, "unit": unit}
    said = {"first": first, "last": last, "unit": unit}
    return _("in about %(first)s–%(last)s %(unit)s") % said


def _unit(seconds: float) -> tuple[int, str, int]:
    """The unit that fits: its seconds, its name, and the step to which numbers are rounded."""
    if seconds <= 90:
        return 1, _("s"), 5
    if seconds <= 90 * MINUTE:
        return MINUTE, _("min"), 1
    if seconds <= 2 * DAY:
        return HOUR, _("h"), 1
    return DAY, _("days"), 1
