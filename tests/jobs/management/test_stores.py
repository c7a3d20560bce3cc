"""`manage.py stores`."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from tests.jobs.discovery.conftest import AWAY, reader, user  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("stores", *arguments, stdout=output, stderr=output, no_color=True)
    return output.getvalue()


def test_the_stores_and_what_they_hold(reader, user):  # noqa: F811
    assert "unknown" in run("list")
    reader.ids["sea-bucket"] = [["a.zarr", "dataset"], ["b.levels", "mldataset"]]
    shown = run("show", "@sea", "--search", "B")
    assert "1 of 1 data sets in @sea" in shown
    assert "b.levels" in shown and "a.zarr" not in shown
    assert json.loads(run("show", "sea", "--json"))["total"] == 2
    assert {row["store_id"]: row["state"]["status"] for row in json.loads(run("list", "--json"))}[
        "@sea"
    ] == "ok"
    assert "hidden" not in run("list") + run("list", "--json")


def test_refresh_asks_also_if_the_list_is_fresh(reader, user):  # noqa: F811
    reader.ids["sea-bucket"] = [["a.zarr", "dataset"]]
    run("show", "sea")
    reader.ids["sea-bucket"] = []
    assert "holds 0 data sets" in run("refresh", "sea")
    assert len(reader.asked) == 2
    reader.answer = AWAY
    with pytest.raises(SystemExit) as ended:
        run("refresh", "sea")
    assert ended.value.code == 1
    assert "unavailable" in run("list")


def test_a_folder_of_a_user(reader, user):  # noqa: F811
    reader.ids[user.username] = [["mine.zarr", "dataset"]]
    with pytest.raises(CommandError, match="--user"):
        run("show", "mine")
    with pytest.raises(CommandError, match="no user"):
        run("show", "mine", "--user", "nobody@example.org")
    assert "mine.zarr" in run("show", "mine", "--user", user.email)
    with pytest.raises(CommandError, match="no data store"):
        run("show", "none")
