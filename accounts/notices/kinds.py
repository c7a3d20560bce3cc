"""The closed list of kinds of notices. Each app registers its own in `AppConfig.ready`:

    kinds.register(Kind("job.failed", "A job failed"))

A name is one or more words, separated by full stops. Webhooks send it as the type of the event.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Kind:
    """A kind of notice, and how users get it who have chosen nothing.

    E-mail is the default only if a user loses something without it. `is_urgent`: it does not wait
    for long in a busy user's next e-mail.
    """

    name: str
    title: str
    in_portal: bool = True
    by_mail: bool = False
    is_urgent: bool = False


WEBHOOK_OFF = Kind("webhook.off", _("A webhook was switched off"), by_mail=True)
WEBHOOK_TEST = Kind("webhook.test", _("A test of a webhook"), in_portal=False)
UNITS_LOW = Kind("units.low", _("Few processing units are left"), by_mail=True, is_urgent=True)
UNITS_EXPIRE = Kind("units.expire", _("Processing units expire soon"))
SHARED = Kind("shared.with_me", _("Something was shared with me"))

_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Add kinds. Two different ones of the same name are a bug."""
    for kind in kinds:
        if _kinds.setdefault(kind.name, kind) != kind:
            raise ValueError(f"the kind {kind.name} is registered twice, differently")


def find(name: str) -> Kind:
    """The kind of that name. Raises LookupError if no app registered it, which is a bug."""
    try:
        return _kinds[name]
    except KeyError:
        raise LookupError(f"{name} is not registered; see accounts/notices/kinds.py") from None


def registered() -> list[Kind]:
    """All kinds, sorted by name."""
    return sorted(_kinds.values(), key=lambda kind: kind.name)
