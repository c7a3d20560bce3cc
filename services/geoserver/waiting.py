"""Wait a few seconds for the worker: old clients expect a layer to be there when PUT answers."""

from __future__ import annotations

import time

from hubsite.health.heartbeat import heard
from hubsite.refusals import Refused
from hubsite.web.waiting import place_to_wait

from ..models import Layer
from .settings import hub

PAUSE_S = 0.15


def wait_for_worker(layer: Layer, who: str) -> Layer | None:
    """The row after the worker has tried it once, or after the longest wait; None if it is gone.

    There is no wait while GeoServer is known not to answer, or too many requests wait already.
    """
    if _is_over(layer) or not hub.geoserver_wait_s or heard("geoserver").problem:
        return layer
    found: Layer | None = layer
    give_up = time.monotonic() + hub.geoserver_wait_s
    try:
        with place_to_wait(who):
            while found is not None and not _is_over(found) and time.monotonic() < give_up:
                pause()
                found = Layer.objects.filter(pk=layer.pk).first()
    except Refused:
        pass  # no place to wait: the answer says what the state is so far
    return found


def pause() -> None:
    time.sleep(PAUSE_S)


def _is_over(layer: Layer) -> bool:
    return layer.state != Layer.State.PENDING
