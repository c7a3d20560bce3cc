"""The worker has what failed runs wrote removed: bounded, repeated, and never another's."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite.refusals import Refused
from jobs import tasks
from jobs.models import Job, State
from jobs.output import outputs
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from tests.accounts.factories import make_user

from ..conftest import queued_tasks
from ..factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch):
    """What the estimator is asked for. Stands in for it: `asked.refuses` is what it says."""

    class Asked(list):
        refuses = None

        def remove(self, **what):
            self.append(what)
            if self.refuses:
                raise self.refuses
            return True

    asked = Asked()
    monkeypatch.setattr(outputs.asking, "remove_output", asked.remove)
    return asked


def left(user=None, data_id="left.zarr", **fields):
    """A job whose run failed, and may have left something."""
    user = user or make_user(units=10)
    store = load_catalogue().get("cubes").for_user(user.username)
    claim = hashlib.sha256(location(store, data_id).encode()).hexdigest()
    now = timezone.now()
    return make_job(
        user,
        **{
            "state": State.FAILED,
            "output_data_id": data_id,
            "output_claim": claim,
            "removal_due_at": now,
            "finished_at": now,
            **fields,
        },
    )


def test_what_is_due_is_removed_and_its_claim_ends(asked):
    job = left()
    assert outputs.remove_due() == 1
    job.refresh_from_db()
    assert (job.removal_due_at, job.removal_tries) == (None, 1)
    assert not Job.objects.claiming().filter(pk=job.pk).exists()
    (request,) = asked
    assert request["run"] == job.job_id
    assert request["output"] == {"store_id": "@cubes", "data_id": "left.zarr"}
    (store,) = request["stores"].values()
    assert store["store_params"]["root"].endswith(job.owner.username), "its owner's folder alone"


def pyramid_claim(owner, data_id="left.levels"):
    store = load_catalogue().get("cubes").for_user(owner.username)
    return hashlib.sha256(location(store, data_id).encode()).hexdigest()


def test_a_pyramid_goes_with_its_cube(asked):
    owner = make_user(units=10)
    job = left(owner, levels_claim=pyramid_claim(owner))
    assert outputs.remove_due() == 1
    assert [a["output"]["data_id"] for a in asked] == ["left.zarr", "left.levels"]
    assert {a["run"] for a in asked} == {job.job_id}
    assert sum(a["timeout_s"] for a in asked[:1]) <= outputs.REQUEST_S


def test_neither_is_touched_if_one_of_them_lies_elsewhere(asked):
    left(levels_claim="0" * 64)
    assert outputs.remove_due() == 0
    assert asked == []


def test_a_removal_that_fails_is_tried_again_ever_more_seldom(asked):
    job = left()
    asked.refuses = Refused("the store does not answer")
    pauses = []
    for tries in range(1, 14):
        assert outputs.remove_due() == 0
        job.refresh_from_db()
        assert job.removal_tries == tries
        pauses.append(job.removal_due_at - timezone.now())
        assert outputs.remove_due() == 0, "not before its time"
        Job.objects.update(removal_due_at=timezone.now() - timedelta(seconds=1))
    assert len(asked) == 13
    assert pauses[0] < timedelta(seconds=6)
    assert pauses[-1] > 100 * pauses[0]
    assert max(pauses) <= timedelta(hours=1)
    asked.refuses = None
    assert outputs.remove_due() == 1


def test_one_that_cannot_be_removed_does_not_keep_others_waiting(asked, monkeypatch):
    first, second = left(), left()
    remove = asked.remove

    def fail_for_first(**what):
        if what["run"] == first.job_id:
            raise KeyError("a fault of ours")
        return remove(**what)

    monkeypatch.setattr(outputs.asking, "remove_output", fail_for_first)
    assert outputs.remove_due() == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.removal_due_at > timezone.now()
    assert second.removal_due_at is None


def test_a_worker_that_dies_in_a_removal_leaves_it_to_the_next(asked):
    job = left()
    asked.refuses = SystemExit()
    with pytest.raises(SystemExit):
        outputs.remove_due()
    job.refresh_from_db()
    assert timezone.now() < job.removal_due_at < timezone.now() + timedelta(minutes=1)


@pytest.mark.parametrize(
    "fields", [{"output_store": "@gone"}, {"output_claim": "0" * 64}], ids=["no store", "moved"]
)
def test_a_store_that_leads_elsewhere_by_now_is_not_touched(asked, fields):
    job = left(**fields)
    assert outputs.remove_due() == 0
    job.refresh_from_db()
    assert asked == []
    assert job.removal_due_at > timezone.now()


def test_a_claim_is_given_up_at_last_and_the_log_says_what_is_left(asked, caplog):
    left(finished_at=timezone.now() - outputs.GIVE_UP_AFTER - timedelta(days=1))
    asked.refuses = Refused("the store does not answer")
    assert outputs.remove_due() == 1
    assert "left.zarr" in caplog.text
    assert not Job.objects.claiming().exists()


def test_two_workers_do_not_hold_two_estimators(asked, monkeypatch):
    left()
    other = []

    def remove(**what):
        other.append(outputs.remove_due())
        return True

    monkeypatch.setattr(outputs.asking, "remove_output", remove)
    left()
    assert outputs.remove_due() == 2
    assert other == [0, 0]


def test_the_sweep_asks_for_it_only_if_something_is_due(asked, engine):
    tasks.sweep()
    assert "remove_outputs" not in queued_tasks()
    left()
    tasks.sweep()
    assert queued_tasks().count("remove_outputs") == 1
    assert asked == [], "the sweep itself waits for no store"


def test_the_removal_waits_for_no_launch_and_takes_no_place(engine):
    job = left()
    assert not Job.objects.placed().filter(pk=job.pk).exists()
