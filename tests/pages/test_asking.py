"""What cannot be undone asks once, by the keyboard and without a script too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from jobs.models import Job, State
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

from .looks import Looks

SessionOf = Callable[[Any], str]


def page_of(looks: Looks, session: str, *, has_scripts: bool) -> Page:
    context = looks.sign_in(session, has_scripts=has_scripts)
    return context.new_page()


@pytest.mark.parametrize("has_scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_running_job_asks_before_it_is_cancelled(
    looks: Looks, session_of: SessionOf, has_scripts: bool
):
    ann = make_user("ann@example.org", permissions=["manage:cubegens"], units=10)
    running = make_job(ann, state=State.RUNNING, output_data_id="sea.zarr")
    waiting = make_job(ann, state=State.QUEUED, output_data_id="next.zarr")

    def state_of(job: Job) -> str:
        return Job.objects.values_list("state", flat=True).get(pk=job.pk)

    page = page_of(looks, session_of(ann), has_scripts=has_scripts)
    page.goto(reverse("cube", args=[running.job_id]))
    cancel, sure = page.locator(".ask > summary"), page.get_by_role("button", name="Cancel the job")
    expect(sure).to_be_hidden()
    cancel.focus()
    page.keyboard.press("Enter")
    expect(sure).to_be_visible()
    expect(page.get_by_text("cannot go on later")).to_be_visible()
    assert state_of(running) == State.RUNNING
    if has_scripts:
        page.keyboard.press("Escape")
        expect(sure).to_be_hidden()
        expect(cancel).to_be_focused()
        page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_text("The job is cancelled.")).to_be_visible()
    assert state_of(running) == State.CANCELLED
    page.goto(reverse("cube", args=[waiting.job_id]))  # nothing is lost: it acts at once
    with page.expect_navigation():
        page.get_by_role("button", name="Cancel").click()
    assert state_of(waiting) == State.CANCELLED


def test_what_is_asked_is_taken_back_by_a_click_elsewhere_and_fits_on_a_phone(
    looks: Looks, session_of: SessionOf
):
    ann = make_user("ann@example.org", permissions=["manage:cubegens"], units=10)
    job = make_job(ann, state=State.SUCCEEDED, output_data_id="sea.zarr")
    page = page_of(looks, session_of(ann), has_scripts=True)
    page.goto(reverse("cube", args=[job.job_id]))
    sure = page.get_by_role("button", name="Remove it")
    page.get_by_text("Remove from my list").click()
    expect(sure).to_be_visible()
    looks.look(page, "a question")
    page.get_by_role("heading", level=1).click()
    expect(sure).to_be_hidden()
    looks.assert_fine()
