"""Whoever has a client id and secret signs in on the API's page, in a real browser."""

from __future__ import annotations

import pytest

from tests.accounts.factories import make_client, make_user
from tests.patience import PATIENCE_S
from tests.servers.browser import chromium


@pytest.mark.django_db(transaction=True)
def test_authorize_takes_client_credentials(live_server):
    user = make_user(permissions=["manage:cubegens"], units=7)
    client, secret = make_client(user)
    with chromium() as browser:
        # Of more than a hundred operations Swagger UI draws those only that are in sight.
        page = browser.new_page(viewport={"width": 1280, "height": 20_000})
        page.set_default_timeout(PATIENCE_S * 1000)
        faults: list[str] = []
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.goto(f"{live_server.url}/api/v2/ui/")
        page.locator(".auth-wrapper .authorize").first.click()
        form = page.locator(".auth-container", has=page.locator("[data-name=clientId]"))
        form.locator("[data-name=clientId]").fill(client.client_id)
        form.locator("[data-name=clientSecret]").fill(secret)
        form.locator("button.authorize").click()
        page.get_by_text("Logout", exact=True).first.wait_for()
        page.locator(".btn-done").first.click()
        operation = page.locator("[id$=get_me]")
        operation.locator(".opblock-summary-control").click()
        operation.locator(".try-out__btn").click()
        operation.locator(".execute").click()
        answer = operation.locator(".live-responses-table .highlight-code").first
        answer.wait_for()
        assert user.email in answer.inner_text()
    assert faults == [], "the content security policy holds"
