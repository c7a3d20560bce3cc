"""What a run tells about its cube is checked, then kept in a table of its own."""

import copy

import pytest
from django.utils import timezone

from hubsite.engines.facts import Phase, RunFact
from jobs.models import CubeRecord, Job, State
from jobs.owners import deletion
from jobs.results import recording
from jobs.running import callbacks
from jobs.running.book import JobBook
from jobs.submission import cancelling
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.jobs.results.cubes import MADE

pytestmark = pytest.mark.django_db


@pytest.fixture
def job():
    return make_job(make_user(units=10), state=State.RUNNING, started_at=timezone.now())


def report(job, made, sender="on_end"):
    result = {"status": "ok", "result": {"data_id": "cube.zarr"}, "made": made}
    callbacks.accept(job, {"sender": sender, "state": {"progress": 100}, "result": result})


def kept(job):
    return CubeRecord.objects.filter(job=job).first()


def test_the_last_report_brings_it_and_the_result_stays_small(job):
    report(job, MADE)
    record = kept(job)
    assert record.description["variables"]["sst"]["units"] == "K"
    assert record.footprint == MADE["footprint"] and record.files == MADE["files"]
    job.refresh_from_db()
    assert job.result == {"status": "ok", "result": {"data_id": "cube.zarr"}}


def test_the_engine_brings_it_too_and_twice_is_once(job, django_assert_num_queries):
    report(job, {**MADE, "files": None})
    job.refresh_from_db()
    result = {"status": "ok", "message": "Done", "made": MADE}
    fact = RunFact(
        name=job.job_id, phase=Phase.SUCCEEDED, attempt=1, started_at=timezone.now(), result=result
    )
    assert JobBook(None).record_one(job, fact)
    job.refresh_from_db()
    assert job.state == State.SUCCEEDED and "made" not in job.result
    assert kept(job).files == MADE["files"] and CubeRecord.objects.count() == 1
    with django_assert_num_queries(1):
        recording.keep(job, MADE)
    with django_assert_num_queries(0):
        recording.keep(job, None)


def test_a_job_whose_run_tells_nothing_ends_as_before(job):
    fact = RunFact(name=job.job_id, phase=Phase.SUCCEEDED, attempt=1, result={"status": "ok"})
    assert JobBook(None).record_one(job, fact)
    assert kept(job) is None


def broken(path, value):
    made = copy.deepcopy(MADE)
    part = made
    *above, name = path.split(".")
    for step in above:
        part = part[step]
    part[name] = value
    return made


DEEP = []
for _ in range(2000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("part", "made"),
    [
        ("description", broken("description.bbox", [0, 0, "x", 1])),
        ("description", broken("description.bbox", [0, 0, 1])),
        ("description", broken("description.time_range", ["yesterday", "2020-01-01T00:00:00Z"])),
        ("description", broken("description.dims", {"x": -1})),
        ("description", broken("description.variables", [])),
        ("description", broken("description.variables.sst.units", {"a": 1})),
        ("description", broken("description.variables", {f"v{i}": {} for i in range(501)})),
        ("description", broken("description.attributes", {"a": "x" * 50_000})),
        ("description", broken("description.crs", 4326)),
        ("description", broken("description.attributes", {"deep": DEEP})),
        ("description", broken("description", [])),
        ("footprint", broken("footprint.bbox", [0, 0, 181, 1])),
        ("footprint", broken("footprint.geometry.type", "Point")),
        ("footprint", broken("footprint.geometry.coordinates", [[[0, 0]] * 300])),
        ("files", broken("files.sha256", "../../etc/passwd")),
        ("files", broken("files.size_bytes", -1)),
        ("files", broken("files.count", 2**70)),
    ],
)
def test_a_part_that_is_not_as_expected_is_dropped_and_the_others_are_kept(job, part, made):
    assert recording.checked(MADE).keys() == {"description", "footprint", "files"}
    assert recording.checked(made).keys() == {"description", "footprint", "files"} - {part}
    recording.keep(job, made)
    assert getattr(kept(job), part) is None


@pytest.mark.parametrize("made", [None, [], "text", 1, {}, {"description": None}])
def test_what_is_no_record_is_none(job, made):
    recording.keep(job, made)
    assert kept(job) is None


def test_it_goes_with_its_owner(job):
    recording.keep(job, MADE)
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, is_live=False)
    deletion.forget(job.owner, job.owner.username, "deleted-1")
    assert kept(job) is None


def test_it_goes_with_the_job_from_its_owners_list(job):
    recording.keep(job, MADE)
    cancelling.hide(Job.objects.filter(pk=job.pk))
    assert kept(job) is None
