"""One browser for all tests of pages, and what is needed after tables were emptied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from playwright.sync_api import Browser

from accounts.roles import permission_rows
from accounts.scopes import ROLES
from hubsite.health import parts
from tests.servers.browser import chromium

from .looks import Looks


@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def looks(chrome: Browser, transactional_db: None, live_server: Any) -> Looks:
    parts.forget()
    for name, scopes in ROLES.items():  # the test before emptied all tables, also of these
        Group.objects.get_or_create(name=name)[0].permissions.set(permission_rows(scopes))
    return Looks(chrome, live_server.url)


@pytest.fixture
def session_of() -> Callable[[Any], str]:
    """Signs a user in; returns the value of the session's cookie."""

    def sign_in(user: Any) -> str:
        client = Client()
        client.force_login(user)
        return client.cookies["sessionid"].value

    return sign_in
