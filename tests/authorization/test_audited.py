"""Whatever changes something is in the audit, or stands in a short list with its reason.

`asks/` has a request for each endpoint of the authorization matrix that lets anybody in and is
no GET, and for each action of a list in the admin. A new one fails here until it is there.
"""

from __future__ import annotations

import copy
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command, get_commands, load_command_class
from django.db import transaction
from django.test import Client, RequestFactory

from hubsite.audit.entry import AuditEntry, Via
from hubsite.health.heartbeat import beat
from jobs.estimates.asking import Estimate
from tests.services.factories import CONFIGURATION

from .asks import ASKS, COMMANDS_THAT_READ, NOT_AUDITED, OF_COMMANDS, READ, WHOLE_FORM, Ask
from .endpoints import Endpoint
from .test_matrix import expected_rows
from .world import FAR, World

pytestmark = pytest.mark.django_db

REFUSED = {"401", "403", "405"}
BY_NOBODY = {"user.refused"}
"""Who typed a wrong password is not known."""
OF_ROUTES = {
    "job_id",
    "instance_id",
    "share_id",
    "share_key",
    "object_id",
    "id",
    "part",
    "grant_id",
}
"""Parameters that are in the path only."""
ESTIMATE = {
    "dataset_descriptor": {
        "crs": "WGS84",
        "spatial_res": 10,
        "time_range": ["2020-01-01", "2020-01-06"],
        "dims": {"time": 6, "lat": 4, "lon": 4},
        "data_vars": {"sst": {"dtype": "float64", "dims": ["time", "lat", "lon"]}},
    },
    "size_estimation": {"num_bytes": 768},
}
COLLECTIONS = [{"name": "land", "owner": "geodb_g-1", "database": "land", "collection": "roads"}]


def test_every_endpoint_that_changes_something_is_asked_or_has_a_reason():
    asked = {ask.endpoint for ask in ASKS}
    known = asked | NOT_AUDITED.keys() | READ
    open_ones = {
        f"{endpoint.method} {endpoint.route or '/'}"
        for endpoint, cells in expected_rows().items()
        if lets_in(endpoint, cells)
    }
    assert sorted(open_ones - known - lists_without_actions()) == [], (
        "ask it in asks/, or say in asks/exceptions.py why it is not audited"
    )
    assert sorted(known - open_ones) == [], "these endpoints are gone, or let nobody in"
    assert sorted(asked & (NOT_AUDITED.keys() | READ)) == []


def test_every_action_of_a_list_in_the_admin_is_asked(world):
    beat("follower", "kubernetes")
    wanted = {
        f"POST {list_of(model_admin)}: {action}"
        for model_admin in admin.site._registry.values()
        for action in actions_of(model_admin, world)
    }
    asked = {
        f"{ask.endpoint}: {ask.body['action']}"
        for ask in ASKS
        if ask.endpoint.startswith("POST admin/") and "action" in ask.body
    }
    assert sorted(wanted ^ asked) == ["POST admin/jobs/job/: export"], "an export changes nothing"


def test_what_is_changed_is_in_the_audit_under_the_name_of_who_did_it(world, monkeypatch):
    def estimate(*given: Any, **options: Any) -> Estimate:
        return Estimate(copy.deepcopy(ESTIMATE), {}, output_exists=False)

    monkeypatch.setattr("jobs.submission.pricing.estimate", estimate)
    monkeypatch.setattr("services.geoserver.databases._call", lambda *given: COLLECTIONS)
    faults = [fault for ask in ASKS if (fault := fault_of(ask, world))]
    assert faults == [], "\n".join(faults)


def fault_of(ask: Ask, world: World) -> str:
    """What is wrong with the answer or the audit; nothing is left behind."""
    cookies = dict(world.cookies)
    with transaction.atomic():
        for engine in ("kubernetes", "local"):
            beat("follower", engine)  # for each request: a heartbeat is soon too old
        given = ask.arrange(world) or {}
        before = AuditEntry.objects.values_list("pk", flat=True).first() or 0
        status, text = send(ask, given, world)
        entries = list(AuditEntry.objects.filter(pk__gt=before))
        transaction.set_rollback(True)
    world.cookies = cookies
    written = next((entry for entry in entries if entry.action == ask.action), None)
    if written is None:
        said = re.findall("errorlist.*", text) or text[:200]
        others = [entry.action for entry in entries]
        return f"{ask.endpoint} {ask.body}: no {ask.action}, but {others}; {status} {said}"
    if written.actor != world.users[ask.caller] and ask.action not in BY_NOBODY:
        return f"{ask.endpoint}: {ask.action} is by {written.actor_name}"
    return ""


