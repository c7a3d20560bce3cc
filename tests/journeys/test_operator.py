"""What operators do most: find out why jobs failed, grant units, revoke a token, switch off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from tests.benchmarks.hub import Hub
from tests.jobs.factories import cubegen_request
from tests.patience import wait_for

pytestmark = pytest.mark.xcube

FAILED = 20
OPERATOR = ("hub-operator", "hub-staff")


@contextmanager
def broken_store(hub: Hub) -> Iterator[None]:
    """The data of the demo dataset cannot be read, though its metadata can."""
    chunks = [file for file in (hub.folder / "source" / "demo.zarr" / "chl").iterdir()
              if not file.name.startswith(".")]  # fmt: skip
    contents = {file: file.read_bytes() for file in chunks}
    for file in chunks:
        file.write_bytes(b"no chunk")
    try:
        yield
    finally:
        for file, content in contents.items():
            file.write_bytes(content)


def submit_failing(hub: Hub, email: str, count: int) -> None:
    session = hub.new_user(email)
    request = cubegen_request("one.zarr", cube_config={"variable_names": ["chl"]})
    hub.until_estimates(session, request)
    for number in range(count):
        request = cubegen_request(f"cube{number}.zarr", cube_config={"variable_names": ["chl"]})
        session.submit(request)

    def all_ended() -> bool:
        _, jobs = session.call("GET", "/cubegens")
        return sum(bool(job["job_status"].get("failed")) for job in jobs) == count

    wait_for(all_ended, "ends of all jobs", pause_s=0.5)


def test_why_did_twenty_jobs_fail_and_are_they_dealt_with(hub, visitor):
    with broken_store(hub):
        submit_failing(hub, "many@example.org", FAILED)
        olga = visitor("olga", *OPERATOR)
        page = olga.page
        olga.start_counting("/admin/")
        olga.follow(name=re.compile(f"{FAILED} not dealt with"))
        with page.expect_navigation():
            olga.click_on(page.locator("#result_list tbody th a").first)
        assert olga.clicks <= 3
        expect(page.locator("#content")).to_contain_text(re.compile("chunk|decode|read", re.I))
    # The store is mended: all are run again, which deals with them.
    olga.start_counting("/admin/")
    olga.follow(name=re.compile(f"{FAILED} not dealt with"))
    olga.follow(role="button", name=f"Run all {FAILED} again")
    assert olga.clicks <= 3

    def are_dealt_with() -> bool:
        page.goto("/admin/")
        return page.get_by_role("link", name=re.compile("not dealt with")).count() == 0

    wait_for(are_dealt_with, "end of all failures", pause_s=1)
    assert olga.faults == []


def test_a_user_without_units_gets_some(hub, visitor):
    poor = visitor("poor", "cube-user")
    poor.page.goto("/overview/")
    olga = visitor("olga", *OPERATOR)
    page = olga.page
    olga.start_counting("/admin/")
    page.get_by_label("E-mail, name or any id").fill(poor.email)
    olga.follow(role="button", name="Find")
    olga.follow(name=poor.email)
    page.get_by_role("spinbutton", name="Units").fill("250")
    page.get_by_label("Reason").fill("for the first cubes")
    olga.follow(role="button", name="Book")
    expect(page.locator(".messagelist .success")).to_contain_text("250")
    assert olga.clicks <= 4
    poor.page.goto("/account/units/")
    expect(poor.page.locator("main")).to_contain_text("250")
    poor.page.locator("main table a").first.click()  # the statement of this month
    expect(poor.page.get_by_text("for the first cubes").first).to_be_visible()
    assert olga.faults == [] and poor.faults == []


def test_a_leaked_token_is_revoked(hub, visitor):
    session = hub.new_user("leaky@example.org")
    assert session.call("GET", "/cubegens")[0] == 200
    olga = visitor("olga", *OPERATOR)
    page = olga.page
    olga.start_counting("/admin/")
    olga.follow(name="Paste a leaked token")
    page.get_by_label(re.compile("^The token")).fill(f'"access_token": "{session.token}",')
    olga.follow(role="button", name="Find")
    expect(page.get_by_text("leaky@example.org").first).to_be_visible()
    olga.follow(role="button", name="Revoke")
    assert olga.clicks <= 3
    wait_for(lambda: session.call("GET", "/cubegens")[0] == 401, "refusal of the token")
    assert session.token not in page.content() and session.token not in page.url
    assert session.token not in (hub.folder / "hub.log").read_text()
    assert olga.faults == []


def test_a_service_is_switched_off_and_seen_so(hub, visitor):
    ann = visitor("ann", "cube-user")
    olga = visitor("olga", *OPERATOR)
    page = olga.page

    def switch(*, message: str) -> None:
        olga.start_counting("/admin/")
        olga.follow(name="xcube_gen")
        olga.follow(name="xcube_gen")
        olga.click(role="checkbox", name="Is suspended")
        page.get_by_label("Message").fill(message)
        olga.follow(role="button", name="Save")
        expect(page.get_by_text("was changed successfully")).to_be_visible()
        assert olga.clicks <= 4

    def reads(text: str) -> bool:
        """Processes keep a switch for two seconds, so a page may show the state before."""
        ann.page.goto("/cubes/new/")
        return ann.page.get_by_text(text).count() > 0

    switch(message="The store moves until noon.")
    try:
        wait_for(lambda: reads("The store moves until noon."), "the message", pause_s=0.5)
    finally:
        switch(message="")
    wait_for(lambda: not reads("The store moves until noon."), "the form without it", pause_s=0.5)
    assert olga.faults == [] and ann.faults == []
