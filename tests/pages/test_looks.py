"""Every page at 360 to 2,000 px, light and dark: nothing cut, no policy broken, readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from accounts.models import LedgerEntry, Role, Share
from accounts.notices.links import unsubscribe_link
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from accounts.sharing.secrets import hash_of
from accounts.tokens import device_flow
from hubsite import audit
from hubsite.console import home
from hubsite.engines import draining
from hubsite.health import parts
from jobs.models import Job
from services.models import ServiceInstance, ServiceProfile
from services.models import State as ServiceState
from tests.accounts.factories import make_client, make_user
from tests.jobs.discovery.conftest import AWAY, Reader, reader  # noqa: F401 - a fixture

from .looks import Looks
from .people import (
    cube_of_each_state,
    make_ann,
    make_layers,
    make_mallory,
    make_operator,
    share_all,
)

MONTH = f"{timezone.now():%Y-%m}"
SessionOf = Callable[[Any], str]
ADMIN_LISTS = (
    "jobs_job",
    "accounts_user",
    "accounts_balance",
    "accounts_ledgerentry",
    "accounts_client",
    "accounts_accesstoken",
    "accounts_subscription",
    "accounts_role",
    "services_serviceinstance",
    "services_serviceprofile",
    "accounts_share",
    "hubsite_switch",
    "accounts_notice",
    "accounts_webhook",
    "accounts_webhookdelivery",
    "services_layer",
    "hubsite_auditentry",
)
ADMIN_PAGES = ("engines", "stores", "queue", "settings")


def test_pages_for_everybody(looks: Looks):
    looks.see(
        None,
        [
            ("home", "/"),
            ("login", "/login/"),
            ("api", reverse("api-docs")),
            ("docs", "/docs/users/"),
        ],
    )
    looks.see(None, [("error-404", "/nothing-here")], status=404)
    looks.assert_fine()


def test_pages_of_a_person(looks: Looks, session_of: SessionOf):
    ann = make_ann()
    ended = ServiceInstance.objects.get(owner=ann, state=ServiceState.FAILED)
    session, failing = session_of(ann), ann.webhooks.get(failures=3)
    token = unsubscribe_link(ann.pk).rpartition("/")[2]
    looks.see(
        session,
        [
            ("home-signed-in", "/"),
            ("overview", reverse("overview")),
            ("account", reverse("account")),
            ("own-data", reverse("own-data")),
            ("units", reverse("units")),
            ("units-use", reverse("units-use")),
            ("statement", f"{reverse('statement', args=[MONTH])}?with=set-aside"),
            ("cubes", reverse("cubes")),
            ("new-cube", f"{reverse('new-cube')}?dataset=demo.zarr&x1=1&y1=50&x2=5&y2=52"),
            ("cubes-filtered", f"{reverse('cubes')}?state=failed&text=a&since=2026-01-01"),
            ("services", reverse("services")),
            ("service-start", reverse("service-start")),
            ("notices", reverse("notices")),
            ("notice-choices", reverse("notice-choices")),
            ("webhooks", reverse("webhooks")),
            ("webhook", reverse("webhook", args=[failing.webhook_id])),
            ("unsubscribe", reverse("notices-unsubscribe", args=[token])),
            *(
                (f"cube-{job.state.lower()}", reverse("cube", args=[job.job_id]))
                for job in cube_of_each_state(ann)
            ),
            *(
                (f"service-{row.state.lower()}", reverse("service", args=[row.instance_id]))
                for row in ServiceInstance.objects.filter(owner=ann)
            ),
        ],
    )
    path = reverse("service-open", args=[ended.instance_id])
    looks.see(session, [("service-has-ended", path)], status=410)
    path = reverse("service-open", args=["x" * 27])
    looks.see(session, [("service-unknown", path)], status=404)
    looks.assert_fine()


def test_pages_of_a_new_person(looks: Looks, session_of: SessionOf):
    new = session_of(make_user("new@example.org", permissions=["manage:cubegens"]))
    nobody = session_of(make_user("nobody@example.org"))
    pages = ("cubes", "services", "account", "notices", "webhooks", "overview", "units")
    paths, names = [reverse(name) for name in pages], [f"{name}-empty" for name in pages]
    looks.see(new, zip(names, paths, strict=True))
    program = device_flow.ask(
        client_id="xcube-hub-login", name="notebook" * 12, scope="", address="2001:db8::17"
    )
    asked = f"{reverse('device')}?user_code={program.user_code}"
    looks.see(new, [("device", reverse("device")), ("device-asked", asked)])
    looks.see(
        nobody,
        [
            ("cubes-without-a-right", paths[0]),
            ("overview-without-a-right", reverse("overview")),
            ("device-without-a-right", asked),
        ],
    )
    looks.see(nobody, [("error-403", "/admin/accounts/user/")], status=200)
    looks.assert_fine()


def test_long_and_hostile_texts(looks: Looks, session_of: SessionOf):
    friend = make_user("friend@example.org")
    mallory = make_mallory(friend)
    session = session_of(mallory)
    services = ServiceInstance.objects.filter(owner=mallory)
    looks.see(
        session,
        [
            ("hostile-cubes", reverse("cubes")),
            ("hostile-services", reverse("services")),
            ("hostile-account", reverse("account")),
            ("hostile-overview", reverse("overview")),
            ("hostile-statement", f"{reverse('statement', args=[MONTH])}?with=set-aside"),
            ("hostile-notices", reverse("notices")),
            ("hostile-webhooks", reverse("webhooks")),
            ("hostile-webhook", reverse("webhook", args=[mallory.webhooks.get().webhook_id])),
            *(
                (f"hostile-cube-{job.pk}", reverse("cube", args=[job.job_id]))
                for job in Job.objects.filter(owner=mallory).order_by("pk")[:6]
            ),
            ("hostile-service", reverse("service", args=[services[1].instance_id])),
        ],
    )
    shown = share_all(mallory, friend)
    looks.see(session_of(friend), [("hostile-shared", reverse("shared-list")), *shown[:2]])
    looks.see(session, [("hostile-sharing", reverse("shared-list"))])
    looks.assert_fine()


def test_pages_of_sharing(looks: Looks, session_of: SessionOf):
    ann, friend = make_ann(), make_user("friend@example.org", permissions=["manage:cubegens"])
    shown = share_all(ann, friend)
    service = ServiceInstance.objects.get(owner=ann, state=ServiceState.READY)
    cube = Job.objects.filter(owner=ann, state="SUCCEEDED").order_by("pk").first()
    opened = Share.objects.exclude(openings=None).first()
    looks.see(
        session_of(ann),
        [
            ("shared", reverse("shared-list")),
            ("share-service", f"{reverse('service', args=[service.instance_id])}?share=1"),
            ("share-cube", f"{reverse('cube', args=[cube.job_id])}?share=1"),
            ("share-openings", reverse("share-openings", args=[opened.pk])),
        ],
    )
    looks.see(session_of(friend), [("shared-with-me", reverse("shared-list")), *shown])
    permitted = make_user("public@example.org", permissions=["share:publicly"])
    wish = Wish(kinds.kind_of("result"), cube.job_id, ann)
    secret = giving.make_link(wish)[1]
    Share.objects.filter(link_hash=hash_of(secret)).update(is_public=True, created_by=permitted)
    looks.see(None, [("shared-public", reverse("shared", args=[secret]))])
    looks.see(None, [("shared-gone", reverse("shared", args=["x" * 43]))], status=404)
    looks.see(session_of(make_user()), [("shared-empty", reverse("shared-list"))])
    looks.assert_fine()


def test_pages_of_data(looks: Looks, session_of: SessionOf, reader: Reader):  # noqa: F811
    person = session_of(make_user("data@example.org", permissions=["manage:cubegens"]))
    long = "a-very-long-name-without-any-blank-" * 6
    variables = {
        name: {"dtype": "float32", "dims": ["time", "lat"], "units": "K", "long_name": long}
        for name in ("sst", long, "items", "<b>")
    }
    reader.ids["sea-bucket"] = [[f"{letter}/{long}.zarr", "mldataset"] for letter in "abc" * 20]
    reader.descriptions["a.zarr"] = {
        "data_id": "a.zarr",
        "crs": "EPSG:4326",
        "bbox_wgs84": [-180, -90, 180, 90],
        "time_range": ["2024-01-01T12:00:00Z", "2024-12-31T12:00:00Z"],
        "time_steps": 366,
        "dims": {"time": 366, "lat": 1800, long: 3600},
        "variables": variables,
        "attributes": {"title": long, "license": long},
        "size_bytes": 10**12,
        "zarr_format": 2,
        "left_out": {"variables": 3},
    }
    sea, mine = reverse("store", args=["sea"]), reverse("store", args=["mine"])
    data = reverse("store-data", args=["sea"])
    pages = [
        ("store", f"{sea}?search=zarr"),
        ("store-empty", mine),
        ("store-data", f"{data}?id=a.zarr"),
    ]
    looks.see(person, [*pages, ("stores", reverse("stores"))])
    reader.answer = AWAY
    looks.see(person, [("store-refused", f"{data}?id=b.zarr")], status=503)
    looks.assert_fine()


def test_pages_of_errors(looks: Looks, session_of: SessionOf, monkeypatch: pytest.MonkeyPatch):
    def fail_with(error: Exception) -> None:
        def look() -> None:
            raise error

        monkeypatch.setattr(home.parts, "look", look)

    fail_with(RuntimeError("a fault of ours"))
    looks.see(None, [("error-500", "/")], status=500)
    fail_with(OperationalError("database is locked"))
    looks.see(None, [("error-503", "/")], status=503)
    looks.assert_fine()


def test_the_admin(looks: Looks, session_of: SessionOf):
    ann, operator = make_ann(), make_operator()
    make_mallory(ann)
    client, _ = make_client(ann, name="A notebook of Ann's")
    make_layers(ann)
    instance = ServiceInstance.objects.filter(owner=ann).first()
    long = "a-name-without-any-blank-" * 8
    audit.record("job.cancelled", actor=operator, on=ann, detail=f"<b>{long}</b>")
    draining.drain("local", message=long, actor=operator)
    forms = [
        ("user", "accounts_user_change", ann.pk),
        ("job", "jobs_job_change", cube_of_each_state(ann)[4].pk),
        ("service", "services_serviceinstance_change", instance.pk),
        ("profile", "services_serviceprofile_change", ServiceProfile.objects.first().pk),
        ("ledger", "accounts_ledgerentry_change", LedgerEntry.objects.first().pk),
        ("person", "accounts_user_person", ann.pk),
        ("role", "accounts_role_change", Role.objects.get(name="operator").pk),
        ("client", "accounts_client_change", client.pk),
    ]
    looks.see(
        session_of(operator),
        [
            ("admin", "/admin/"),
            *((f"admin-{it}", reverse(f"admin:{it}_changelist")) for it in ADMIN_LISTS),
            *((f"admin-{it}", reverse(f"admin-{it}")) for it in ADMIN_PAGES),
            ("admin-layers-that-differ", reverse("admin:services_layer_drift")),
            ("admin-leaked", reverse("admin:accounts_leaked")),
            ("admin-providers", reverse("admin:accounts_providers")),
            *((f"admin-one-{it}", reverse(f"admin:{url}", args=[pk])) for it, url, pk in forms),
        ],
    )
    parts.forget()
    looks.assert_fine()


def test_german_words_fit(looks: Looks, session_of: SessionOf):
    """German is longer than English. All pages in German: `make screenshots`."""
    ann, operator = make_ann(), make_operator()
    make_layers(ann)
    looks.language = "de"
    jobs = {job.state: job for job in cube_of_each_state(ann)}
    service = ServiceInstance.objects.filter(owner=ann, state=ServiceState.READY).first()
    looks.see_words(None, [("home", "/"), ("login", "/login/"), ("error", "/nothing-here")])
    names = ("overview", "account", "units", "units-use", "cubes", "new-cube", "services")
    names = (*names, "notices", "notice-choices", "webhooks", "shared-list", "device", "own-data")
    looks.see_words(
        session_of(ann),
        [
            *((name, reverse(name)) for name in names),
            *((f"cube-{it}", reverse("cube", args=[job.job_id])) for it, job in jobs.items()),
            ("service", reverse("service", args=[service.instance_id])),
        ],
    )
    job = jobs["FAILED"]
    looks.see_words(
        session_of(operator),
        [
            ("admin", "/admin/"),
            ("admin-jobs", reverse("admin:jobs_job_changelist")),
            ("admin-job", reverse("admin:jobs_job_change", args=[job.pk])),
            ("admin-users", reverse("admin:accounts_user_changelist")),
            ("admin-user", reverse("admin:accounts_user_change", args=[ann.pk])),
            ("admin-services", reverse("admin:services_serviceinstance_changelist")),
            ("admin-layers-that-differ", reverse("admin:services_layer_drift")),
        ],
    )
    parts.forget()
    looks.assert_fine()
