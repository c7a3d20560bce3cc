"""Sharing in a real browser: by the form, to a guest who opens it, until it is withdrawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from services.access.decisions import Question, decide
from services.models import State
from tests.accounts.factories import make_user
from tests.patience import PATIENCE_S
from tests.services.factories import make_instance

from .looks import Looks

SCOPE = "manage:cubegens"


def patient(context: BrowserContext) -> Page:
    context.set_default_timeout(PATIENCE_S * 1000)
    return context.new_page()


def test_an_owner_shares_by_a_link_and_a_guest_opens_it_until_it_is_withdrawn(
    looks: Looks, session_of: Callable[[Any], str]
):
    """The edge does not run here; what it would ask the hub is asked in its place."""
    ann, bob = (make_user(f"{name}@example.org", [SCOPE]) for name in ("ann", "bob"))
    service = make_instance(ann, state=State.READY, title="North Sea", address="unix:/x")
    owners, guests = (looks.sign_in(session_of(user)) for user in (ann, bob))
    owner, guest = patient(owners), patient(guests)
    owner.goto(f"{reverse('service', args=[service.instance_id])}?share=1")
    owner.get_by_label("With", exact=True).select_option("link")
    owner.get_by_role("button", name="Share", exact=True).click()
    link = owner.locator("pre.secret").inner_text().strip()

    path = urlsplit(link).path
    entered: list[str] = []
    guests.route(
        re.compile(r"/\.xcube-hub/enter\?"),
        lambda route: (entered.append(route.request.url), route.fulfill(body="The viewer."))[1],
    )
    guest.goto(path)
    guest.get_by_role("button", name="Open", exact=True).click()
    expect(guest.get_by_text("The viewer.")).to_be_visible(timeout=PATIENCE_S * 1000)
    ticket = parse_qs(urlsplit(entered[0]).query)["ticket"][0]
    answer = decide(Question(service.instance_id, ticket=ticket))
    assert answer["allow"]

    owner.goto(reverse("shared-list"))
    owner.get_by_role("link", name="Opened").click()
    expect(owner.get_by_text("bob@example.org")).to_be_visible(timeout=PATIENCE_S * 1000)
    owner.goto(reverse("shared-list"))
    owner.locator(".ask > summary").click()
    owner.get_by_role("button", name="Withdraw it").click()
    expect(owner.get_by_text("It is not shared there any more")).to_be_visible(
        timeout=PATIENCE_S * 1000
    )
    assert not decide(Question(service.instance_id, session=answer["session"]))["allow"]
    assert guest.goto(path).status == 404
    for context in (owners, guests):
        context.close()
