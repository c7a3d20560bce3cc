"""The pages of a user's processing units: what is left, statements of months, and all as CSV."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hubsite.console.charts import Chart, Column, Row

from ..units import purposes, statement, statement_csv
from ..units.expiry import expiring_next
from ..units.ledger import balance_of
from ..units.notices import is_low
from ..units.words import in_words, signed

MONTHS = 12
ON_A_PAGE = 50


@never_cache
@login_required
@require_safe
def units_page(request: HttpRequest) -> HttpResponse:
    """What is left, what expires and what comes, and twelve months. `until` shows earlier ones."""
    user, today = request.user, timezone.now().date()
    begin, last = statement.begin_of(user), today.replace(day=1)
    if asked := request.GET.get("until"):
        last = min(_month(asked), last)
    shown = [
        month
        for month in statement.months(user, last, MONTHS)
        if begin is not None and month.first >= begin
    ]
    balance = balance_of(user)
    monthly = user.monthly_grants.filter(
        Q(last_month=None) | Q(last_month__gte=today.replace(day=1))
    )
    context = {
        "balance": balance,
        "is_low": is_low(balance),
        "expiring": expiring_next(user),
        "monthly": monthly,
        "chart": _chart(shown),
        "months": [(month, signed(month.corrected)) for month in reversed(shown)],
        "older": _older(shown, begin),
        "is_latest": last == today.replace(day=1),
    }
    return render(request, "accounts/units.html", context)


@never_cache
@login_required
@require_safe
def use_page(request: HttpRequest) -> HttpResponse:
    """What the units of the last twelve months were spent on: by kind, and what apps add."""
    today = timezone.now().date()
    spent = statement.spent_by_purpose(request.user, today, MONTHS)
    known = {one.name: one.title for one in purposes.registered()} | {"": _("Other")}
    names = [name for name in known if any(name in amounts for _first, amounts in spent)]
    chart = Chart(
        title=_("Units spent, by kind"),
        kind="bars",
        first=_("Month"),
        is_stacked=True,
        columns=[Column(str(known[name])) for name in names],
        rows=[
            Row(f"{first:%Y-%m}", [amounts.get(name, 0) for name in names])
            for first, amounts in spent
        ],
    )
    first = statement.before(today.replace(day=1), MONTHS - 1)
    return render(request, "accounts/units_use.html", {"chart": chart, "first": first})


@never_cache
@login_required
@require_safe
def statement_page(request: HttpRequest, month: str) -> HttpResponse:
    """One month: its opening balance, each movement, its closing balance."""
    first = _month(month)
    user, begin, today = request.user, statement.begin_of(request.user), timezone.now().date()
    if first > today:
        raise Http404("This month is in the future.")
    (its,) = statement.months(user, first, 1)
    with_holds = request.GET.get("with") == "set-aside"
    rows = statement.movements(user, first, with_holds=with_holds)
    if before := request.GET.get("before"):
        entry = statement.own_entry(user, before)
        rows = statement.older_than(rows, entry) if entry else rows.none()
    found = list(rows[: ON_A_PAGE + 1])
    movements = in_words(user, found[:ON_A_PAGE])
    after = statement.before(first, -1)
    context = {
        "month": its,
        "sums": _sums(its),
        "movements": movements,
        "with_holds": with_holds,
        "next": movements[-1].entry.pk if len(found) > ON_A_PAGE else None,
        "is_first_page": not before,
        "earlier": statement.before(first) if begin is not None and first > begin else None,
        "later": after if after <= today else None,
        "is_running": after > today,
    }
    return render(request, "accounts/statement.html", context)


@never_cache
@login_required
@require_safe
def statement_csv_file(request: HttpRequest, month: str = "") -> HttpResponseBase:
    """The entries of a month, or all there are, as CSV; sent while they are read."""
    first = _month(month) if month else None
    rows = statement.movements(request.user, first, with_holds=True)
    response = StreamingHttpResponse(
        statement_csv.lines(rows), content_type="text/csv; charset=utf-8"
    )
    name = f"units-{month}.csv" if month else "units.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _month(text: str) -> date:
    try:
        return statement.parse_month(text)
    except ValueError as error:
        raise Http404(str(error)) from None


def _older(shown: list[statement.Month], begin: date | None) -> str:
    """The newest month before those that are shown, if the user had an account of units then."""
    if not shown or begin is None or shown[0].first <= begin:
        return ""
    return f"{statement.before(shown[0].first):%Y-%m}"


def _chart(months: list[statement.Month]) -> Chart:
    return Chart(
        title=_("Units by month"),
        kind="bars",
        first=_("Month"),
        columns=[
            Column(_("Spent"), "accent"),
            Column(_("Granted"), "good"),
            Column(_("Expired"), "muted"),
        ],
        rows=[Row(month.name, [month.spent, month.granted, month.expired]) for month in months],
    )


def _sums(month: statement.Month) -> list[tuple[Any, str]]:
    """What moved the units, by kind, those that did."""
    return [
        (title, signed(number))
        for title, number in (
            (_("Granted"), month.granted),
            (_("Spent"), -month.spent),
            (_("Expired"), -month.expired),
            (_("Corrected by the operators"), month.corrected),
        )
        if number
    ]
