"""Who gets what of services, results and pictures that are, or were, shared with them.

`shared.txt` is written out to be read and reviewed, as `expected.txt` is. An endpoint that names a
service, a job or a share must have a row in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import transaction

from .endpoints import Endpoint, endpoints
from .shares import HOLDERS, SUBJECTS, Shared, make_shared

pytestmark = pytest.mark.django_db

EXPECTED = Path(__file__).with_name("shared.txt")
RUNS = ("callbacks", "code")
"""What runs ask with their own token: nobody's session gets it (`expected.txt`)."""
ALL = [
    endpoint
    for endpoint in endpoints()
    if SUBJECTS.intersection(endpoint.parameters)
    and not endpoint.route.startswith("admin/")
    and not endpoint.route.endswith(RUNS)
]


@pytest.fixture
def shared() -> Shared:
    return make_shared()


def kinds_of(endpoint: Endpoint) -> tuple[str, ...]:
    """The page of a share is asked for both kinds."""
    if "share_key" in endpoint.parameters:
        return ("service", "result")
    return ("service",) if "instance_id" in endpoint.parameters else ("result",)


def rows(shared: Shared) -> list[str]:
    found = []
    for endpoint in ALL:
        for kind in kinds_of(endpoint):
            cells = []
            for holder in HOLDERS:
                with transaction.atomic():
                    cells.append(str(shared.ask(holder, endpoint, kind)))
                    transaction.set_rollback(True)
            columns = "".join(f"{cell:<10}" for cell in cells)
            found.append(f"{kind:<8}{endpoint.method:<7}{endpoint.route:<58}{columns}".rstrip())
    return found


def test_each_holder_gets_what_the_table_says(shared):
    lines = EXPECTED.read_text().splitlines()
    wanted = [line for line in lines if line.strip() and not line.startswith("#")]
    assert rows(shared) == wanted
