"""A shared result: its document, STAC item and zip, by the API and by pages of shares and links."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AccessToken, Share, User
from accounts.roles import forget_permissions, permission_rows
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from hubsite.web import downloads
from jobs.models import Job
from jobs.results import zipping
from tests.accounts.factories import make_user

from .conftest import SCOPES, made

BYTES = {"0/a": b"a" * 300, "0/b": b"b" * 300, ".zgroup": b"{}"}


@pytest.fixture(autouse=True)
def no_download_stays_open():
    yield
    assert not downloads._open


@pytest.fixture
def job(db, ada, put) -> Job:
    put(ada, "one.zarr", BYTES)
    return made(ada)


@pytest.fixture
def bob(db):
    return make_user("bob@example.org", permissions=SCOPES)


def wish(job: Job) -> Wish:
    return Wish(kinds.kind_of("result"), job.job_id, job.owner)


@pytest.fixture
def share(job, bob) -> Share:
    return giving.share_with_person(wish(job), bob.email)


@pytest.fixture
def public(job) -> str:
    """The path of a public link's page."""
    job.owner.user_permissions.add(*permission_rows(["share:publicly"]))
    forget_permissions(job.owner)
    return f"/shared/{giving.make_link(wish(job), is_public=True)[1]}/"


def browser(user: Any = None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def test_the_api_gives_the_result_the_item_and_the_zip(ask, job, share, bob):
    told = ask(f"/cubegens/{job.job_id}/result", bob).json()
    assert (told["job_id"], told["data_id"]) == (job.job_id, "one.zarr")
    assert ask(f"/cubegens/{job.job_id}/result/stac", bob).json()["id"] == job.job_id
    packed = ask(f"/cubegens/{job.job_id}/result/zip", bob).getvalue()
    assert packed == ask(f"/cubegens/{job.job_id}/result/zip").getvalue()
    stranger = make_user(permissions=SCOPES)
    for part in ("", "/stac", "/zip"):
        assert ask(f"/cubegens/{job.job_id}/result{part}", stranger).status_code == 404
    assert ask("/stac", bob).json()["links"], "a catalogue has one's own cubes only"
    assert job.job_id not in ask("/stac", bob).content.decode()
    assert share.openings.get().user == bob


def test_a_person_sees_where_it_is_and_downloads_it(job, share, bob, ask):
    client, base = browser(bob), f"/shared/{share.pk}/"
    page = client.get(base).content.decode()
    for text in ("one.zarr", "sst, chl", "2020-01-01", "in 23 files", f"{base}zip", "stac.json"):
        assert text in page, text
    item = client.get(f"{base}stac.json")
    assert item["Content-Type"] == "application/geo+json"
    assert "http://testserver/api/" not in item.content.decode()
    assert f"{base}zip" in item.content.decode()
    packed = client.get(f"{base}zip")
    assert packed.getvalue() == ask(f"/cubegens/{job.job_id}/result/zip").getvalue()
    rest = client.get(f"{base}zip", headers={"Range": "bytes=100-"})
    assert (rest.status_code, len(rest.getvalue())) == (206, int(rest["Content-Length"]))
    assert client.get(f"{base}zip", headers={"Range": "bytes=999999-"}).status_code == 416


def test_a_public_link_gives_the_cube_and_names_neither_owner_nor_place(ada, job, public):
    page = browser().get(public)
    text = page.content.decode()
    assert "Download as zip" in text
    for hidden in (ada.user_id, ada.email, job.job_id, "@cubes", "stac.json"):
        assert hidden not in text, hidden
    assert browser().get(f"{public}stac.json").status_code == 404
    packed = browser().get(f"{public}zip")
    assert ada.user_id.encode() not in packed.getvalue()
    assert packed["Content-Disposition"] == 'attachment; filename="one.zarr.zip"'
    assert "no-store" in packed["Cache-Control"]


def test_one_link_holds_few_downloads_at_once(public):
    first, second = (browser().get(f"{public}zip") for _ in range(2))
    refused = browser().get(f"{public}zip")
    assert refused.status_code == 429 and refused["Retry-After"]
    assert "downloads are open already" in refused.content.decode()
    for answer in (first, second):
        answer.getvalue()


@pytest.mark.parametrize("way", ["api", "page", "link"])
@pytest.mark.parametrize("end", ["withdrawn", "expired", "permission"])
def test_a_download_is_cut_off_when_the_right_ends(
    ask, job, bob, share, public, monkeypatch, way, end
):
    monkeypatch.setattr(downloads, "ASKED_EVERY_S", 0)
    monkeypatch.setattr(zipping, "PIECE", 100)
    answer = {
        "api": lambda: ask(f"/cubegens/{job.job_id}/result/zip", bob),
        "page": lambda: browser(bob).get(f"/shared/{share.pk}/zip"),
        "link": lambda: browser().get(f"{public}zip"),
    }[way]()
    pieces = iter(answer)
    next(pieces)
    match end:
        case "withdrawn":
            Share.objects.update(revoked_at=timezone.now())
        case "expired":
            Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "permission":
            job.owner.user_permissions.remove(*permission_rows(["share:publicly"]))
    if end == "permission" and way != "link":
        assert list(pieces), "a person's right does not hang on it"
    else:
        with pytest.raises(downloads.NotAllowed):
            list(pieces)
    answer.close()


@pytest.mark.parametrize("whose", ["owner", "api", "page", "link"])
@pytest.mark.parametrize("end", ["deleted", "owner off", "user off", "token", "scope", "expiry"])
def test_a_download_ends_with_the_right_that_began_it_whoevers_it_is(
    ask, ada, job, bob, share, public, monkeypatch, whose, end
):
    monkeypatch.setattr(downloads, "ASKED_EVERY_S", 0)
    monkeypatch.setattr(zipping, "PIECE", 100)
    who = ada if whose == "owner" else bob
    answer = {
        "owner": lambda: ask(f"/cubegens/{job.job_id}/result/zip"),
        "api": lambda: ask(f"/cubegens/{job.job_id}/result/zip", bob),
        "page": lambda: browser(bob).get(f"/shared/{share.pk}/zip"),
        "link": lambda: browser().get(f"{public}zip"),
    }[whose]()
    pieces = iter(answer)
    next(pieces)
    match end:
        case "deleted":
            Job.objects.update(hidden_at=timezone.now())
        case "owner off":
            User.objects.filter(pk=ada.pk).update(is_active=False)
        case "user off":
            User.objects.filter(pk=who.pk).update(is_active=False)
        case "token":
            AccessToken.objects.filter(user=who).update(revoked_at=timezone.now())
        case "scope":
            who.user_permissions.remove(*permission_rows(["manage:cubegens"]))
        case "expiry":
            AccessToken.objects.all().delete()
    goes_on = {
        "page": ("token", "scope", "expiry"),
        "link": ("user off", "token", "scope", "expiry"),
    }
    if end in goes_on.get(whose, ("expiry",)):
        assert list(pieces)
    else:
        with pytest.raises(downloads.NotAllowed):
            list(pieces)
    answer.close()


def test_a_cube_that_is_not_there_any_more_is_said_to_be_so(job, share, bob, put, ada):
    shutil.rmtree(put(ada, "one.zarr"))
    client, base = browser(bob), f"/shared/{share.pk}/"
    page = client.get(base)
    assert page.status_code == 200
    assert "removed there" in page.content.decode()
    assert client.get(f"{base}zip").status_code == 410
    assert client.get(f"{base}stac.json").status_code == 404


def test_nothing_secret_is_in_the_item_of_a_store_with_keys(bob, ada, stores, db):
    job = made(ada, "b.zarr", store="@bucket")
    share = giving.share_with_person(wish(job), bob.email)
    for part in ("", "stac.json"):
        shown = browser(bob).get(f"/shared/{share.pk}/{part}").content.decode()
        assert "HIDDENKEY" not in shown
    assert json.loads(shown)["properties"]["xcube-hub:data_id"] == "b.zarr"
    refused = browser(bob).get(f"/shared/{share.pk}/zip")
    assert refused.status_code == 409
    assert "own machine" in refused.content.decode()
