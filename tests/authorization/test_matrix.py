"""Who gets what from every endpoint of the URL configuration.

`expected.txt` is written out to be read and reviewed: a new endpoint without a row fails, and so
does a row without an endpoint. 404 is said alike for what is somebody else's and what is not there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import transaction

from .endpoints import METHODS, Endpoint, endpoints, view_sets
from .world import CALLERS, MUST_NOT_SEE, SECRET, World

pytestmark = pytest.mark.django_db

EXPECTED = Path(__file__).with_name("expected.txt")
ALL = endpoints()
GROUPS = sorted({endpoint.group for endpoint in ALL})
OBJECTS = {
    "job_id",
    "instance_id",
    "share_id",
    "share_key",
    "subject",
    "user_id",
    "client_id",
    "token_id",
    "subscription_id",
    "webhook_id",
    "object_id",
    "id",
    "identity_id",
    "layer_id",
    "stray_id",
    "grant_id",
}


def expected_rows() -> dict[Endpoint, list[str]]:
    rows = {}
    for line in EXPECTED.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        method, route, *cells = line.split()
        rows[Endpoint("" if route == "/" else route, method)] = cells
    return rows


def in_group(name: str) -> list[Endpoint]:
    return [endpoint for endpoint in ALL if endpoint.group == name]


def answer(world: World, caller: str, endpoint: Endpoint, *, missing: bool = False):
    """What is done by one request is undone before the next."""
    with transaction.atomic():
        response = world.ask(caller, endpoint, missing=missing)
        content = b"".join(response) if response.streaming else response.content
        response.shown = content.decode(errors="replace")
        transaction.set_rollback(True)
    return response


def row(endpoint: Endpoint, cells: list[str]) -> str:
    columns = "".join(f"{cell:<10}" for cell in cells)
    return f"{endpoint.method:<7}{endpoint.route or '/':<69}{columns}".rstrip()


def test_every_endpoint_has_a_row_and_every_row_an_endpoint():
    rows = expected_rows()
    assert sorted(set(ALL) - set(rows)) == [], "without a row in expected.txt: decide who gets what"
    assert sorted(set(rows) - set(ALL)) == [], (
        "these rows of expected.txt have no endpoint any more"
    )
    assert {len(cells) for cells in rows.values()} == {len(CALLERS)}


def test_no_endpoint_answers_a_method_that_the_table_does_not_know():
    """A method of a view set that is called as a method of HTTP answers at each of its routes."""
    sets = {view.__name__: view for view in view_sets()}
    assert sets
    found = {name: [m for m in METHODS if hasattr(view, m)] for name, view in sets.items()}
    assert {name: methods for name, methods in found.items() if methods} == {}


@pytest.mark.parametrize("group", GROUPS)
def test_each_caller_gets_what_the_table_says_and_nothing_of_others(world, group):
    rows, found, wanted, leaks = expected_rows(), [], [], []
    for endpoint in in_group(group):
        answers = {caller: answer(world, caller, endpoint) for caller in CALLERS}
        found.append(row(endpoint, [str(its.status_code) for its in answers.values()]))
        wanted.append(row(endpoint, rows.get(endpoint, ["?"] * len(CALLERS))))
        for caller in MUST_NOT_SEE:
            text = answers[caller].shown
            if SECRET in text or world.owner.email in text:
                leaks.append(f"{caller} sees the owner's content at {endpoint}")
            if OBJECTS.intersection(endpoint.parameters):
                nowhere = answer(world, caller, endpoint, missing=True)
                if told(answers[caller], world, endpoint) != told(nowhere, world, endpoint):
                    leaks.append(f"{caller} sees whether it exists at {endpoint}")
    assert found == wanted
    assert leaks == []


def told(response, world: World, endpoint: Endpoint) -> tuple[int, str, str]:
    """Status, body and Location, without the ids that the caller sent and what changes anyway."""
    texts = [response.shown, response.get("Location", "")]
    for missing in (False, True):
        arguments = world.arguments(endpoint, missing=missing)
        for name in OBJECTS.intersection(endpoint.parameters):
            texts = [re.sub(rf"(?<!\w){re.escape(arguments[name])}(?!\w)", "ID", t) for t in texts]
    texts = [re.sub(r'(csrfmiddlewaretoken" value=|csrf=)"\w+"', r"\1", text) for text in texts]
    return response.status_code, texts[0], texts[1]
