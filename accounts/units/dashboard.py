"""What the admin's first page says of processing units: of this month, and of each of a year."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from hubsite.console.charts import Chart, Column, Row

from ..models import UnitsOfMonth, User

SHOWN = 6
MONTHS = 12


def of_units(request: HttpRequest) -> dict[str, Any] | None:
    """The panel "Units this month", for who may see the ledger. Three queries."""
    if not request.user.reads_hub:
        return None
    months = _months(timezone.now().date())
    rows = UnitsOfMonth.objects.filter(month__gte=months[0]).order_by().values_list("month")
    sums = {
        month: (charged, granted)
        for month, charged, granted in rows.annotate(c=Sum("charged"), g=Sum("granted"))
    }
    charged, granted = sums.get(months[-1], (0, 0))
    most = (
        UnitsOfMonth.objects.filter(month=months[-1], charged__gt=0)
        .values_list("user_id")
        .annotate(units=Sum("charged"))
        .order_by("-units", "user_id")[:SHOWN]
    )
    emails = dict(User.objects.filter(pk__in=[pk for pk, _ in most]).values_list("pk", "email"))
    return {
        "used": charged,
        "granted": granted,
        "users": [
            {"id": user_id, "email": emails[user_id], "units": units} for user_id, units in most
        ],
        "chart": Chart(
            _("Units charged by month"),
            "bars",
            [Column(_("charged"), "accent")],
            [Row(f"{month:%m/%y}", [sums.get(month, (0, 0))[0]]) for month in months],
            first=_("Month"),
        ),
    }


def _months(today: date) -> list[date]:
    """The first days of the last months, this month's last."""
    last = today.year * 12 + today.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(last - MONTHS + 1, last + 1)]
