"""The worker makes GeoServer agree with the rows, with retries until it does.

A tick of the `outside` queue takes the rows that are due (`hubsite/coordination/delivery.py`).
Each row is one sequence of idempotent steps (`steps.py`), so a try may break off anywhere.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from hubsite import switches
from hubsite.coordination.delivery import NotDelivered, Unreachable, deliver_due
from hubsite.health.heartbeat import beat, heard

from ..models import GEOSERVER, Layer, LayerReason, LayerState
from . import steps
from .client import GeoServer
from .databases import is_of_another
from .layers import place_of
from .resting import COOL_DOWN, target
from .settings import hub, is_configured
from .verifying import verify

MOST_TRIES = 8
"""After so many refusals in a row, in about an hour, a layer has failed."""


def publish_due() -> int:
    """Publish, verify and remove what is due; returns how many rows are done."""
    if not is_configured() or switches.suspension(GEOSERVER) is not None:
        return 0
    rows = Layer.objects.all()
    if hub.geoservice_silent:
        rows = rows.filter(layer_state=LayerState.REMOVING)
    return deliver_due(rows, send, cool_down=COOL_DOWN, target=target())


def send(layer: Layer) -> None:
    """Do what the row wants. Raises NotDelivered."""
    try:
        if layer.layer_state == LayerState.REMOVING:
            _remove(layer)
        else:
            _publish(layer)
    except Unreachable as error:
        beat("geoserver", problem=str(error))
        raise
    except NotDelivered:
        note_answer()
        raise
    note_answer()


def note_answer() -> None:
    """GeoServer answers. If it did not before, what waited for it is due now."""
    if heard("geoserver").problem:
        failing = Layer.objects.filter(state=Layer.State.FAILING)
        failing.update(due_at=timezone.now(), attempts=0)
    beat("geoserver")


def _remove(layer: Layer) -> None:
    steps.remove(GeoServer(), place_of(layer))
    _same(layer).delete()


def _publish(layer: Layer) -> None:
    server, place = GeoServer(), place_of(layer)
    if layer.layer_state == LayerState.READY and is_of_another(place):
        steps.remove(server, place)
        layer.found = _failed(LayerReason.NOT_OWNED, "geoDB says that another role owns it")
        return
    try:
        published = steps.publish(server, place)
        _record(layer, published)
        verify(server, place, published)
    except steps.GivenUp as end:
        layer.found = _failed(end.reason, str(end))
    except Unreachable:
        raise
    except NotDelivered as error:
        if layer.layer_state == LayerState.READY:  # it was served before, and is not now
            _record_state(layer, LayerState.PUBLISHED)
        if layer.attempts < MOST_TRIES:
            raise
        was_made = layer.layer_state == LayerState.PUBLISHED
        reason = LayerReason.NOT_SERVED if was_made else LayerReason.REFUSED
        layer.found = _failed(reason, str(error))
    else:
        layer.found = {"reason": "", "verified_at": timezone.now()}
        if layer.layer_state != LayerState.READY:
            layer.found |= {"layer_state": LayerState.READY, "since": timezone.now()}


def _record(layer: Layer, published: steps.Published) -> None:
    _same(layer).update(srs=published.srs, bbox=published.bbox, style=published.style)
    if layer.layer_state == LayerState.REQUESTED:
        _record_state(layer, LayerState.PUBLISHED)


def _record_state(layer: Layer, state: LayerState) -> None:
    _same(layer).update(layer_state=state, since=timezone.now())
    layer.layer_state = state


def _failed(reason: LayerReason, message: str) -> dict[str, Any]:
    return {
        "layer_state": LayerState.FAILED,
        "reason": reason,
        "since": timezone.now(),
        "error": message[:500],
    }


def _same(layer: Layer):
    """The row, unless its owner wanted something else meanwhile, or another try has begun."""
    return Layer.objects.filter(
        pk=layer.pk, revision=layer.revision, claimed_until=layer.claimed_until
    )
