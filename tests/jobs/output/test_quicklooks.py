"""Quick-looks in the hub: what runs may report, who sees it, when it goes."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite.refusals import Refused
from jobs import tasks
from jobs.models import Job, QuickLook, State
from jobs.output import quicklooks
from jobs.owners import deletion
from jobs.running.run_token import run_token
from jobs.submission import cancelling
from tests.accounts.factories import bearer, make_user

from .. import pictures
from ..factories import make_job
from ..pictures import END, PALETTE, SIGNATURE, chunk, header, looked, pixels, png

pytestmark = pytest.mark.django_db
SCOPES = ("manage:cubegens",)
STATE = {"label": "Generating cube", "total_work": 1, "progress": 1, "elapsed": 1}


@pytest.fixture
def job():
    return make_job(make_user(units=10, permissions=SCOPES), state=State.RUNNING)


def report(client, job, look, **more):
    return client.put(
        f"/api/v2/cubegens/{job.job_id}/callbacks",
        {"sender": "on_update", "state": STATE, "quicklook": look, **more},
        content_type="application/json",
        headers={"Authorization": f"Bearer {run_token(job.job_id, job.attempt)}"},
    )


def keep(job, **changes):
    return quicklooks.keep(job, quicklooks.parse(looked(**changes)))


def test_a_reported_picture_is_listed_and_served(client, job):
    assert report(client, job, looked()).status_code == 200
    assert report(client, job, looked("chl", 1, png=None, note="Every value is missing.")).json()
    headers = bearer(job.owner, SCOPES)
    path = f"/api/v2/cubegens/{job.job_id}/quicklooks"
    sst, chl = client.get(path, headers=headers).json()
    assert sst == {
        "variable": "sst",
        "title": "Sea surface temperature",
        "units": "kelvin",
        "url": f"http://testserver{path}/sst.png",
        "width": 4,
        "height": 2,
        "time": "2020-01-01T12:00:00Z",
        "at": {"depth": "0.5"},
        "value_range": [272.5, 303.0],
        "colors": ["#440154", "#fde725"],
        "classes": [],
        "bbox": [-180.0, -90.0, 180.0, 90.0],
        "note": "",
    }
    assert (chl["url"], chl["note"], chl["width"]) == (None, "Every value is missing.", 0)
    answer = client.get(sst["url"], headers=headers)
    assert (answer.content, answer["Content-Type"]) == (png(), "image/png")
    assert answer["Cache-Control"] == "private, max-age=300"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    again = client.get(sst["url"], headers={**headers, "If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["Cache-Control"] == "private, max-age=300"
    assert client.get(f"{path}/chl.png", headers=headers).status_code == 404
    assert [look.variable for look in quicklooks.of(job)] == ["sst"]


def test_others_see_neither_the_list_nor_a_picture(client, job):
    keep(job)
    stranger = bearer(make_user(permissions=SCOPES), SCOPES)
    path = f"/api/v2/cubegens/{job.job_id}/quicklooks"
    for place in (path, f"{path}/sst.png"):
        assert client.get(place, headers=stranger).status_code == 404
        assert client.get(place).status_code == 401


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\xff\xd8\xff\xe0JFIF",
        SIGNATURE,
        SIGNATURE + END,
        SIGNATURE + header(513, 4) + PALETTE + pixels(4, 2) + END,
        SIGNATURE + header(0, 4) + PALETTE + pixels(4, 2) + END,
        SIGNATURE + header(4, 2, bytes([8, 6, 0, 0, 0])) + pixels(4, 2) + END,
        SIGNATURE + header(4, 2, bytes([8, 3, 0, 0, 1])) + PALETTE + pixels(4, 2) + END,
        SIGNATURE + header(4, 2) + PALETTE + END,
        SIGNATURE + header(4, 2) + PALETTE + PALETTE + pixels(4, 2) + END,
        SIGNATURE + header(4, 2) + pixels(4, 2) + PALETTE + END,
        SIGNATURE + header(4, 2) + chunk(b"PLTE", b"\0\0") + pixels(4, 2) + END,
        SIGNATURE + header(4, 2) + PALETTE + chunk(b"tEXt", b"a\0<script>") + pixels(4, 2) + END,
        png() + b"<script>alert(1)</script>",
        png()[:-1],
        png()[:-30] + b"\0" + png()[-29:],
        SIGNATURE + header(4, 2) + PALETTE + chunk(b"IDAT", bytes(64_000)) + END,
    ],
)
def test_nothing_but_a_small_png_with_a_palette_is_kept(client, job, data):
    answer = report(client, job, looked(png=base64.b64encode(data).decode()))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "quicklook.png"
    assert not QuickLook.objects.exists()
    job.refresh_from_db()
    assert job.progress["state"]["label"] == STATE["label"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("position", 12),
        ("position", True),
        ("position", None),
        ("variable", ""),
        ("variable", ["sst"]),
        ("png", "no base64"),
        ("png", 7),
        ("title", {}),
        ("time", "yesterday"),
        ("at", {str(n): "0" for n in range(9)}),
        ("at", {"depth": 0.5}),
        ("vmin", "cold"),
        ("vmin", 10**400),
        ("colors", ["#440154"] * 17),
        ("colors", ["red;background:url(//x)"]),
        ("colors", ["#440154\n"]),
        ("classes", [["#440154"]]),
        ("classes", [["#44015", "water"]]),
        ("classes", [["#440154", 1]]),
        ("bbox", [0, 0, 1]),
        ("bbox", [0, 0, 1, False]),
    ],
)
def test_what_is_not_as_it_should_be_is_refused_by_its_name(field, value):
    with pytest.raises(Refused) as refused:
        quicklooks.parse(looked(**{field: value}))
    assert refused.value.errors[0].field == f"quicklook.{field}"


def test_without_a_picture_there_is_a_reason():
    with pytest.raises(Refused, match="says why"):
        quicklooks.parse(looked(png=None))


def test_names_of_variables_are_no_addresses(job):
    names = ["sst", "../../x", "variable-0", "Wärme", "a/b?c#d", "SST", "x" * 101]
    for position, variable in enumerate(names):
        assert keep(job, variable=variable, position=position)
    assert [look.name for look in quicklooks.of(job)] == [
        "sst", "variable-1", "variable-2", "variable-3", "variable-4", "SST", "variable-6",
    ]  # fmt: skip


def test_what_cannot_be_seen_is_left_out(job):
    keep(job, variable="a\u202eb", title="\u200b", units="K\0\x1b[31m", at={"z\u202e": "\u200b1"})
    look = quicklooks.of(job)[0]
    assert (look.variable, look.title, look.units, look.at) == ("ab", "", "K[31m", {"z": "1"})


def test_a_repeated_report_replaces_the_earlier(job):
    keep(job)
    keep(job, title="again")
    keep(job, position=3)
    assert [(look.position, look.title) for look in quicklooks.of(job)] == [
        (3, "Sea surface temperature")
    ]


@pytest.mark.parametrize(
    ("state", "ago_s", "is_kept"),
    [
        (State.LAUNCHED, None, True),
        (State.RUNNING, None, True),
        (State.SUCCEEDED, 60, True),
        (State.SUCCEEDED, 3600, False),
        (State.FAILED, 60, False),
        (State.CANCELLED, 60, False),
        (State.QUEUED, None, False),
    ],
)
def test_only_a_job_that_made_its_cube_gets_pictures(client, state, ago_s, is_kept):
    finished = None if ago_s is None else timezone.now() - timedelta(seconds=ago_s)
    job = make_job(make_user(units=10), state=state, finished_at=finished)
    assert report(client, job, looked()).status_code == 200
    assert QuickLook.objects.exists() == is_kept


def test_pictures_go_with_the_job_from_its_owners_list_and_do_not_come_back(client, job):
    keep(job)
    headers = bearer(job.owner, SCOPES)
    cancelling.hide(Job.objects.filter(pk=job.pk))
    assert not keep(job)
    assert not QuickLook.objects.exists()
    path = f"/api/v2/cubegens/{job.job_id}/quicklooks"
    assert client.get(path, headers=headers).status_code == 410


def test_pictures_go_with_their_owner(job):
    keep(job)
    other = make_job(make_user(units=1), state=State.RUNNING)
    keep(other)
    Job.objects.filter(pk=job.pk).update(is_live=False, state=State.SUCCEEDED)
    deletion.forget(job.owner, job.owner.username, "deleted-1")
    assert [look.job_id for look in QuickLook.objects.all()] == [other.pk]
    assert not keep(job)


def test_old_pictures_are_forgotten(job, settings):
    keep(job)
    keep(job, variable="chl", position=1)
    QuickLook.objects.filter(variable="chl").update(made_at=timezone.now() - timedelta(days=366))
    assert tasks.forget_quicklooks() == 1
    assert [look.variable for look in quicklooks.of(job)] == ["sst"]


def test_the_first_pictures_of_many_jobs_are_one_query(django_assert_num_queries):
    owner = make_user(units=10)
    jobs = [make_job(owner, state=State.RUNNING) for _ in range(4)]
    for job in jobs[:3]:
        keep(job, png=None, note="Every value is missing.")
        keep(job, variable="chl", position=1)
        keep(job, variable="sss", position=2)
    with django_assert_num_queries(1):
        first = quicklooks.first_of(jobs)
        assert {key: look.variable for key, look in first.items()} == {
            job.pk: "chl" for job in jobs[:3]
        }
    assert pictures.png() == bytes(quicklooks.find(jobs[0], "chl").png)
