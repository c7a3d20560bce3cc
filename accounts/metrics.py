"""Gauges of processing units for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Sum
from prometheus_client.core import GaugeMetricFamily, Metric

from hubsite.health import metrics

from .models import Balance


def register() -> None:
    metrics.register(of_units)


def of_units() -> Iterator[Metric]:
    sums = Balance.objects.aggregate(total=Sum("total"), reserved=Sum("reserved"))
    gauge = GaugeMetricFamily(
        "hub_units",
        "Processing units of all users together; `reserved` is a part of `total`.",
        labels=["kind"],
    )
    for kind in ("total", "reserved"):
        gauge.add_metric([kind], sums[kind] or 0)
    yield gauge
