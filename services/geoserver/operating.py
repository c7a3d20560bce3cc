"""What operators do with layers, from the admin and the command line."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from ..models import Layer, LayerState
from . import layers, resting

LONG = timedelta(minutes=10)


def differing() -> QuerySet[Layer]:
    """Rows that GeoServer does not agree with: failed, or not done for ten minutes."""
    late = Layer.objects.exclude(state=Layer.DELIVERED).filter(since__lt=timezone.now() - LONG)
    ready = LayerState.READY  # is verified again; what it shows is there
    return Layer.objects.filter(layer_state=LayerState.FAILED) | late.exclude(layer_state=ready)


def repair(rows: QuerySet[Layer]) -> int:
    """Take all steps of these again, soon; returns how many are left to do.

    It does not wait for the end of GeoServer's cool-down.
    """
    resting.try_soon()
    done = sum(layers.repair(layer) for layer in rows)
    removing = rows.filter(layer_state=LayerState.REMOVING)
    return done + removing.renew()
