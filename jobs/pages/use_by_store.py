"""What units were spent on cubes, by month and the store that they were written to: a chart."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from hubsite.console.charts import Chart, Column, Row

from .. import usage

MOST_STORES = 6
"""Of the others there is one sum."""


def by_store(request: HttpRequest, *, first: date) -> dict[str, Any]:
    """The context of the part "By store". One query."""
    spent: dict[str, Counter[str]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    for row in usage.usage(user=request.user, first=first):
        spent[row.month][row.store] += row.units
        totals[row.store] += row.units
    shown = [store for store, units in totals.most_common(MOST_STORES) if units]
    others = any(units for store, units in totals.items() if store not in shown)
    rows = []
    for month in sorted(spent):
        amounts = [spent[month][store] for store in shown]
        rest = [sum(spent[month].values()) - sum(amounts)] if others else []
        rows.append(Row(month, amounts + rest))
    columns = [Column(store) for store in shown]
    if others:
        columns.append(Column(_("Other stores"), "muted"))
    chart = Chart(
        title=_("Units spent on cubes, by store"),
        kind="bars",
        first=_("Month"),
        is_stacked=True,
        columns=columns,
        rows=rows,
    )
    return {"chart": chart}
