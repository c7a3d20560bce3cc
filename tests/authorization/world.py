"""Who asks, and for what: an owner with one of everything, and those who must not see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

import jwt
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from accounts.models import Identity, NoticeMail, User, WebhookDelivery
from accounts.notices.links import unsubscribe_link
from accounts.notices.telling import tell
from accounts.notices.webhooks import targets
from accounts.roles import permissions_of
from accounts.sign_on.renewal import SIGNED_IN_AT
from accounts.tokens.clients import create_client
from accounts.tokens.hub_tokens import issue_token
from accounts.tokens.personal import make_token
from accounts.tokens.signing_keys import signing_keys
from hubsite.switches import Switch, SwitchEvent
from jobs.models import State
from jobs.output import quicklooks
from services.geoserver.layers import publish
from services.geoserver.names import Place
from services.models import EdgeSession, StrayLayer
from services.models import State as ServiceState
from tests.accounts.factories import bearer, make_user
from tests.accounts.sign_on import issuer
from tests.jobs.factories import make_job
from tests.jobs.pictures import looked
from tests.services.factories import make_instance, make_profile, make_share

from .endpoints import Endpoint

CALLERS = (
    "anonymous",
    "stranger",  # signed in, without any permission
    "owner",
    "program",  # a personal token of the owner's
    "other",  # with the owner's permissions
    "operator",
    "support",  # the role that reads and changes nothing, and staff status
    "expired",  # a token of the owner's
    "forged",
    "foreign",  # a token of an issuer that the hub does not know
    "no-csrf",  # the owner's browser, led by another site
)
MUST_NOT_SEE = ("anonymous", "stranger", "other", "expired", "forged", "foreign")
SECRET = "this-is-for-the-owner-only"
FAR = "203.0.113.7"
MINE = ("manage:cubegens", "process:cubegens", "manage:collections")


@dataclass
class World:
    owner: User
    users: dict[str, User]
    job_id: str
    client_id: str
    token_id: str
    instance_id: str
    share_id: str
    webhook_id: str
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    _newest: dict[str, str] = field(default_factory=dict)
    _handlers: dict[bool, ClientHandler] = field(default_factory=dict)

    def arguments(self, endpoint: Endpoint, *, missing: bool = False) -> dict[str, str]:
        """Values for the parameters of a route: what is the owner's, or what is nobody's."""
        of_route = {"object_id": self._object_id(endpoint), "action": _action(endpoint)}
        return {**self._own, **of_route, **(_nobodys() if missing else {})}

    @cached_property
    def _own(self) -> dict[str, str]:
        return {
            "job_id": self.job_id,
            "client_id": self.client_id,
            "client_pk": str(self.owner.clients.get(client_id=self.client_id).pk),
            "token_id": self.token_id,
            "instance_id": self.instance_id,
            "user_id": self.owner.user_id,
            "share_id": self.share_id,
            "share_key": self.share_id,
            "kind": "service",
            "subject": self.instance_id,
            "part": "open",
            "webhook_id": self.webhook_id,
            "token": unsubscribe_link(self.owner.pk).rpartition("/")[2],
            "service_id": "xcube_gen",
            "database": "land",
            "collection": "use",
            "subscription_id": self.owner.user_id,
            "engine": "local",
            "service": "xcube_gen",
            "identity_id": str(self.owner.identities.get().pk),
            "layer_id": str(self.owner.layers.get().pk),
            "stray_id": str(StrayLayer.objects.get().pk),
            "grant_id": "1",
            "key": "edc",
            "id": str(self.owner.pk),
            "content_type_id": "1",
            "month": "2026-11",
            "page": "1",
            "list_name": "cubes",
            "app_label": "accounts",
            "rest": "datasets",
            "url": "nothing/of/this/name",
            "name": "sst",
            "store": "demo",
            "data_id": "demo.zarr",
        }

    @staticmethod
    def session_of(user: User) -> str:
        """A new session of the user's, whose password may have changed."""
        return _session(user)

    def _object_id(self, endpoint: Endpoint) -> str:
        """Of the model whose page it is, the row that was the newest when it was first asked."""
        parts = endpoint.route.split("/")
        if parts[0] != "admin" or len(parts) < 4 or not apps.is_installed(_app(parts[1])):
            return "1"
        model = f"{parts[1]}.{parts[2]}"
        if model not in self._newest:
            newest = apps.get_model(model)._default_manager.order_by("pk").last()
            self._newest[model] = str(newest.pk) if newest else "1"
        return self._newest[model]

    def ask(self, caller: str, endpoint: Endpoint, *, missing: bool = False) -> Any:
        """The answer to a request with an empty body."""
        browser = Client(REMOTE_ADDR=FAR, raise_request_exception=False)
        browser.handler = self._handler(caller)
        headers = (
            self.headers.get(caller, {}) if endpoint.is_api or caller not in self.users else {}
        )
        if not headers and caller in self.cookies:
            browser.cookies[settings.SESSION_COOKIE_NAME] = self.cookies[caller]
        path = endpoint.path(self.arguments(endpoint, missing=missing))
        body = {"data": "{}", "content_type": "application/json"} if endpoint.is_api else {}
        if endpoint.method == "GET":
            body = {}
        return browser.generic(endpoint.method, path, headers=headers, **body)

    def _handler(self, caller: str) -> ClientHandler:
        """One for all requests, as in the web process: to load the middleware takes a while."""
        is_checking = caller == "no-csrf"
        return self._handlers.setdefault(is_checking, ClientHandler(is_checking))


