"""Live pages in a real browser: they move by themselves, rest while hidden, and tell the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, Route, expect

from hubsite.engines.facts import LogChunk
from jobs.models import Job, JobEvent, State
from jobs.operators import history
from jobs.running import logs
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.patience import PATIENCE_S, wait_for

from .looks import Looks

PATIENCE_MS = PATIENCE_S * 1000
EVERY_MS = 3500
"""A little longer than a page waits before it asks again."""
HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""Chromium never hides a page that has no window: the page is told so as a browser tells it."""
TO_THE_END = """() => {
  const log = document.querySelector("ol.log");
  return log.scrollHeight - log.scrollTop - log.clientHeight;
}"""


@pytest.fixture
def job(looks: Looks) -> Job:
    ann = make_user("ann@example.org", permissions=["manage:cubegens"], units=10)
    return make_job(ann, state=State.RUNNING, output_data_id="sea.zarr", progress=progress(0.2))


@pytest.fixture
def page(looks: Looks, job: Job, session_of: Callable[[Any], str]) -> Iterator[Page]:
    context = looks.sign_in(session_of(job.owner))
    page = context.new_page()
    stop_clock(page)
    yield page
    context.close()


def stop_clock(page: Page) -> None:
    """From now on the page's time passes only by `run_for`: however slow this machine is."""
    now = timezone.now()
    page.clock.install(time=now)
    page.clock.pause_at(now + timedelta(seconds=1))


def comes(page: Page, what: Locator) -> None:
    """Let the page's time pass until it shows this."""

    def is_shown() -> bool:
        page.clock.run_for(EVERY_MS)
        return what.is_visible()

    wait_for(is_shown, f"{what}", pause_s=0.1)


def progress(done: float) -> dict[str, Any]:
    return {"state": {"progress": done, "label": "Writing"}}


def change(job: Job, **fields: Any) -> None:
    Job.objects.filter(pk=job.pk).update(**fields)


def asked(page: Page) -> list[str]:
    """The addresses that the page asks from now on, without those of files."""
    found: list[str] = []
    page.on("request", lambda it: None if "/static/" in it.url else found.append(it.url))
    return found


def test_the_list_moves_by_itself(page: Page, job: Job):
    page.goto(reverse("cubes"))
    page.evaluate("window.isTheSamePage = true")
    expect(page.get_by_text("20 % · Writing")).to_be_visible()
    change(job, progress=progress(0.7))
    comes(page, page.get_by_text("70 % · Writing"))
    expect(page.locator("progress")).to_have_attribute("value", "70")
    change(job, state=State.SUCCEEDED, is_live=False)
    comes(page, page.locator(".row .state", has_text="Ready"))
    expect(page.get_by_role("button", name="Open in viewer")).to_be_visible()
    assert page.evaluate("window.isTheSamePage")  # never loaded anew


