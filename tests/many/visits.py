"""Every address of the URL configuration that can be read, visited by who may see most there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

from django.conf import settings
from django.test import Client

from accounts.models import Share, User
from accounts.pages import login_program
from tests.accounts.factories import bearer
from tests.authorization.endpoints import Endpoint, endpoints
from tests.authorization.world import FAR, World

from .world import job_ids

MOST_LINKS = 40
DATA_ID = "demo.zarr"
"""In the store `demo`, as far as the tests' reader of stores says."""
ARGUMENTS = {
    "docs/<name>/": {"name": "users"},
    "programs/<name>": {"name": next(iter(login_program.files()))},
}
QUERIES = {
    "admin/autocomplete/": "?app_label=accounts&model_name=monthlygrant&field_name=user&term=e",
    "stores/<store>/data": f"?id={DATA_ID}",
}
SEARCHES = ("e", "owner@example.org", "nothing-of-this-name")
_LINK = re.compile(r'(?:href|hx-get)="([^"#]*\?[^"#]*)"')
_EXPORT = re.compile(r'<option value="(export\w*)"')
_ROW = re.compile(r'name="_selected_action" value="([^"]+)"')
_SEARCH_FIELD = re.compile(r'<input[^>]*name="(q|search)"')


@dataclass(frozen=True)
class Visit:
    """A path that somebody asks for; `name` says which, whatever ids it has."""

    name: str
    path: str
    caller: str
    is_api: bool = False
    form: tuple[tuple[str, str], ...] = ()
    """What is posted; nothing: it is read."""


class Visitors:
    """The owner of everything, an operator, and a superuser, as browsers and programs."""

    def __init__(self, world: World) -> None:
        people = {**world.users, "superuser": User.objects.get(email="admin@example.org")}
        self._browsers = {name: _browser(user) for name, user in people.items()}
        self._headers = {name: bearer(user) for name, user in people.items()}
        self._browsers["anonymous"] = self._program = _browser()

    @property
    def names(self) -> list[str]:
        return list(self._browsers)

    def session_of(self, caller: str) -> str | None:
        """The cookie of the caller's session, None if signed out."""
        cookie = self._browsers[caller].cookies.get(settings.SESSION_COOKIE_NAME)
        return cookie.value if cookie else None

    def ask(self, visit: Visit) -> Any:
        """The answer. Of one that streams only the first piece is made; `shown` is the text."""
        headers = self._headers[visit.caller] if visit.is_api else {}
        browser = self._program if visit.is_api else self._browsers[visit.caller]
        if visit.form:
            answer = browser.post(visit.path, dict(visit.form), headers=headers)
        else:
            answer = browser.get(visit.path, headers=headers)
        content = next(iter(answer), b"") if answer.streaming else answer.content
        if answer.streaming:
            # The test client's generator. Left to the garbage collector it may end while a context
            # variable is set, which crashes Python 3.11.
            answer._iterator.close()
        answer.shown = content.decode(errors="replace")
        return answer


def _browser(user: User | None = None) -> Client:
    client = Client(REMOTE_ADDR=FAR, raise_request_exception=False)
    if user:
        client.force_login(user)
    return client


def all_visits(world: World) -> Iterator[Visit]:
    """Each address once, those of jobs for jobs in several states."""
    shared = Share.objects.get(user=world.users["other"])
    for endpoint in endpoints():
        if endpoint.method != "GET" or endpoint.route in ("logout/", "admin/logout/"):
            continue  # they end the session, or refuse to
        route = endpoint.route or "/"
        arguments = {**world.arguments(endpoint), **ARGUMENTS.get(route, {})}
        arguments["share_key"] = str(shared.pk)
        of_jobs = job_ids(world) if "job_id" in endpoint.parameters else [""]
        for number, job_id in enumerate(of_jobs):
            path = endpoint.path({**arguments, **({"job_id": job_id} if job_id else {})})
            name = f"{route} {number}" if job_id else route
            yield Visit(name, path + QUERIES.get(route, ""), _caller(endpoint), endpoint.is_api)
    for route in ("", "login/"):
        yield Visit(f"/{route} signed out", f"/{route}", "anonymous")


def further_visits(visits: Iterable[Visit], caller: str) -> Iterator[Visit]:
    """The same pages of `caller`, as far as the owner has them and they name nothing of his."""
    for visit in visits:
        if visit.caller == "owner" and "<" not in visit.name:
            yield replace(visit, name=f"{visit.name} {caller}", caller=caller)


def _caller(endpoint: Endpoint) -> str:
    if endpoint.route.startswith("admin/django_q"):
        return "superuser"
    if endpoint.route.startswith("shared/<share_key>"):
        return "other"
    return "operator" if endpoint.route.startswith("admin") else "owner"


def variations(visit: Visit, shown: str) -> Iterator[Visit]:
    """What the page itself leads to on its own path: filters, orders, further pages, searches."""
    found: dict[str, None] = {}
    for link in _LINK.findall(shown):
        path, _, query = unescape(link).partition("?")
        if path in ("", visit.path) and query:
            found[query] = None
    for name in _SEARCH_FIELD.findall(shown):
        found.update({f"{name}={text}": None for text in SEARCHES})
    for query in list(found)[:MOST_LINKS]:
        yield Visit(f"{visit.name}?{query}", f"{visit.path}?{query}", visit.caller, visit.is_api)
    rows = _ROW.findall(shown)
    for action in _EXPORT.findall(shown) if rows else ():
        form = (("action", action), ("select_across", "1"), ("_selected_action", rows[0]))
        yield Visit(f"{visit.name} {action}", visit.path, visit.caller, form=form)
