"""An engine in memory, its follower, and the hub's ticks, for tests of services."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import LedgerEntry
from hubsite.engines.following import Follower
from services import tasks
from services.models import ServiceInstance
from services.running import live_log, removal, starting
from services.running.following import make_follower
from services.submission import admission
from tests.accounts.factories import make_user
from tests.clock import Clock
from tests.services.engine import ScriptedServices
from tests.services.factories import CONFIGURATION, make_profile


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedServices:
    scripted = ScriptedServices()
    for module in (starting, removal, live_log):
        monkeypatch.setattr(module, "find_engine", lambda name: scripted)
    return scripted


@pytest.fixture
def follower(engine: ScriptedServices) -> Follower[Any]:
    made = make_follower(engine, is_stopping=lambda: False)
    assert made is not None
    return made


class World:
    """A user with services, an engine, and a clock that the test moves."""

    def __init__(self, engine: ScriptedServices, follower: Follower[Any], clock: Clock) -> None:
        self.engine, self.follower, self.clock = engine, follower, clock
        self.user = make_user(units=1000, permissions=["manage:cubegens"])
        self.price = 0

    def start(self, **options: Any) -> ServiceInstance:
        profile = make_profile(units_per_hour=self.price)
        options = {"configuration": CONFIGURATION, "actor": self.user.username, **options}
        return admission.start(self.user, profile=profile, **options)

    def ready(self, **options: Any) -> ServiceInstance:
        """A service that has become ready."""
        instance = self.start(**options)
        self.turn()
        self.engine.start_all()
        self.look()
        return self.again(instance)

    def turn(self) -> None:
        """The worker's tick, then what the follower sees, then the worker again."""
        tasks.start_due()
        self.look()
        tasks.sweep()
        self.remove()

    def look(self) -> None:
        self.follower.compare(self.engine.level())

    def remove(self) -> None:
        """What the worker was asked to remove."""
        over = ServiceInstance.objects.live().exclude(
            pk__in=ServiceInstance.objects.active().values("pk")
        )
        tasks.remove_objects(list(over.values_list("instance_id", flat=True)), "local")

    @staticmethod
    def again(instance: ServiceInstance) -> ServiceInstance:
        return ServiceInstance.objects.select_related("owner", "profile").get(pk=instance.pk)

    def charged(self) -> int:
        entries = LedgerEntry.objects.filter(user=self.user, kind="settle")
        return -sum(entries.values_list("delta_total", flat=True))

    def reserved(self) -> int:
        self.user.balance.refresh_from_db()
        return self.user.balance.reserved


@pytest.fixture
def world(db: None, engine: ScriptedServices, follower: Follower[Any], clock: Clock) -> World:
    return World(engine, follower, clock)
