"""Gauges of services for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric

from hubsite.health import metrics

from .models import Layer, LayerState, ServiceInstance, State


def register() -> None:
    metrics.register(of_services)
    metrics.register(of_layers)


def of_services() -> Iterator[Metric]:
    gauge = GaugeMetricFamily("hub_services", "Services in each state.", labels=["state"])
    counts = dict(ServiceInstance.objects.order_by().values_list("state").annotate(n=Count("pk")))
    for state in State:
        gauge.add_metric([state], counts.get(state, 0))
    yield gauge
    failed = GaugeMetricFamily(
        "hub_services_failed", "Failed services, by why they failed.", labels=["reason"]
    )
    rows = ServiceInstance.objects.filter(state=State.FAILED).order_by().values_list("reason")
    for reason, count in rows.annotate(n=Count("pk")):
        failed.add_metric([reason], count)
    yield failed


def of_layers() -> Iterator[Metric]:
    gauge = GaugeMetricFamily("hub_layers", "GeoServer layers in each state.", labels=["state"])
    rows = Layer.objects.order_by().values_list("layer_state")
    counts = dict(rows.annotate(n=Count("pk")))
    for state in LayerState:
        gauge.add_metric([state], counts.get(state, 0))
    yield gauge
