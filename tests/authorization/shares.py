"""Who holds, or held, a share of a service and of a result, and asks for everything of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import Share, ShareableRole, User
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from jobs.models import State
from jobs.output import quicklooks
from services.models import ServiceInstance
from services.models import State as ServiceState
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.jobs.pictures import looked
from tests.services.factories import make_instance

from .endpoints import Endpoint

MINE = ("manage:cubegens", "share:publicly")
HOLDERS = (
    "owner",
    "viewer",  # a person who may view
    "stopper",  # a person who may stop services, too
    "member",  # has a role with which it is shared
    "barred",  # has a role with which operators permit sharing no longer
    "withdrawn",
    "expired",
    "other",
    "operator",
    "linked",  # signed in, with a link
    "public",  # not signed in, with a public link
    "unlinked",  # not signed in, with a link that needs a sign-in
)
BY_LINK = ("linked", "public", "unlinked")
ANONYMOUS = ("public", "unlinked")
SUBJECTS = {"instance_id", "job_id", "share_key"}


@dataclass
class Shared:
    """`keys`: the number or link of a share with which each asks, by kind and holder."""

    owner: User
    users: dict[str, User]
    service: ServiceInstance
    job: Any
    keys: dict[tuple[str, str], str]
    clients: dict[str, Client]

    def ask(self, holder: str, endpoint: Endpoint, kind: str) -> int:
        """The status of the answer to a request with an empty body."""
        client = self.clients[holder]
        part = "quicklooks/sst.png" if kind == "result" else "open"
        path = endpoint.path(
            {
                "instance_id": self.service.instance_id,
                "job_id": self.job.job_id,
                "share_key": self.keys[kind, holder],
                "share_id": self.keys["service", "viewer"],
                "part": part,
                "name": "sst",
                "action": "stop",
            }
        )
        body = {"data": "{}", "content_type": "application/json"} if endpoint.is_api else {}
        return client.generic(
            endpoint.method, path, **({} if endpoint.method == "GET" else body)
        ).status_code


def make_shared() -> Shared:
    owner = make_user("owner@example.org", MINE, units=10)
    users = {name: make_user(f"{name}@example.org", MINE) for name in HOLDERS if name != "owner"}
    users |= {"owner": owner, "operator": make_user("op@example.org", ["operate:hub", *MINE])}
    for name in ("member", "barred"):
        role = Group.objects.create(name=name)
        users[name].groups.add(role)
        ShareableRole.objects.create(role=role)
    service = make_instance(owner, state=ServiceState.READY, title="North Sea")
    job = make_job(owner, state=State.SUCCEEDED, finished_at=timezone.now())
    quicklooks.keep(job, quicklooks.parse(looked()))
    keys = {}
    for kind, subject in (("service", service.instance_id), ("result", job.job_id)):
        keys |= {(kind, name): key for name, key in _share(kind, subject, owner).items()}
    ShareableRole.objects.filter(role__name="barred").delete()
    clients = {name: Client(raise_request_exception=False) for name in HOLDERS}
    for name in set(HOLDERS) - set(ANONYMOUS):
        clients[name].force_login(users[name])
    return Shared(owner, users, service, job, keys, clients)


def _share(kind: str, subject: str, owner: User) -> dict[str, str]:
    """The keys of one subject's shares: each holder's own, for others those of the viewer."""

    def wish(action: str = "view") -> Wish:
        return Wish(kinds.kind_of(kind), subject, owner, action)

    def person(name: str, action: str = "view") -> Share:
        return giving.share_with_person(wish(action), f"{name}@example.org")

    shares = {name: person(name) for name in ("viewer", "withdrawn", "expired")}
    shares["stopper"] = person("stopper", "stop" if kind == "service" else "view")
    for name in ("member", "barred"):
        shares[name] = giving.share_with_role(wish(), name)
    giving.withdraw(shares["withdrawn"], by=owner)
    past = timezone.now() - timedelta(seconds=1)
    Share.objects.filter(pk=shares["expired"].pk).update(expires_at=past)
    keys = {name: str(shares.get(name, shares["viewer"]).pk) for name in HOLDERS}
    closed = giving.make_link(wish())[1]
    keys |= {"linked": closed, "unlinked": closed}
    keys["public"] = giving.make_link(wish(), is_public=True)[1]
    return keys
