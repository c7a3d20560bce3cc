"""Lists of data sets: whose, how fresh, and what happens while a store is slow or away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from hubsite.coordination.lock import Lock
from jobs.discovery import listing, slots, stores
from jobs.models import State, StoreDescription, StoreListing, StoreListingPart
from jobs.output import output_changes
from jobs.owners import deletion
from tests.accounts.factories import bearer, make_user
from tests.jobs.conftest import queued_tasks
from tests.jobs.factories import make_job

from .conftest import AWAY, LATE

pytestmark = pytest.mark.django_db

SEA = [["a/b c.zarr", "dataset"], ["ö.nc", "dataset"], ["pyramid.levels", "mldataset"]]


def numbered(count: int) -> list[list[str]]:
    return [[f"cube-{number:06}.zarr", "dataset"] for number in range(count)]


def ids(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [entry["data_id"] for entry in response.json()]


def age(**changes) -> None:
    """Make all listings old."""
    StoreListing.objects.update(listed_at=timezone.now() - timedelta(hours=1), **changes)


def test_the_data_sets_are_listed_with_their_types(reader, user, get):
    reader.ids["sea-bucket"] = SEA
    response = get(user, "/sea/data")
    assert response.json() == [
        {"data_id": "a/b c.zarr", "data_type": "dataset", "format": "zarr"},
        {"data_id": "ö.nc", "data_type": "dataset", "format": "netcdf"},
        {"data_id": "pyramid.levels", "data_type": "mldataset", "format": "levels"},
    ]
    assert response["X-Total-Count"] == "3"
    assert response["X-Stale"] == "false"
    assert response["Cache-Control"] == "private, no-cache"
    assert ids(get(user, "/@sea/data")) == ids(response)
    assert len(reader.asked) == 1, "the second answer comes from rows"


def test_names_that_no_request_may_hold_are_left_out(reader, user, get):
    odd = ["../up.zarr", "/etc/passwd.zarr", "a::b.zarr", "a//b.zarr", "a#b.zarr", "%2e%2e/x.zarr"]
    reader.ids["sea-bucket"] = [[name, "dataset"] for name in [*odd, "good.zarr"]]
    assert ids(get(user, "/sea/data")) == ["good.zarr"]


def test_paging_searching_and_filtering(reader, user, get):
    reader.ids["sea-bucket"] = [*numbered(2500), ["pyramid.levels", "mldataset"]]
    whole = []
    for offset in range(0, 2600, 700):
        page = get(user, "/sea/data", limit=700, offset=offset)
        assert page["X-Total-Count"] == "2501"
        whole += ids(page)
    assert whole == [entry[0] for entry in reader.ids["sea-bucket"]]
    assert 'rel="next"' in get(user, "/sea/data", limit=2)["Link"]
    assert ids(get(user, "/sea/data", offset=2500)) == ["pyramid.levels"]
    assert ids(get(user, "/sea/data", offset=9999)) == []
    found = get(user, "/sea/data", search="CUBE 00249", limit=4, offset=2)
    assert ids(found) == [f"cube-{number:06}.zarr" for number in range(2491, 2495)]
    assert found["X-Total-Count"] == "11", "000249, and 002490 to 002499"
    assert ids(get(user, "/sea/data", data_type="mldataset")) == ["pyramid.levels"]
    assert ids(get(user, "/sea/data", data_type="mldataset", search="cube")) == []
    assert len(reader.asked) == 1
    for bad in ({"limit": "x"}, {"limit": 1001}, {"search": "x" * 201}, {"search": "a\0b"}):
        refused = get(user, "/sea/data", **bad)
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] in bad


def test_a_page_costs_the_same_anywhere(reader, user, client, django_assert_num_queries):
    view = stores.view_of(stores.find("sea"), user)
    reader.ids["sea-bucket"] = numbered(20_000)
    listing.get(view)
    assert StoreListingPart.objects.count() == 20
    row = listing.get(view).row
    for offset in (0, 9_999, 19_000):
        with django_assert_num_queries(1):
            assert len(listing.entries(row, offset, 1000)) == min(1000, 20_000 - offset)
    headers = bearer(user)
    path = "/api/v2/stores/sea/data"
    client.get(path, headers=headers)
    with django_assert_num_queries(3):  # the token, the listing, its part
        assert client.get(path, {"offset": 15_000}, headers=headers).status_code == 200


def test_an_etag_saves_the_list(reader, user, get):
    reader.ids["sea-bucket"] = SEA
    first = get(user, "/sea/data")
    again = get(user, "/sea/data", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again["X-Stale"] == "false"
    other = get(user, "/sea/data", search="ö", headers={"If-None-Match": first["ETag"]})
    assert other.status_code == 200
    age()
    reader.ids["sea-bucket"] = SEA[:1]
    changed = get(user, "/sea/data", headers={"If-None-Match": first["ETag"]})
    assert ids(changed) == ["a/b c.zarr"]
    assert StoreListingPart.objects.count() == 1


def test_no_one_sees_anothers_folder_also_not_by_cache(reader, user, get):
    other = make_user("other@example.org", permissions=["manage:cubegens"])
    reader.ids[user.username] = [["mine.zarr", "dataset"]]
    reader.ids[other.username] = [["theirs.zarr", "dataset"]]
    mine = get(user, "/mine/data")
    assert ids(mine) == ["mine.zarr"]
    theirs = get(other, "/mine/data", headers={"If-None-Match": mine["ETag"]})
    assert ids(theirs) == ["theirs.zarr"]
    assert ids(get(user, "/mine/data")) == ["mine.zarr"]
    reader.descriptions["mine.zarr"] = {"data_id": "mine.zarr", "data_type": "dataset"}
    assert get(user, "/mine/data/mine.zarr").status_code == 200
    del reader.descriptions["mine.zarr"]
    assert get(user, "/mine/data/mine.zarr").status_code == 200, "from rows"
    assert get(other, "/mine/data/mine.zarr").status_code == 404
    shown = {row["store_id"]: row["state"] for row in get(other).json()}
    assert shown["@mine"]["data_sets"] == 1
    deletion.forget(user, user.username, "gone")
    assert [row.scope for row in StoreListing.objects.all()] == [str(other.pk)]
    assert StoreDescription.objects.count() == 0


def test_other_parameters_are_another_listing(reader, user, get, settings):
    reader.ids["sea-bucket"] = SEA
    get(user, "/sea/data")
    path = settings.HUB["XCUBE_HUB_STORES"]
    path.write_text(path.read_text().replace("sea-bucket", "other-bucket"))
    reader.answer = AWAY
    assert get(user, "/sea/data").status_code == 503, "the list of the former bucket is gone"
    assert StoreListingPart.objects.count() == 0


def test_what_a_job_writes_is_seen_at_once(reader, user, get, django_capture_on_commit_callbacks):
    other = make_user("other@example.org", permissions=["manage:cubegens"])
    reader.ids |= {user.username: [], other.username: []}
    for person in (user, other):
        assert ids(get(person, "/mine/data")) == []
    reader.ids[user.username] = [["new.zarr", "dataset"]]
    job = make_job(user, state=State.SUCCEEDED, output_store="@mine", output_data_id="new.zarr")
    with django_capture_on_commit_callbacks(execute=True):
        output_changes.say_changed(job)
    assert ids(get(user, "/mine/data")) == ["new.zarr"]
    reader.asked.clear()
    assert ids(get(other, "/mine/data")) == []
    assert reader.asked == [], "others' lists stay"


def test_what_a_job_replaces_is_described_anew(
    reader, user, get, django_capture_on_commit_callbacks
):
    reader.descriptions["a.zarr"] = {"data_id": "a.zarr", "time_steps": 1}
    assert get(user, "/mine/data/a.zarr").json()["time_steps"] == 1
    reader.descriptions["a.zarr"] = {"data_id": "a.zarr", "time_steps": 2}
    assert get(user, "/mine/data/a.zarr").json()["time_steps"] == 1
    job = make_job(user, state=State.SUCCEEDED, output_store="@mine", output_data_id="a.zarr")
    with django_capture_on_commit_callbacks(execute=True):
        output_changes.say_changed(job)
    assert get(user, "/mine/data/a.zarr").json()["time_steps"] == 2


def test_a_change_while_the_store_is_asked_still_counts(
    reader, user, get, django_capture_on_commit_callbacks
):
    reader.ids[user.username] = []
    job = make_job(user, state=State.SUCCEEDED, output_store="@mine", output_data_id="new.zarr")

    def write() -> None:
        reader.meanwhile = lambda: None
        with django_capture_on_commit_callbacks(execute=True):
            output_changes.say_changed(job)

    reader.meanwhile = write
    assert ids(get(user, "/mine/data")) == []
    reader.ids[user.username] = [["new.zarr", "dataset"]]
    assert ids(get(user, "/mine/data")) == ["new.zarr"]


@pytest.mark.parametrize("answer", [LATE, AWAY])
def test_a_store_that_does_not_answer_is_left_alone(reader, user, get, answer):
    reader.answer = answer
    for _ in range(3):
        refused = get(user, "/sea/data")
        assert refused.status_code == 503
        assert refused["Retry-After"] == "10"
        assert "@sea" in refused.json()["detail"]
    assert len(reader.asked) == 1, "it has a cool-down"
    state = {row["store_id"]: row["state"] for row in get(user).json()}
    assert state["@sea"]["status"] == "unavailable"
    assert state["@sea"]["message"] == answer["message"]
    assert state["@mine"]["status"] == "unknown"
    reader.answer = None
    assert ids(get(user, "/mine/data")) == [], "other stores are asked as ever"
    Lock.objects.all().delete()  # the cool-down is over
    reader.ids["sea-bucket"] = SEA
    assert len(ids(get(user, "/sea/data"))) == 3
    assert get(user, "/sea").json()["state"]["status"] == "ok"


def test_the_list_of_before_is_shown_as_stale(reader, user, get):
    reader.ids["sea-bucket"] = SEA
    fresh = get(user, "/sea/data")
    age()
    reader.answer = AWAY
    for _ in range(2):
        stale = get(user, "/sea/data", headers={"If-None-Match": fresh["ETag"]})
        assert ids(stale) == ids(fresh), "a stale list is another answer"
        assert stale["X-Stale"] == "true"
    assert get(user, "/sea").json()["state"]["is_stale"] is True


def test_a_slow_store_is_listed_by_the_worker(reader, user, get):
    reader.ids["sea-bucket"] = SEA
    get(user, "/sea/data")
    age(took_s=5)
    reader.ids["sea-bucket"] = SEA[:1]
    reader.asked.clear()
    for _ in range(3):
        assert get(user, "/sea/data")["X-Stale"] == "true"
    assert reader.asked == []
    assert queued_tasks() == ["refresh_stores"]
    assert listing.refresh_wanted(seconds=5) == 1
    assert ids(get(user, "/sea/data")) == ["a/b c.zarr"]
    assert reader.asked[0]["limit_s"] == listing.WORKER_WAIT_S


def test_a_store_that_was_too_slow_for_a_request_is_listed_by_the_worker(reader, user, get):
    reader.answer = LATE
    assert get(user, "/sea/data").status_code == 503
    assert queued_tasks() == ["refresh_stores"]
    reader.answer = None
    reader.ids["sea-bucket"] = SEA
    listing.refresh_wanted(seconds=5)
    assert reader.asked[-1]["limit_s"] == listing.WORKER_WAIT_S
    assert len(ids(get(user, "/sea/data"))) == 3


def test_without_a_runner_nothing_is_a_fault_of_the_store(reader, user, get):
    reader.is_gone = True
    assert get(user, "/sea/data").status_code == 503
    assert get(user, "/sea/data/a.zarr").status_code == 503
    reader.is_gone = False
    assert ids(get(user, "/sea/data")) == []


@pytest.mark.parametrize("answer", [{}, {"status": "ok"}, {"status": "ok", "ids": 1}, []])
def test_no_other_answer_is_one(reader, user, get, answer):
    reader.answer = answer
    assert get(user, "/sea/data").status_code == 503


def test_calls_into_one_store_are_bounded(reader, user, get, monkeypatch):
    monkeypatch.setattr(listing, "OTHERS_WAIT_S", 0)
    with slots.slots("sea", is_suspect=False, wait_s=0):
        assert ids(get(user, "/sea/data")) == [], "two may be in flight"
        with slots.slots("sea", is_suspect=False, wait_s=0):
            refused = get(user, "/sea/data/a.zarr")
            assert refused.status_code == 503
            assert "others" in refused.json()["detail"]
            assert ids(get(user, "/mine/data")) == [], "other stores have places left"


def test_suspect_stores_share_one_place(reader, user, get, monkeypatch):
    monkeypatch.setattr(listing, "OTHERS_WAIT_S", 0)
    reader.answer = AWAY
    get(user, "/sea/data")
    Lock.objects.all().delete()
    reader.answer = None
    with slots.slots("another", is_suspect=True, wait_s=0):
        assert get(user, "/sea/data").status_code == 503
        assert ids(get(user, "/mine/data")) == []


def test_what_no_one_wants_is_forgotten(reader, user, get):
    from jobs.tasks import forget_stores

    reader.ids["sea-bucket"] = SEA
    reader.descriptions["ö.nc"] = {"data_id": "ö.nc"}
    get(user, "/sea/data")
    get(user, "/sea/data/ö.nc")
    forget_stores()
    assert (StoreListing.objects.count(), StoreDescription.objects.count()) == (1, 1)
    old = timezone.now() - timedelta(days=8)
    StoreListing.objects.update(listed_at=old)
    StoreDescription.objects.update(described_at=old)
    forget_stores()
    assert (StoreListing.objects.count(), StoreDescription.objects.count()) == (0, 0)
