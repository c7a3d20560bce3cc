"""An owner, with a service and a result to share."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import ShareableRole
from jobs.models import State as JobState
from jobs.output import quicklooks
from services.models import State
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.jobs.pictures import looked
from tests.services.factories import make_instance

SCOPE = "manage:cubegens"


@pytest.fixture
def ann():
    return make_user("ann@example.org", [SCOPE], units=10)


@pytest.fixture
def bob():
    return make_user("bob@example.org", [SCOPE])


@pytest.fixture
def service(ann):
    return make_instance(ann, state=State.READY, title="North Sea")


@pytest.fixture
def job(ann):
    now = timezone.now()
    job = make_job(ann, state=JobState.SUCCEEDED, output_data_id="sea.zarr", finished_at=now)
    assert quicklooks.keep(job, quicklooks.parse(looked()))
    return job


@pytest.fixture
def team():
    """A role that users may share with, and a member."""
    role = Group.objects.create(name="ocean-team")
    ShareableRole.objects.create(role=role)
    member = make_user("mia@example.org", [SCOPE])
    member.groups.add(role)
    return SimpleNamespace(role=role, member=member)
