"""Many services on a simulated node while someone deletes and edits their objects at random.

Rows, worker and follower are the hub's own; only the queue between them is left out.
MANY_SERVICES=500 starts so many.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes.client import ApiException

from hubsite import engines
from services import lifecycle, tasks
from services.models import OVER_STATES, Reason, ServiceInstance, State
from services.running import book
from services.running.following import make_follower
from services.submission import admission
from tests.accounts.factories import make_user
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import Api, until
from tests.servers.kubernetes.controlplane import Cluster
from tests.services.factories import CONFIGURATION, make_profile

from .engines import apply_service, service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.kubernetes, pytest.mark.chaos]

COUNT = int(os.environ.get("MANY_SERVICES", "120"))
KILLS = COUNT // 2
CHANGES = COUNT // 5
ORPHANS = 5
LABEL = "xcube-hub/service"


class Killer(threading.Thread):
    """Deletes and edits objects of random services, as an admin, until it has done enough."""

    def __init__(self, api: Api, namespace: str, names: list[str]) -> None:
        super().__init__(daemon=True)
        core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
        self.done: Counter[str] = Counter()
        self._api, self._names, self._core, self._apps = api, names, core, apps
        self._random = random.Random(7)  # noqa: S311
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while self.done.total() < KILLS:
                self._hit(self._random.choice(self._names))
                time.sleep(0.05)
        except BaseException as error:
            self.error = error

    def _hit(self, name: str) -> None:
        root, address = f"{self._apps}/deployments/{name}", f"{self._core}/services/{name}"
        acts: dict[str, Callable[[], Any]] = {
            "Deployment deleted": lambda: self._api.delete(root),
            "Service deleted": lambda: self._api.delete(address),
            "Secret deleted": lambda: self._delete_one("secrets", name),
            "pod deleted": lambda: self._delete_one("pods", name),
            "scaled": lambda: self._api.patch(root, {"spec": {"replicas": 3}}),
            "no selector": lambda: self._api.patch(address, {"spec": {"selector": None}}),
        }
        what = self._random.choice(list(acts))
        try:
            acts[what]()
        except ApiException as error:
            if error.status not in (404, 409):  # it is gone, or changes just now
                raise
            return
        self.done[what] += 1

    def _delete_one(self, kind: str, name: str) -> None:
        items = self._api.items(f"{self._core}/{kind}", labelSelector=f"{LABEL}={name}")
        for item in items[:1]:
            self._api.delete(f"{self._core}/{kind}/{item['metadata']['name']}")


@pytest.fixture
def hub_of_many(
    hub_access: HubAccess, simulated_node: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_ENGINE": "kubernetes",
        "KUBECONFIG": str(hub_access.kubeconfig),
        "XCUBE_HUB_NAMESPACE": hub_access.namespace,
        "XCUBE_HUB_POD_NODE_SELECTOR": {"type": "kwok"},
        "XCUBE_HUB_POD_SERVICES": COUNT,
        "XCUBE_HUB_SERVICES_PER_USER": COUNT,
    }
    engines.get_engine.cache_clear()
    monkeypatch.setattr("hubsite.engines.following.ORPHAN_GRACE_S", 10.0)

    def ask(task: str, *arguments: Any) -> bool:
        """Do at once what the worker would be asked for."""
        does = {lifecycle.START_TASK: tasks.start_due, lifecycle.REMOVE_TASK: tasks.remove_objects}
        does[task](*arguments)
        return True

    monkeypatch.setattr(book, "ask", ask)
    engine = engines.get_engine("kubernetes")
    yield engine
    engine.services.stop_watching()
    engines.get_engine.cache_clear()


def test_rows_and_objects_agree_after_random_kills(
    hub_of_many: Any, cluster: Cluster, hub_access: HubAccess
) -> None:
    follower = make_follower(hub_of_many, is_stopping=lambda: False)
    assert follower is not None
    user = make_user(units=1000, permissions=["manage:cubegens"])
    profile = make_profile(units_per_hour=0)
    for _ in range(COUNT):
        admission.start(user, profile=profile, configuration=CONFIGURATION, actor=user.username)
    names = list(ServiceInstance.objects.values_list("instance_id", flat=True))

    def turn() -> None:
        tasks.sweep()
        follower.look()
        over = ServiceInstance.objects.live().filter(state__in=OVER_STATES)
        if gone := list(over.values_list("instance_id", flat=True)):
            tasks.remove_objects(gone, "kubernetes")

    def are_ready() -> bool:
        turn()
        return ServiceInstance.objects.filter(state=State.READY).count() == COUNT

    began = time.monotonic()
    until(are_ready, f"{COUNT} ready services")
    print(f"{COUNT} services ready after {time.monotonic() - began:.0f} s")

    chance = random.Random(3)  # noqa: S311
    killer = Killer(cluster.api, hub_access.namespace, names)
    killer.start()
    for number in range(ORPHANS):
        apply_service(hub_of_many, service(f"xorphan{number}"))
    for name in chance.sample(names, CHANGES):
        instance = ServiceInstance.objects.get(instance_id=name)
        if chance.random() < 0.5:
            lifecycle.stop(instance, actor=user.username, reason=Reason.OWNER)
        else:
            lifecycle.sleep(instance, actor=user.username, reason=Reason.IDLE)
        if chance.random() < 0.3:
            turn()
    while killer.is_alive():
        turn()
    assert killer.error is None, killer.error
    last = time.monotonic()

    def agree() -> bool:
        turn()
        return disagreement(cluster, hub_access.namespace) == {}

    try:
        until(agree, "agreement")
    except AssertionError as error:
        raise AssertionError(disagreement(cluster, hub_access.namespace)) from error
    states = Counter(ServiceInstance.objects.values_list("state", flat=True))
    print(f"agreed {time.monotonic() - last:.0f} s after the last of {dict(killer.done)}: {states}")
    assert states[State.FAILED] == states[State.STARTING] == states[State.REQUESTED] == 0


def disagreement(cluster: Cluster, namespace: str) -> dict[str, Any]:
    """What rows and objects do not agree in; {} if they agree."""
    core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
    live = {row.instance_id: row for row in ServiceInstance.objects.live()}
    rows = {name: row for name, row in live.items() if row.state not in OVER_STATES}
    paths = {
        "deployments": f"{apps}/deployments",
        "services": f"{core}/services",
        "secrets": f"{core}/secrets",
    }
    found: dict[str, Any] = {}
    for kind, path in paths.items():
        items = cluster.api.items(path, labelSelector=LABEL)
        owners = {item["metadata"]["labels"][LABEL] for item in items}
        if owners != rows.keys():
            extra, lacking = owners - rows.keys(), rows.keys() - owners
            found[kind] = {"without a row": sorted(extra)[:3], "lacking": sorted(lacking)[:3]}
        if kind == "deployments":
            for item in items:
                row = rows.get(item["metadata"]["name"])
                wanted = 1 if row and row.state == State.READY else 0
                if row and item["spec"]["replicas"] != wanted:
                    found[item["metadata"]["name"]] = f"{row.state}, {item['spec']['replicas']}"
    unsettled = [row for row in rows.values() if row.state not in (State.READY, State.ASLEEP)]
    if unsettled:
        found["unsettled"] = [(row.instance_id, row.state, row.message) for row in unsettled[:3]]
    return found
