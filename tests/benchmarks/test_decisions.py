"""What a decision for the edge costs, against reading one bare row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory
from django.test.client import ClientHandler
from django.urls import path

from hubsite import urls as hub_urls
from hubsite.start.parts import edge_secret
from services.access import entering
from services.models import EdgeSession, ServiceInstance, State
from tests.accounts.factories import make_user
from tests.services.factories import make_instance

from .load import throughput
from .report import alternate
from .sizes import IS_SMOKE, size

CALLS = size(300, 20)
ROUNDS = 9
SESSIONS = size(50_000, 500)
SECONDS = 0.1 if IS_SMOKE else 0.8
DECIDE = "/internal/edge/decide"

_OPEN = """
import django; django.setup()
import json
from accounts.models import User
from hubsite.start.parts import edge_secret
from services.access import entering
from services.models import State
from tests.services.factories import make_instance
instance = make_instance(User.objects.get(email="reader@example.org"), state=State.READY,
                         address="unix:/run/x/http.sock")
ticket = entering.make_ticket(instance, instance.owner)
_, session = entering.exchange_ticket(instance.instance_id, ticket)
print(json.dumps({"instance": instance.instance_id, "session": session, "secret": edge_secret()}))
"""


def bare_row(request: HttpRequest, instance_id: str) -> HttpResponse:
    """The least that a view of this site can do for its reader: one row, as JSON."""
    row = ServiceInstance.objects.get(instance_id=instance_id)
    return JsonResponse(
        {
            "instance": row.instance_id,
            "state": row.state,
            "address": row.address,
            "path": row.path,
            "revision": row.revision,
        }
    )


urlpatterns = [*hub_urls.urlpatterns, path("bare/<str:instance_id>", bare_row)]


def cpu_s(do: Callable[[], Any]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    for _ in range(CALLS):
        assert do().status_code == 200
    return (time.process_time() - began) / CALLS


@pytest.mark.benchmark
@pytest.mark.django_db
@pytest.mark.urls(__name__)
def test_a_decision_is_nearly_as_fast_as_a_bare_row(report):
    """Both pass the whole of this site's middleware, in this process."""
    owner = make_user()
    instance = make_instance(owner, state=State.READY, address="unix:/run/x/http.sock")
    made = entering.exchange_ticket(instance.instance_id, entering.make_ticket(instance, owner))
    assert made is not None
    EdgeSession.objects.bulk_create(
        EdgeSession(
            token_hash=f"{number:064}", instance=instance, user=owner, expires_at=made[0].expires_at
        )
        for number in range(SESSIONS)
    )
    requests, handler = RequestFactory(), ClientHandler()
    question = json.dumps(
        {"instance": instance.instance_id, "session": made[1], "ticket": None, "wake": True}
    )
    headers = {"Authorization": f"Edge {edge_secret()}"}

    def decision() -> Any:
        return handler(
            requests.generic(
                "POST", DECIDE, question, content_type="application/json", headers=headers
            ).environ
        )

    def row() -> Any:
        return handler(requests.get(f"/bare/{instance.instance_id}").environ)

    assert json.loads(decision().content)["allow"]
    row()
    pairs = alternate(lambda: 1 / cpu_s(decision), lambda: 1 / cpu_s(row), rounds=ROUNDS)
    report.ratio(
        f"a decision for the edge, {SESSIONS:,} sessions / a bare row of the same site",
        pairs,
        unit="/s",
        at_least=0.8,
    )


@pytest.mark.benchmark
def test_decisions_of_real_processes(report, web, bare, reader, running_job):
    opened = json.loads(web.python("-c", _OPEN))
    secret = opened.pop("secret")
    headers = {"Authorization": f"Edge {secret}"}
    body = json.dumps({**opened, "wake": True}).encode()

    def decisions(seconds: float = SECONDS) -> float:
        return throughput(
            web.port, DECIDE, "", seconds=seconds, body=body, method="POST", headers=headers
        )

    def rows(seconds: float = SECONDS) -> float:
        return throughput(bare.port, f"/rows/{running_job}", "", seconds=seconds)

    for warm_up in (decisions, rows):
        warm_up(0.5)
    pairs = alternate(decisions, rows, rounds=ROUNDS)
    report.ratio("POST decide / bare DRF view", pairs, unit="/s", at_least=0.8)