def test_the_overview_moves_by_itself_and_then_has_the_result(page: Page, job: Job):
    page.goto(reverse("overview"))
    page.evaluate("window.isTheSamePage = true")
    expect(page.locator("progress")).to_have_attribute("value", "20")
    change(job, progress=progress(0.7))
    comes(page, page.locator('progress[value="70"]'))
    change(job, state=State.SUCCEEDED, is_live=False, finished_at=timezone.now())
    comes(page, page.locator(".result", has_text="sea.zarr"))
    expect(page.get_by_role("link", name="Look at sea.zarr")).to_be_visible()
    expect(page.locator("progress")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage")


def test_what_is_new_appears_and_the_keyboard_keeps_its_place(page: Page, job: Job):
    page.goto(reverse("cubes"))
    page.get_by_role("link", name="sea.zarr").focus()
    make_job(job.owner, output_data_id="second.zarr")
    comes(page, page.get_by_role("link", name="second.zarr"))
    expect(page.get_by_role("link", name="sea.zarr")).to_be_focused()


def test_what_is_open_stays_open_and_times_stay_local(page: Page, job: Job):
    page.goto(reverse("cube", args=[job.job_id]))
    page.get_by_text("The request as JSON").click()
    expect(page.get_by_text('"input_config"')).to_be_visible()
    times = page.locator("time").all_text_contents()
    change(job, message="Half of it is written.")
    comes(page, page.get_by_text("Half of it is written."))
    expect(page.get_by_text('"input_config"')).to_be_visible()
    assert page.locator("time").all_text_contents() == times
    assert all("UTC" not in time for time in times)


def test_nothing_is_asked_while_the_tab_is_hidden(page: Page, job: Job):
    page.goto(reverse("cubes"))
    page.evaluate(HIDE, True)
    requests = asked(page)
    change(job, progress=progress(0.9))
    page.clock.run_for(120_000)
    page.wait_for_timeout(200)
    assert requests == []
    page.evaluate(HIDE, False)  # shown again, it asks at once
    expect(page.get_by_text("90 % · Writing")).to_be_visible()
    assert "/changes?after=" in requests[0]


def test_nothing_new_loads_nothing(page: Page, job: Job):
    page.goto(reverse("cubes"))
    requests, answers = asked(page), []
    page.on("response", lambda it: answers.append(it.status) if "/changes?" in it.url else None)

    def are_three() -> bool:
        page.clock.run_for(EVERY_MS)
        return len(answers) >= 3

    wait_for(are_three, "three answers", pause_s=0.1)
    assert set(answers) == {304}
    assert all("/changes?after=" in url for url in requests)


def test_title_and_icon_of_a_hidden_tab_tell_the_end(page: Page, job: Job):
    page.goto(reverse("cube", args=[job.job_id]))
    icon = page.locator("link[rel=icon]")
    expect(page).to_have_title("20 % sea.zarr: running · xcube-hub")
    expect(icon).to_have_attribute("href", re.compile("favicon-busy.svg$"))
    page.evaluate(HIDE, True)
    requests = asked(page)
    change(job, state=State.FAILED, is_live=False, message="It took too long.")
    page.clock.run_for(55_000)
    assert requests == []  # a job that has not ended is asked for once in a minute
    page.clock.run_for(10_000)
    expect(page).to_have_title("✗ sea.zarr: failed · xcube-hub")
    expect(icon).to_have_attribute("href", re.compile("favicon-failed.svg$"))
    del requests[:]
    page.clock.run_for(300_000)
    page.wait_for_timeout(200)
    assert len(requests) <= 1  # after the end nothing is asked: at most what was on its way


def test_a_log_follows_the_run_and_leaves_what_someone_types(page: Page, job: Job):
    logs.append(job.pk, [LogChunk(0, [f"line {number}" for number in range(1, 601)])])
    path = reverse("cube", args=[job.job_id])
    page.goto(path)
    assert page.evaluate(TO_THE_END) < 5
    page.locator("#log-q").type("some")
    logs.append(job.pk, [LogChunk(600, ["<b>the next</b>"])])
    change(job, progress=progress(0.4))
    comes(page, page.locator("#L601", has_text="<b>the next</b>"))
    assert page.evaluate(TO_THE_END) < 5
    expect(page.locator("#log-q")).to_be_focused()
    expect(page.locator("#log-q")).to_have_value("some")
    page.goto(f"{path}#L20")  # not among the last lines
    page.wait_for_url(f"**{path}?line=20#L20", timeout=PATIENCE_MS)
    expect(page.locator("#L20")).to_be_in_viewport(timeout=PATIENCE_MS)


def test_who_was_signed_out_elsewhere_is_led_to_sign_in(page: Page, job: Job):
    page.goto(reverse("cubes"))
    page.context.clear_cookies()
    page.clock.run_for(EVERY_MS)
    page.wait_for_url("**/login/**")


def test_an_unreachable_hub_is_asked_less_and_less(page: Page, job: Job):
    page.goto(reverse("cubes"))
    page.route("**/changes*", lambda route: route.abort())
    requests = asked(page)
    for _ in range(60):
        page.clock.run_for(1000)
        page.wait_for_timeout(10)
    assert 2 <= len(requests) <= 6  # every 3 s would be 20
    page.unroute("**/changes*")
    change(job, progress=progress(0.8))
    comes(page, page.get_by_text("80 % · Writing"))


def test_the_list_of_all_jobs_moves_but_not_under_a_ticked_box(
    looks: Looks, job: Job, session_of: Callable[[Any], str]
):
    operator = make_user("op@example.org", permissions=["operate:hub"], is_staff=True)
    context = looks.sign_in(session_of(operator))
    page = context.new_page()
    stop_clock(page)
    page.goto(reverse("admin:jobs_job_changelist"))
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    on_their_way: list[Route] = []
    page.route("**/changes*", lambda route: on_their_way.append(route))
    wait_for(lambda: page.clock.run_for(EVERY_MS) or on_their_way, "question", pause_s=0.1)
    rows.locator("input").check()  # before what was asked is answered
    make_job(job.owner, output_data_id="second.zarr")
    told = asked(page)
    with page.expect_response("**/changes*"):
        on_their_way[0].continue_()
    page.unroute("**/changes*")
    page.clock.run_for(EVERY_MS)
    page.wait_for_timeout(100)
    assert told == [] and rows.count() == 1, "what was chosen stays chosen"
    rows.locator("input").uncheck()
    page.locator("h1").click()  # nothing has the focus any more
    comes(page, rows.nth(1))
    expect(page.locator("td[data-label]").first).to_be_attached()
    rows.locator("input").first.check()
    expect(page.locator(".action-counter")).to_have_text("1 of 2 selected")
    context.close()


def test_charts_are_drawn_from_tables_that_stay_within_reach(
    looks: Looks, job: Job, session_of: Callable[[Any], str]
):
    for minutes in range(3):
        at = timezone.now() - timedelta(hours=minutes)
        JobEvent.objects.create(
            job=job, from_state="RUNNING", to_state="FAILED", at=at, actor="test"
        )
    history.count_hours()
    operator = make_user("op@example.org", permissions=["read:hub"], is_staff=True)
    context = looks.sign_in(session_of(operator))
    page = context.new_page()
    page.goto(reverse("admin:index"))
    chart = page.get_by_role("figure", name="Jobs that ended")
    expect(chart.locator("canvas")).to_be_visible()
    table = chart.get_by_role("table")
    expect(table).to_be_hidden()
    chart.get_by_text("As a table").focus()
    page.keyboard.press("Enter")
    expect(table.get_by_role("row")).to_have_count(49)
    expect(table.get_by_role("columnheader", name="failed")).to_be_visible()
    page.emulate_media(color_scheme="dark")  # it is drawn anew, in other colours
    expect(chart.locator("canvas")).to_have_count(1)
    context.close()
