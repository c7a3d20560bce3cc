"""Units, notices and shares in the page "Overview"."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hubsite.console import quantities
from hubsite.console.overview import Shown, Step

from ..models import Notice
from ..notices.reading import COUNTED, SHOWN_UNREAD
from ..roles import permissions_of
from ..scopes import MANAGE_CUBEGENS
from ..sharing import giving, kinds
from ..units.expiry import expiring_next
from ..units.ledger import balance_of
from ..units.notices import is_low

SHOWN_NOTICES = 4
SHOWN_SHARES = 4
SHOWN_EXPIRING = 3
SOON = timedelta(days=7)


def units_panel(request: HttpRequest) -> Shown:
    """What is left, and what of it expires when. Two or three queries."""
    user = request.user
    balance, expiring = balance_of(user), expiring_next(user)
    context = {
        "balance": balance,
        "is_low": is_low(balance),
        "expiring": expiring[:SHOWN_EXPIRING],
        "has_none": balance.pk is None or not balance.total,
    }
    steps = []
    if context["has_none"] and MANAGE_CUBEGENS in permissions_of(user):
        steps.append(
            Step(
                _("Get processing units"),
                reverse("account"),
                _("A cube costs units, and you have none yet. Your account says whom to ask."),
                weight=5,
            )
        )
    elif context["is_low"]:
        steps.append(
            Step(
                _("Few processing units are left"),
                reverse("units"),
                _("See what they went for, and when new ones come."),
                weight=20,
            )
        )
    elif expiring and expiring[0][0] < timezone.now() + SOON:
        steps.append(
            Step(
                _("Use units before they expire"),
                reverse("units"),
                _("%(units)s of them last less than a week.")
                % {"units": quantities.number(expiring[0][1])},
                weight=30,
            )
        )
    return Shown(context, steps=steps)


def notices_panel(request: HttpRequest) -> Shown:
    """The newest unread notices. One query, which spares the navigation its own."""
    rows = Notice.objects.filter(user=request.user).unread()
    unread = list(rows.only("title", "path", "created_at")[:SHOWN_UNREAD])
    setattr(request, COUNTED, len(unread))
    return Shown({"notices": unread[:SHOWN_NOTICES], "has_more": len(unread) > SHOWN_NOTICES})


def shared_panel(request: HttpRequest) -> Shown:
    """The newest of what others share with the caller. A query, and one for each kind."""
    shares = list(giving.shared_with(request.user)[: SHOWN_SHARES + 1])
    context = {
        "held": kinds.described(shares[:SHOWN_SHARES]),
        "has_more": len(shares) > SHOWN_SHARES,
    }
    return Shown(context)
