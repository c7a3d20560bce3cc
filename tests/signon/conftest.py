"""A hub, a real Keycloak with two realms, and a real browser."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Browser, Page

from accounts.roles import permission_rows
from accounts.scopes import ROLES
from accounts.sign_on import documents
from accounts.sign_on.providers import Provider
from tests.patience import PATIENCE_S
from tests.servers.browser import chromium
from tests.servers.keycloak import Keycloak, Realm

AUDIENCE = "https://hub.example.org/api/v2/"
CLIENT, SECRET = "xcube-hub", "a-secret-of-the-hub"
PASSWORD = "correct horse"
TIMEOUT = "XCUBE_HUB_OIDC_TIMEOUT_S"
PATIENCE_MS = PATIENCE_S * 1000

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody's account at a realm."""

    realm: Realm
    name: str
    email: str
    subject: str

    def tokens(self) -> dict[str, str]:
        return self.realm.token(CLIENT, SECRET, self.name, PASSWORD)

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens()['access_token']}"}


@pytest.fixture(scope="session")
def make_realm(keycloak_server: Keycloak, live_server) -> Callable[[str], Realm]:
    def make(name: str) -> Realm:
        realm = keycloak_server.make_realm(f"{name}-{uuid.uuid4().hex[:6]}")
        realm.make_client(CLIENT, secret=SECRET, hub_url=live_server.url, audience=AUDIENCE)
        for role in ("cube-user", "hub-operator", "hub-staff"):
            realm.make_role(role)
        return realm

    return make


@pytest.fixture(scope="session")
def edc(make_realm) -> Realm:
    return make_realm("edc")


@pytest.fixture(scope="session")
def other(make_realm) -> Realm:
    """A second provider, which the hub trusts just as much."""
    return make_realm("other")


def provider_of(realm: Realm, **fields: Any) -> Provider:
    return Provider(
        **{
            "key": realm.name.partition("-")[0],
            "name": realm.name.partition("-")[0].upper(),
            "issuer": realm.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "audiences": (AUDIENCE,),
            "trust_email": True,
            "role_claims": (("realm_access", "roles"),),
            "roles": {"cube-user": ("cube-generation",), "hub-operator": ("operator",)},
            "staff_roles": ("hub-staff",),
            **fields,
        }
    )


@pytest.fixture
def hub(transactional_db, live_server, settings) -> Iterator[Callable[..., None]]:
    """Sets the hub's providers, and other settings.

    A provider on a busy machine may be slow: only one that hangs is not waited for.
    """
    documents.forget_all()
    for name, scopes in ROLES.items():  # the test before emptied all tables, also of these
        Group.objects.get_or_create(name=name)[0].permissions.set(permission_rows(scopes))

    def configure(*providers: Provider, **values: Any) -> None:
        settings.HUB = {
            **settings.HUB,
            "XCUBE_HUB_PUBLIC_URL": live_server.url,
            "XCUBE_HUB_OIDC_PROVIDERS": providers,
            TIMEOUT: int(PATIENCE_S),
            **values,
        }

    yield configure
    documents.forget_all()


@pytest.fixture
def hanging(keycloak_server: Keycloak, settings) -> Callable[[], AbstractContextManager]:
    """While it is open, Keycloak answers nothing, and the hub waits for it no longer than usual."""

    @contextmanager
    def hang() -> Iterator[None]:
        patient = settings.HUB
        settings.HUB = {**patient, TIMEOUT: 3}
        try:
            with keycloak_server.hanging():
                yield
        finally:
            settings.HUB = patient

    return hang


@pytest.fixture
def make_person() -> Callable[..., Person]:
    def make(realm: Realm, *roles: str, email: str | None = None, **fields: Any) -> Person:
        name = f"person{next(_numbers)}"
        email = email or f"{name}-{uuid.uuid4().hex[:6]}@example.org"
        subject = realm.make_person(name, email=email, password=PASSWORD, **fields)
        for role in roles:
            realm.give_role(subject, role)
        return Person(realm, name, email, subject)

    return make


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(chrome: Browser, live_server) -> Iterator[Page]:
    """A browser without any past."""
    context = chrome.new_context(base_url=live_server.url)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def sign_in(page: Page, person: Person, *, at: str, start: str = "/login/") -> None:
    """By the hub's page, the provider's page, and back."""
    page.goto(start)
    page.get_by_role("link", name=f"Continue with {at}").click()
    fill_in(page, person)


def fill_in(page: Page, person: Person) -> None:
    """The provider's own page."""
    page.locator("#username").fill(person.name)
    page.locator("#password").fill(PASSWORD)
    page.locator("#kc-login").click()
    page.wait_for_url(lambda url: not url.startswith(person.realm.issuer))