def make_world() -> World:
    owner = make_user("owner@example.org", MINE, units=1000, last_name=SECRET)
    users = {
        "stranger": make_user("stranger@example.org"),
        "owner": owner,
        "other": make_user("other@example.org", MINE, units=1000),
        "operator": make_user("operator@example.org", ["operate:hub"], is_staff=True),
    }
    users["support"] = make_user("support@example.org", is_staff=True)
    for name in ("operator", "support"):
        users[name].groups.set(Group.objects.filter(name=name))
        users[name].user_permissions.clear()
    users = {name: User.objects.get(pk=user.pk) for name, user in users.items()}
    job = make_job(owner, state=State.RUNNING, message=SECRET)
    quicklooks.keep(job, quicklooks.parse(looked(title=SECRET)))
    client, _ = create_client(owner, scopes=MINE, name=SECRET)
    token, _ = make_token(owner, name=SECRET, scopes=MINE[:1], days=3)
    _subscribe(users["operator"], owner)
    Switch.objects.create(service="xcube_gen")
    SwitchEvent.objects.create(service="xcube_gen", is_suspended=False, actor="ann")
    Identity.objects.create(user=owner, issuer=issuer.ISSUER, subject="1", email=owner.email)
    publish(owner, Place("geodb_g-1", "land", "use"))
    StrayLayer.objects.create(workspace="geodb_g-1", name="land_roads", store="land")
    instance_id, share_id = _serve(owner)
    everyone = {**users, "no-csrf": owner}
    webhook_id = _tell(owner)
    world = World(
        owner,
        everyone,
        job.job_id,
        client.client_id,
        token.jti,
        instance_id,
        share_id,
        webhook_id,
    )
    for name, user in world.users.items():
        world.cookies[name] = _session(user)
        if name != "no-csrf":
            world.headers[name] = _client_token(user)
    world.headers["program"] = _header(make_token(owner, name="x", scopes=MINE, days=3)[1])
    claims = jwt.decode(issue_token(owner, scopes=MINE), options={"verify_signature": False})
    past = {**claims, "exp": int(time.time()) - 3600}
    world.headers["expired"] = _header(jwt.encode(past, signing_keys()[0]))
    world.headers["forged"] = _header(jwt.encode(claims, "x" * 64))
    world.headers["foreign"] = _header(issuer.token(iss="https://elsewhere.example.org/"))
    return world


def _serve(owner: User) -> tuple[str, str]:
    """A service of the owner's, shared by a link and opened; its id and that of the share."""
    cate = make_profile("cate", kind="cate_webapi")
    make_instance(owner, profile=cate, state=ServiceState.READY, title=SECRET, slot="cate")
    instance = make_instance(owner, state=ServiceState.READY, title=SECRET, slot="main")
    share = make_share(instance)
    EdgeSession.objects.create(
        instance=instance,
        share=share,
        token_hash="1" * 64,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return instance.instance_id, str(share.pk)


def _tell(owner: User) -> str:
    """A notice to the owner, which was sent to a webhook and by e-mail; the webhook's id."""
    tell(owner, "units.low", "", SECRET, SECRET)
    webhook, _ = targets.make(owner, name=SECRET, url="https://example.org/hook", wanted=[])
    notice = owner.notices.get(title=SECRET)
    WebhookDelivery.objects.create(webhook=webhook, notice=notice)
    NoticeMail.objects.create(user=owner)
    return webhook.webhook_id


def _nobodys() -> dict[str, str]:
    """Values of what is not there."""
    zero = "0" * 32
    return {
        "job_id": f"a{zero}-{zero[:18]}",
        "client_id": zero,
        "client_pk": "999999",
        "token_id": zero,
        "instance_id": f"x{'a' * 26}",
        "user_id": f"a{zero}",
        "share_id": "999999",
        "share_key": "999999",
        "subject": f"x{'a' * 26}",
        "webhook_id": "w" + zero[:24],
        "subscription_id": f"a{zero}",
        "object_id": "999999",
        "id": "999999",
        "identity_id": "999999",
        "layer_id": "999999",
        "stray_id": "999999",
        "grant_id": "999999",
    }


def _action(endpoint: Endpoint) -> str:
    """What the forms of a page can do."""
    if endpoint.route.startswith("account/webhooks/"):
        return "test"
    return "stop" if endpoint.route.startswith("services/") else "cancel"


def _app(label: str) -> str:
    return next((app.name for app in apps.get_app_configs() if app.label == label), "")


def _session(user: User) -> str:
    browser = Client()
    browser.force_login(user)
    session = browser.session
    session[SIGNED_IN_AT] = int(time.time())
    session.save()
    return session.session_key


def _client_token(user: User) -> dict[str, str]:
    client, _ = create_client(user, scopes=permissions_of(user))
    return bearer(user, client=client)


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _subscribe(operator: User, owner: User) -> None:
    for service, unit in (("xcube_gen", "punits"), ("xcube_geodb", "cells")):
        answer = Client().put(
            f"/api/v2/services/{service}/subscriptions",
            {"email": owner.email, "guid": "g-1", "units": 1000, "unit": unit, "plan": "free"},
            content_type="application/json",
            headers=bearer(operator),
        )
        assert answer.status_code == 200, answer.content