def send(ask: Ask, given: dict[str, Any], world: World) -> tuple[int, str]:
    method, route = ask.endpoint.split()
    endpoint = Endpoint(route, method)
    path = endpoint.path({**world.arguments(endpoint), **ask.body, **given})
    fields = {k: v for k, v in {**ask.body, **given}.items() if k not in OF_ROUTES}
    browser = Client(REMOTE_ADDR=FAR)
    if route.startswith(("api/", "geodb_geoserver/", "user/")):
        headers = {} if "/oauth/" in route else {**world.headers[ask.caller], **ask.headers}
        body = {"data": json.dumps(fields), "content_type": "application/json"}
        response = browser.generic(method, path, headers=headers, **body)
    else:
        browser.cookies[settings.SESSION_COOKIE_NAME] = world.cookies[ask.caller]
        if WHOLE_FORM.items() <= fields.items():
            form = browser.get(path).context["adminform"].form
            shown = {name: form[name].value() for name in form.fields}
            sent = {name: as_sent(value) for name, value in shown.items()}
            fields = {name: value for name, value in sent.items() if value is not None} | fields
        response = browser.post(path, fields)
    content = b"".join(response) if response.streaming else response.content
    return response.status_code, content.decode(errors="replace")


def as_sent(value: Any) -> Any:
    """The value of a field as a browser sends it; None if it sends nothing."""
    if value is None or value is False:
        return None
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [str(getattr(one, "pk", one)) for one in value]


def lets_in(endpoint: Endpoint, cells: list[str]) -> bool:
    """Whether it is no GET, nor one of Django's histories, and lets someone signed in in."""
    if endpoint.method == "GET" or endpoint.route.endswith("/history/"):
        return False
    _anonymous, stranger, owner, _program, other, operator, support = cells[:7]
    of_staff = {operator, support}
    is_admin = endpoint.route.startswith("admin/")  # which sends all others to the login page
    return bool((of_staff if is_admin else of_staff | {stranger, owner, other}) - REFUSED)


def list_of(model_admin: admin.ModelAdmin) -> str:
    meta = model_admin.model._meta
    return f"admin/{meta.app_label}/{meta.model_name}/"


def lists_without_actions() -> set[str]:
    return {f"POST {list_of(it)}" for it in admin.site._registry.values()}


def actions_of(model_admin: admin.ModelAdmin, world: World) -> list[str]:
    request = RequestFactory().get("/admin/")
    request.user = world.users["operator"]
    return list(model_admin.get_actions(request))


def test_every_command_is_known_and_what_it_changes_is_in_the_audit(
    world, tmp_path, settings, monkeypatch
):
    monkeypatch.setattr("services.geoserver.databases._call", lambda *given: COLLECTIONS)
    listed = SimpleNamespace(total=7, took_s=1.0)
    monkeypatch.setattr("jobs.discovery.listing.refresh", lambda *given, **options: listed)
    settings.TOKEN_SECRETS, settings.TOKEN_SECRETS_FILE = "", tmp_path / "keys"
    configuration = tmp_path / "viewer.json"
    configuration.write_text(json.dumps(CONFIGURATION))
    values = {**vars(world), "file": configuration}
    last = [f"{line.split('; ')[-1]} " for line in OF_COMMANDS]
    asked = {name for name in commands() if any(it.startswith(f"{name} ") for it in last)}
    assert sorted(commands() - asked) == sorted(COMMANDS_THAT_READ)
    faults = []
    for line, action in OF_COMMANDS.items():
        with transaction.atomic():
            before = AuditEntry.objects.values_list("pk", flat=True).first() or 0
            for command in line.format(**values).split("; "):
                call_command(*command.split(), stdout=io.StringIO(), stderr=io.StringIO())
            found = AuditEntry.objects.filter(pk__gt=before, action=action, via=Via.COMMAND)
            if not any(entry.actor_name.startswith("command line: ") for entry in found):
                faults.append(f"{line}: no {action}")
            transaction.set_rollback(True)
    assert faults == [], "\n".join(faults)


def commands() -> set[str]:
    """The hub's own commands, with their actions: "jobs cancel"."""
    found = set()
    for name, app in get_commands().items():
        if app not in ("hubsite", "accounts", "jobs", "services"):
            continue
        parser = load_command_class(app, name).create_parser("manage.py", name)
        actions = next(
            (list(it.choices) for it in parser._actions if isinstance(it.choices, dict)), None
        )
        found |= {f"{name} {action}" for action in actions} if actions else {name}
    return found
