"""The page "Overview": what runs, what is left, what to do next; and what a new person reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.notices.telling import tell
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from accounts.units.expiry import grant_expiring
from jobs.models import Job, State
from services.models import State as ServiceState
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db

MAY = ["read:cubegens", "manage:cubegens"]
HOSTILE = "<script>alert(1)</script>"


def page_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.get(reverse("overview")).content.decode()


def ended(user: User, name: str, state: State, *, hours_ago: float = 1, **fields) -> Job:
    at = timezone.now() - timedelta(hours=hours_ago)
    return make_job(user, output_data_id=name, state=state, finished_at=at, units=1, **fields)


def test_it_needs_a_sign_in_and_is_where_one_gets_after_it():
    response = Client().get("/overview/")
    assert response.status_code == 302 and "/login/?next=/overview/" in response["Location"]
    operator = User.objects.create_superuser("op@example.org", "a long pass phrase")
    given = {"username": operator.email, "password": "a long pass phrase"}
    assert Client().post("/login/", given)["Location"] == "/overview/"


def test_a_new_person_is_shown_the_first_step():
    text = page_of(make_user(permissions=MAY))
    assert "Your first cube" in text and reverse("new-cube") in text
    assert "xcube gen2 --service service.json request.json" in text
    assert "curl -X PUT" in text and "HUB_TOKEN" in text
    assert "Get processing units" in text
    assert "In progress" not in text


def test_a_person_without_a_right_is_told_whom_to_ask(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CONTACT": "help@example.org"}
    text = page_of(make_user())
    assert "may not generate cubes yet" in text
    assert 'href="mailto:help@example.org"' in text
    assert reverse("new-cube") not in text
    assert "Get processing units" not in text  # they would be of no use yet


def test_what_runs_and_what_was_made():
    ann, bob = make_user(permissions=MAY, units=500), make_user(permissions=MAY, units=500)
    make_job(
        ann,
        output_data_id="running.zarr",
        state=State.RUNNING,
        progress={"state": {"progress": 0.634, "label": HOSTILE}},
    )
    make_job(ann, output_data_id="waiting.zarr", state=State.QUEUED)
    ended(ann, "made.zarr", State.SUCCEEDED)
    ended(ann, "removed.zarr", State.SUCCEEDED, hidden_at=timezone.now())
    make_job(bob, output_data_id="of-bob.zarr", state=State.RUNNING)
    make_instance(ann, title="My map", state=ServiceState.READY)
    make_instance(bob, title="Map of Bob", state=ServiceState.READY)
    tell(ann, "job.succeeded", "1", f"Told {HOSTILE}", "", path="/cubes/")
    text = page_of(ann)
    assert 'value="63"' in text and "63 %" in text and "waiting.zarr" in text
    assert "made.zarr" in text and "removed.zarr" not in text
    assert "My map" in text and "Told &lt;script&gt;" in text
    assert HOSTILE not in text and "of-bob" not in text and "Map of Bob" not in text
    assert "Your first cube" not in text


def test_what_to_do_next_depends_on_what_happened():
    ann = make_user(permissions=MAY, units=500)
    ended(ann, "old.zarr", State.FAILED, hours_ago=24 * 30)
    assert "See why" not in page_of(ann)
    ended(ann, "new.zarr", State.FAILED)
    text = page_of(ann)
    assert "See why new.zarr failed" in text and "Make another cube" in text
    ended(ann, "then.zarr", State.SUCCEEDED)
    text = page_of(ann)
    assert "See why" not in text and "Look at then.zarr" in text
    soon = timezone.now() + timedelta(days=2)
    grant_expiring(ann, 70, expires_at=soon, key="soon")
    text = page_of(ann)
    assert "Use units before they expire" in text and "70 of them last less than a week" in text


def heavy(count: int) -> User:
    """Somebody with so much of everything."""
    user, friend = make_user(permissions=MAY, units=10**6), make_user(permissions=MAY, units=99)
    services = [make_instance(friend, state=ServiceState.READY) for _ in range(count)]
    for number in range(count):
        state = State.RUNNING if number % 2 else State.QUEUED
        make_job(user, output_data_id=f"a{number}.zarr", state=state, units=1)
        ended(user, f"b{number}.zarr", State.SUCCEEDED)
        make_instance(user, state=ServiceState.READY)
        tell(user, "job.succeeded", str(number), "Ready", "", path="/cubes/")
        theirs = ended(friend, f"c{number}.zarr", State.SUCCEEDED)
        wish = Wish(kinds.kind_of("result"), theirs.job_id, friend)
        giving.share_with_person(wish, user.email)
        wish = Wish(kinds.kind_of("service"), services[number].instance_id, friend)
        giving.share_with_person(wish, user.email)
        at = timezone.now() + timedelta(days=number + 1)
        grant_expiring(user, 5, expires_at=at, key=f"{user.pk}:{number}")
    return user


def test_it_costs_the_same_however_much_there_is():
    counts = []
    for user in (heavy(1), heavy(7)):
        client = Client()
        client.force_login(user)
        client.get(reverse("overview"))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse("overview")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 20, [query["sql"][:160] for query in captured]
