"""Services on this machine over the real runner: a life from the first apply to the removal."""

from __future__ import annotations

import dataclasses
import uuid

import pytest

from hubsite.engines.facts import Phase, ServiceFact
from hubsite.engines.local.services import LocalServices
from hubsite.engines.outcomes import MADE, Outcome, Removal
from hubsite.engines.specs import Container, Service
from tests.patience import wait_for

pytestmark = pytest.mark.xcube


def test_a_life(runner, demo_cube):
    place = LocalServices()
    name = f"view-{uuid.uuid4().hex[:12]}"
    store = {"Identifier": "s", "StoreId": "file", "StoreParams": {"root": str(demo_cube.parent)}}
    datasets = [{"Path": demo_cube.name}, {"Path": "missing.zarr"}]
    first = Service(
        name=name,
        revision=2,
        container=Container("ann", memory_bytes=1 << 30),
        payload={
            "kind": "xcube_server",
            "config": {"DataStores": [{**store, "Datasets": datasets}]},
            "viewer": None,
            "public_url": "http://one.localhost",
        },
        path="",
        probe="/datasets",
        is_asleep=False,
    )

    def watched(revision: int, phase: Phase) -> ServiceFact:
        def look() -> ServiceFact | None:
            facts = [fact for level in place.watch(wait_s=1) for fact in level.facts]
            return next(
                (f for f in facts if (f.name, f.revision, f.phase) == (name, revision, phase)), None
            )

        return wait_for(look, f"{phase} of revision {revision}")

    assert not place.exists(name) and place.look(name) is None
    assert place.apply_one(first) == MADE
    fact = watched(2, Phase.RUNNING)
    assert fact.address.startswith("unix:") and fact.ready_since and fact.restarts == 0
    assert any("missing.zarr" in broken for broken in fact.broken)
    assert place.exists(name) and place.look(name).phase == Phase.RUNNING
    lines = [line for c in place.log(name, most_lines=50, wait_s=0) for line in c.lines]
    assert any("missing.zarr" in line for line in lines)
    place.refresh_one(name)

    # An older revision changes nothing; a newer one puts it to sleep at the same address.
    older = dataclasses.replace(first, revision=1, is_asleep=True)
    assert place.apply_one(older) == MADE
    assert watched(2, Phase.RUNNING).address == fact.address
    assert place.apply_one(dataclasses.replace(first, revision=3, is_asleep=True)) == MADE
    assert watched(3, Phase.ASLEEP).address == fact.address
    assert place.apply_one(dataclasses.replace(first, revision=4)) == MADE
    watched(4, Phase.RUNNING)

    refused = place.apply_one(dataclasses.replace(first, revision=5, path="/../x"))
    assert refused.outcome == Outcome.REFUSED and refused.message.startswith("path:")
    assert place.look(name).revision == 4

    assert place.remove_one(name) in (Removal.ENDING, Removal.GONE)
    wait_for(lambda: not place.exists(name), "end of the service")
    assert place.remove_one(name) == Removal.GONE
    # A late apply does not bring it back.
    assert place.apply_one(dataclasses.replace(first, revision=9)).outcome == Outcome.ENDED
    place.refresh_one(name)
