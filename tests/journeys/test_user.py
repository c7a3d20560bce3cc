"""A user's journey: from the sign-on to a cube that somebody else looks at."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.processes.desk import SHOWS_TILES

pytestmark = pytest.mark.xcube


def grant(hub, email: str, units: int = 5000) -> None:
    hub.manage("grant_units", "--email", email, "--units", str(units), "--reason", "to begin with")


def draw_area(page) -> None:
    """Two corners on the map, by mouse."""
    page.get_by_role("button", name="Draw an area").click()
    chart = page.locator("#map")
    place = chart.bounding_box()
    assert place
    for part in (0.35, 0.65):
        at = {"x": place["width"] * part, "y": place["height"] * part}
        chart.hover(position=at)
        chart.click(position=at)


def test_from_the_sign_on_to_a_shared_cube(hub, visitor):
    ann = visitor("ann", "cube-user")
    grant(hub, ann.email)
    page = ann.page
    # She finds a dataset, draws an area, and sees the price change.
    ann.start_counting("/")
    ann.follow(name="New cube")
    page.get_by_label("Store", exact=True).select_option("@demo")
    page.get_by_label("Dataset").fill("demo.zarr")
    page.get_by_label("Dataset").press("Tab")
    page.get_by_role("checkbox", name="chl").check()
    page.get_by_label("From").fill("2020-01-02")
    page.get_by_label("To", exact=True).fill("2020-01-02")
    price = page.locator("#price")
    expect(price.locator(".price-units")).to_be_visible()
    of_all = price.locator(".price-units strong").inner_text()
    draw_area(page)
    expect(page.get_by_label("West")).not_to_have_value("")
    expect(price.locator(".price-units strong")).not_to_have_text(of_all)
    of_area = price.locator(".price-units strong").inner_text()
    assert int(of_area.replace(",", "")) < int(of_all.replace(",", ""))
    # She makes the cube, watches it, and sees its picture.
    ann.click(role="button", name="Generate this cube")
    page.wait_for_url(re.compile(r"/cubes/(?!new)[^/]+/$"))
    cube = page.url
    expect(page).to_have_title(re.compile("ready|✓", re.I))
    expect(page.locator(".pictures img, .looks img, figure img").first).to_be_visible()
    # She opens it in the viewer.
    ann.click(role="button", name="Open in viewer")
    page.wait_for_url("**/viewer/?dataset=*")
    page.get_by_role("button", name="Accept and continue").click()
    page.wait_for_function(SHOWS_TILES, polling=250)
    # She shares it with Bob, who sees it.
    bob = visitor("bob", "cube-user")
    ann.start_counting(cube)
    page.locator("#sharing summary").click()
    page.get_by_label("E-mail").fill(bob.email)
    ann.click(role="button", name="Share")
    expect(page.locator("#sharing")).to_contain_text(bob.email)
    bob.page.goto("/shared/")
    bob.page.get_by_role("link", name=re.compile("zarr")).first.click()
    expect(bob.page.locator("figure img").first).to_be_visible()
    assert bob.context.request.get(cube).status == 404  # the page of its owner
    # She runs it again with a change, and both pages say so.
    page.goto(cube)
    ann.follow(name="Run again with changes")
    page.get_by_role("checkbox", name="chl").uncheck()
    page.get_by_role("checkbox", name="sst").check()
    expect(page.get_by_text("What differs from the earlier request")).to_be_visible()
    ann.click(role="button", name="Generate this cube")
    page.wait_for_url(re.compile(r"/cubes/(?!new)[^/]+/$"))
    assert page.url != cube
    expect(page).to_have_title(re.compile("ready|✓", re.I))
    assert ann.faults == [] and bob.faults == []
