"""One request for each thing that can be changed: who asks, with what, and what the audit says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import DeviceRequest, GeodbRegistration, MonthlyGrant, ShareableRole
from accounts.tokens import device_flow
from accounts.tokens.clients import create_client
from accounts.tokens.personal import make_token
from hubsite import switches
from hubsite.engines import draining
from jobs import lifecycle
from jobs.models import Job, Priority, Reason
from jobs.operators import failures
from jobs.stores.catalogue import load_catalogue
from jobs.stores.location import location
from services import lifecycle as service_lifecycle
from services.models import EdgeSession, ServiceInstance, StrayLayer
from tests.jobs.factories import charged, cubegen_request, make_job
from tests.services.factories import CONFIGURATION, make_share

from .world import World

PASSWORD = "a-long-password-of-a-test"
Arrange = Callable[[World], dict[str, Any] | None]


@dataclass(frozen=True)
class Ask:
    """A request that changes something, and the action that must then be in the audit.

    `arrange` prepares rows, and returns parameters of the route and fields of the body that are
    only known then.
    """

    endpoint: str
    caller: str
    action: str
    body: dict[str, Any] = field(default_factory=dict)
    arrange: Arrange = lambda world: None
    headers: dict[str, str] = field(default_factory=dict)


def owner(endpoint: str, action: str, arrange: Arrange = lambda world: None, /, **body: Any) -> Ask:
    return Ask(endpoint, "owner", action, body, arrange)


def operator(
    endpoint: str, action: str, arrange: Arrange = lambda world: None, /, **body: Any
) -> Ask:
    key = {"Idempotency-Key": "a-key"} if "/operator/" in endpoint else {}
    return Ask(endpoint, "operator", action, body, arrange, key)


def chosen(model: str, action: str, audited: str, arrange: Arrange, /, **body: Any) -> Ask:
    """An action of a list in the admin, on the row that `arrange` returns."""
    return operator(f"POST admin/{model}/", audited, arrange, action=action, **body)


# Rows that the world does not have.


def job(**fields: Any) -> Callable[[World], Job]:
    return lambda world: make_job(world.owner, **fields)


def failed(world: World) -> Job:
    row = make_job(world.owner)
    lifecycle.fail(row, Reason.XCUBE_ERROR, "no such variable", actor="worker")
    return row


def dealt_with(world: World) -> Job:
    row = failed(world)
    failures.deal_with(Job.objects.filter(pk=row.pk), note="so", actor="worker")
    return row


def paid(world: World) -> Job:
    done = charged(world.owner)
    place = location(
        load_catalogue().get("cubes").for_user(world.owner.username), done.output_data_id
    )
    claim = hashlib.sha256(place.encode()).hexdigest()
    Job.objects.filter(pk=done.pk).update(output_claim=claim)
    return done


def instance(world: World) -> ServiceInstance:
    return ServiceInstance.objects.get(instance_id=world.instance_id)


def asleep(world: World) -> ServiceInstance:
    row = instance(world)
    service_lifecycle.sleep(row, actor="worker", reason="IDLE", message="")
    return row


def row(make: Callable[[World], Any]) -> Arrange:
    """For a list or page of the admin: the primary key of what `make` returns."""
    return lambda world: {
        "object_id": str(pk := make(world).pk),
        "id": str(pk),
        "_selected_action": str(pk),
    }


def named(make: Callable[[World], Any]) -> Arrange:
    """For the API and pages of users: the id of the job or service that `make` returns."""

    def arrange(world: World) -> dict[str, str]:
        made = make(world)
        return {
            name: getattr(made, name) for name in ("job_id", "instance_id") if hasattr(made, name)
        }

    return arrange


def mine(name: str) -> Callable[[World], Any]:
    return lambda world: getattr(world.owner, name).order_by("pk").last()


def device(world: World) -> dict[str, str]:
    code = device_flow.ask(client_id="login", name="laptop", scope="", address="192.0.2.7")
    return {"user_code": code.user_code}


def approved(world: World) -> dict[str, str]:
    code = device_flow.ask(client_id="login", name="laptop", scope="", address="192.0.2.7")
    waiting = DeviceRequest.objects.latest("pk")
    device_flow.approve(waiting, world.owner, name="laptop", scopes=["manage:cubegens"], days=3)
    return {"device_code": code.device_code}


def client_with_secret(world: World) -> dict[str, str]:
    client, secret = create_client(world.owner, scopes=["manage:cubegens"])
    return {"client_id": client.client_id, "client_secret": secret}


def personal_token(world: World) -> dict[str, str]:
    return {"token": make_token(world.owner, name="x", scopes=["manage:cubegens"], days=3)[1]}


def with_password(who: str) -> Arrange:
    def arrange(world: World) -> dict[str, str]:
        user = world.users[who]
        user.set_password(PASSWORD)
        user.save()
        world.cookies.update({who: world.session_of(user)})
        return {"username": user.email, "typed": user.email}

    return arrange


def shared_with_me(world: World) -> dict[str, str]:
    share = make_share(instance(world), user=world.users["other"])
    return {"share_id": str(share.pk), "share_key": str(share.pk)}


def shared_to_operate(world: World) -> dict[str, str]:
    share = make_share(instance(world), user=world.users["other"], action="stop")
    return {"share_key": str(share.pk)}


def result_share(world: World) -> dict[str, str]:
    done = paid(world)
    share = make_share(instance(world), kind="result", subject=done.job_id)
    return {"job_id": done.job_id, "share_id": str(share.pk)}


def keep_until(world: World) -> dict[str, str]:
    return {"until": (timezone.now() + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")}


def main_server(world: World) -> dict[str, Any]:
    return {"user_id": world.owner.user_id, "cfg": {**CONFIGURATION, "Styles": []}}


def drained(world: World) -> None:
    draining.drain("local", message="maintenance", actor=world.users["operator"])


def the_owner(world: World) -> Any:
    return world.owner


def user_of_grant(world: World) -> dict[str, str]:
    return {"user": str(world.owner.pk)}


def token_of_owner(world: World) -> dict[str, str]:
    return {"id": str(world.owner.pk), "token": world.token_id}


def leaked_text(world: World) -> dict[str, str]:
    return {"text": f"my token: {world.token_id}"}


def another_user(world: World) -> dict[str, str]:
    return {"user_id": world.users["stranger"].user_id}


def suspended(world: World) -> None:
    switches.suspend("xcube_gen", message="maintenance", actor="ann")


def leaked(world: World) -> dict[str, str]:
    return {"key": str(mine("clients")(world).pk)}


def any_role(world: World) -> dict[str, str]:
    return {"role": str(world.users["operator"].groups.get().pk)}


def registration(world: World) -> Any:
    return GeodbRegistration.objects.get()


def edge_session(world: World) -> Any:
    return EdgeSession.objects.get()


def stray(world: World) -> Any:
    return StrayLayer.objects.get()


def monthly(world: World) -> Any:
    month = timezone.now().date().replace(day=1)
    return MonthlyGrant.objects.create(user=world.owner, units=5, first_month=month)


def shareable(world: World) -> Any:
    return ShareableRole.objects.create(role_id=world.users["operator"].groups.get().pk)


WHOLE_FORM = {"_whole_form": True}
"""The form of the page is sent as it is shown."""
UNITS = {"what": "grant", "units": "5", "reason": "a gift", "key": "k"}
WEBHOOK = {"name": "x", "url": "https://example.org/hook", "kinds": []}
ZERO = "0" * 32
API = "api/v2"
LAYERS = f"{API}/services/xcube_geoserv/databases/<database>/collections"
OLD_LAYERS = "geodb_geoserver/<database>/collections"
OPERATOR = f"{API}/operator"

OF_USERS_API = [
    owner(f"PUT {API}/cubegens", "job.submitted", **cubegen_request("new.zarr")),
    owner(f"DELETE {API}/cubegens", "job.cancelled"),
    owner(f"DELETE {API}/cubegens/<job_id>", "job.cancelled"),
    owner(f"DELETE {API}/cubegens/<job_id>", "job.hidden", named(failed)),
    owner(f"POST {API}/oauth/token", "token.issued", client_with_secret),
    owner(
        f"POST {API}/oauth/token",
        "token.made",
        approved,
        grant_type=device_flow.GRANT_TYPE,
        client_id="login",
    ),
    owner(f"POST {API}/oauth/revoke", "token.revoked", personal_token),
    owner(f"PATCH {API}/users/me", "user.renamed", first_name="Ann"),
    owner(f"DELETE {API}/users/me/clients/<client_id>", "client.revoked"),
    owner(f"POST {API}/users/me/tokens", "token.made", name="x", scopes=["manage:cubegens"]),
    owner(f"DELETE {API}/users/me/tokens/<token_id>", "token.revoked"),
    owner(f"POST {API}/xcube", "instance.requested", configuration=CONFIGURATION),
    owner(f"PUT {API}/xcube", "instance.changed", main_server),
    owner(f"DELETE {API}/xcube/<instance_id>", "instance.stopped"),
    owner(f"PUT {API}/xcube/<instance_id>/keep", "instance.changed", keep_until),
    owner(f"POST {API}/xcube/<instance_id>/sleep", "instance.asleep"),
    owner(f"POST {API}/xcube/<instance_id>/wake", "instance.woken", named(asleep)),
    owner(f"POST {API}/cubegens/<job_id>/viewer", "instance.requested", named(paid)),
    owner(f"POST {API}/cubegens/<job_id>/shares", "share.made", named(paid), link=True),
    owner(f"DELETE {API}/cubegens/<job_id>/shares/<share_id>", "share.withdrawn", result_share),
    owner(f"POST {API}/xcube/<instance_id>/shares", "share.made", link=True),
    owner(f"DELETE {API}/xcube/<instance_id>/shares/<share_id>", "share.withdrawn"),
    owner(f"DELETE {API}/shares/<share_id>", "share.withdrawn"),
    Ask(f"DELETE {API}/shared-with-me/<share_id>", "other", "share.withdrawn", {}, shared_with_me),
    owner(f"PUT {API}/notices/preferences", "notices.chosen", mail=False),
    owner(f"POST {API}/webhooks", "webhook.made", **WEBHOOK),
    owner(f"PUT {API}/webhooks/<webhook_id>", "webhook.changed", **WEBHOOK),
    owner(f"DELETE {API}/webhooks/<webhook_id>", "webhook.deleted"),
    owner(f"POST {API}/webhooks/<webhook_id>/secret", "webhook.secret_replaced"),
    owner(f"POST {API}/users/<user_id>/webapis", "instance.changed"),
    owner(f"DELETE {API}/users/<user_id>/webapis", "instance.stopped"),
    owner(f"POST {API}/user/<user_id>/webapi", "instance.changed"),
    owner(f"DELETE {API}/user/<user_id>/webapi", "instance.stopped"),
    owner("POST user/<user_id>/webapi", "instance.changed"),
    owner("DELETE user/<user_id>/webapi", "instance.stopped"),
    owner("DELETE user/<user_id>/webapi/shutdown", "instance.stopped"),
    *(
        owner(f"PUT {path}", "layer.requested", collection_id="roads")
        for path in (LAYERS, OLD_LAYERS, f"{OLD_LAYERS}/")
    ),
    *(owner(f"DELETE {path}/<collection>", "layer.removed") for path in (LAYERS, OLD_LAYERS)),
]

OF_OPERATORS_API = [
    operator(
        f"PUT {API}/services/<service_id>/subscriptions",
        "subscription.changed",
        email="owner@example.org",
        guid="g-1",
        plan="free",
        units=7,
        unit="punits",
    ),
    operator(
        f"DELETE {API}/services/<service_id>/subscriptions/<subscription_id>", "subscription.ended"
    ),
    operator(f"POST {OPERATOR}/engines/<engine>/drain", "engine.drained", message="maintenance"),
    operator(f"POST {OPERATOR}/engines/<engine>/resume", "engine.resumed", drained),
    operator(f"POST {OPERATOR}/jobs/<job_id>/cancel", "job.cancelled"),
    operator(
        f"POST {OPERATOR}/jobs/<job_id>/charge-back",
        "units.refunded",
        named(paid),
        units=1,
        reason="so",
    ),
    operator(f"PUT {OPERATOR}/jobs/<job_id>/dealt-with", "job.dealt_with", named(failed), note="x"),
    operator(f"DELETE {OPERATOR}/jobs/<job_id>/dealt-with", "job.reopened", named(dealt_with)),
    operator(
        f"POST {OPERATOR}/jobs/<job_id>/engine", "job.moved", named(job()), engine="kubernetes"
    ),
    operator(
        f"POST {OPERATOR}/jobs/<job_id>/priority",
        "job.prioritised",
        named(job()),
        priority="urgent",
    ),
    operator(f"POST {OPERATOR}/jobs/<job_id>/run-again", "job.run_again", named(failed)),
    operator(f"PATCH {OPERATOR}/users/<user_id>", "user.switched_off", is_active=False),
    operator(
        f"POST {OPERATOR}/users/<user_id>/units",
        "units.granted",
        kind="grant",
        units=5,
        reason="a gift",
    ),
    operator(f"PATCH {OPERATOR}/users/<user_id>", "user.roles_changed", roles=["support"]),
    operator(f"POST {OPERATOR}/users", "user.made", email="new@example.org"),
    operator(
        f"POST {OPERATOR}/users/<user_id>/deletion",
        "user.deletion_asked",
        typed="owner@example.org",
    ),
    operator(f"POST {OPERATOR}/clients/<client_id>/revoke", "client.revoked"),
    operator(f"POST {OPERATOR}/tokens/<token_id>/revoke", "token.revoked"),
    operator(f"POST {OPERATOR}/shares/<share_id>/withdraw", "share.withdrawn"),
    operator(f"POST {OPERATOR}/webhooks/<webhook_id>/off", "webhook.switched_off"),
    operator(f"POST {OPERATOR}/leaked", "token.revoked", leaked_text, revoke=True),
    operator(f"POST {OPERATOR}/identities/<identity_id>/link", "user.linked", another_user),
    operator(f"POST {OPERATOR}/identities/<identity_id>/refuse-tokens", "object.changed"),
    operator(
        f"POST {OPERATOR}/monthly-grants",
        "object.added",
        another_user,
        units=5,
        first_month="2026-12-01",
        reason="so",
    ),
    operator(
        f"DELETE {OPERATOR}/monthly-grants/<grant_id>",
        "object.deleted",
        lambda world: {"grant_id": str(monthly(world).pk)},
    ),
    operator(
        f"POST {OPERATOR}/switches/<service>/suspend", "service.suspended", message="maintenance"
    ),
    operator(f"POST {OPERATOR}/switches/<service>/resume", "service.resumed", suspended),
    operator(f"POST {OPERATOR}/stores/<store>/probe", "store.probed"),
    operator(f"POST {OPERATOR}/services/<instance_id>/stop", "instance.stopped"),
    operator(f"POST {OPERATOR}/services/<instance_id>/sleep", "instance.asleep"),
    operator(f"POST {OPERATOR}/services/<instance_id>/wake", "instance.woken", named(asleep)),
    operator(f"POST {OPERATOR}/services/<instance_id>/end-sessions", "session.ended"),
    operator(f"PUT {OPERATOR}/profiles/<name>", "object.added", title="Large"),
    operator(f"POST {OPERATOR}/layers/<layer_id>/repair", "layer.repaired"),
    operator(f"POST {OPERATOR}/layers/<layer_id>/remove", "layer.removed"),
    operator(f"POST {OPERATOR}/stray-layers/<stray_id>/adopt", "layer.adopted"),
]

OF_PAGES = [
    owner("POST account/", "token.made", name="x", scopes=["manage:cubegens"], days=3),
    owner("POST account/tokens/<token_id>/revoke", "token.revoked"),
    owner("POST account/clients/<client_pk>/revoke", "client.revoked"),
    owner("POST account/data/", "user.deletion_asked", with_password("owner"), password=PASSWORD),
    owner("POST account/data/download", "user.data_downloaded"),
    operator("POST login/", "user.signed_in", with_password("operator"), password=PASSWORD),
    operator("POST login/", "user.refused", with_password("operator"), password="wrong"),
    owner("POST logout/", "user.signed_out"),
    operator("POST admin/logout/", "user.signed_out"),
    operator(
        "POST admin/password_change/",
        "user.password_changed",
        with_password("operator"),
        old_password=PASSWORD,
        new_password1=f"{PASSWORD}-2",
        new_password2=f"{PASSWORD}-2",
    ),
    owner(
        "POST filters/<list_name>", "filter.saved", action="save", name="x", query="state=FAILED"
    ),
    owner("POST cubes/<job_id>/<action>", "job.cancelled"),
    owner("POST cubes/<job_id>/viewer", "instance.requested", named(paid)),
    owner(
        "POST cubes/new/",
        "job.submitted",
        store="@demo",
        dataset="demo.zarr",
        output_store="@cubes",
        variables=["sst"],
        x1="0",
        y1="0",
        x2="40",
        y2="40",
        resolution="10",
    ),
    owner("POST services/<instance_id>/<action>", "instance.stopped"),
    owner("POST services/<instance_id>/<action>", "instance.asleep", action="sleep"),
    owner("POST services/<instance_id>/<action>", "instance.changed", action="keep", hours="8"),
    owner("POST services/<instance_id>/<action>", "instance.hidden", action="remove"),
    owner("POST services/new/", "instance.changed", profile="cate"),
    owner("POST shared/by-me/<kind>/<subject>", "share.made", whom="link", days="7", action="view"),
    owner("POST shared/by-me/<share_id>/withdraw", "share.withdrawn"),
    Ask("POST shared/with-me/<share_id>/leave", "other", "share.withdrawn", {}, shared_with_me),
    Ask(
        "POST shared/<share_key>/<part>",
        "other",
        "instance.stopped",
        {"part": "stop"},
        shared_to_operate,
    ),
    owner(
        "POST device",
        "program.allowed",
        device,
        decision="approve",
        name="laptop",
        scopes=["manage:cubegens"],
        days=3,
    ),
    owner("POST device", "program.refused", device, decision="deny"),
    owner("POST account/notices/", "notices.chosen"),
    owner("POST account/webhooks/", "webhook.made", name="x", url="https://example.org/hook"),
    owner(
        "POST account/webhooks/<webhook_id>/",
        "webhook.changed",
        name="x",
        url="https://example.org/hook",
    ),
    owner("POST account/webhooks/<webhook_id>/<action>", "webhook.switched_off", action="off"),
    owner("POST account/webhooks/<webhook_id>/<action>", "webhook.deleted", action="delete"),
    owner(
        "POST account/webhooks/<webhook_id>/<action>", "webhook.secret_replaced", action="secret"
    ),
    owner("POST notices/unsubscribe/<token>", "notices.chosen"),
]

OF_ADMIN = [
    chosen("accounts/accesstoken", "revoke", "token.revoked", row(mine("access_tokens"))),
    chosen("accounts/client", "revoke", "client.revoked", row(mine("clients"))),
    chosen("accounts/geodbregistration", "try_now", "geodb.tried", row(registration)),
    chosen("accounts/identity", "refuse_tokens", "object.changed", row(mine("identities"))),
    chosen("accounts/share", "withdraw", "share.withdrawn", row(mine("shares_given"))),
    chosen("accounts/subscription", "end", "subscription.ended", row(mine("subscriptions"))),
    *(
        chosen("accounts/user", action, audited, row(the_owner), units="5", reason="so", key="k")
        for action, audited in (
            ("grant_units", "units.granted"),
            ("override_units", "units.overridden"),
            ("correct_units", "units.corrected"),
        )
    ),
    chosen("accounts/webhook", "switch_off", "webhook.switched_off", row(mine("webhooks"))),
    chosen("accounts/monthlygrant", "delete_selected", "object.deleted", row(monthly), post="yes"),
    chosen(
        "accounts/shareablerole", "delete_selected", "object.deleted", row(shareable), post="yes"
    ),
    *(
        chosen("jobs/job", action, audited, row(make), note="so")
        for action, audited, make in (
            ("cancel", "job.cancelled", job()),
            ("run_again", "job.run_again", failed),
            ("deal_with", "job.dealt_with", failed),
            ("reopen", "job.reopened", dealt_with),
            ("charge_back", "units.refunded", paid),
            ("urgent", "job.prioritised", job()),
            ("normal", "job.prioritised", job(priority=Priority.LATER)),
            ("later", "job.prioritised", job()),
        )
    ),
    chosen("jobs/job", "move_to_kubernetes", "job.moved", row(job())),
    chosen("services/edgesession", "withdraw", "session.ended", row(edge_session)),
    chosen("services/layer", "repair", "layer.repaired", row(mine("layers"))),
    chosen("services/layer", "remove", "layer.removed", row(mine("layers"))),
    chosen("services/serviceinstance", "stop", "instance.stopped", row(instance)),
    chosen("services/serviceinstance", "put_to_sleep", "instance.asleep", row(instance)),
    chosen("services/serviceinstance", "wake", "instance.woken", row(asleep)),
    chosen("services/straylayer", "adopt", "layer.adopted", row(stray)),
    operator(
        "POST admin/accounts/accesstoken/leaked/revoke/", "client.revoked", leaked, kind="client"
    ),
    operator(
        "POST admin/accounts/client/<id>/secret/", "client.secret_replaced", row(mine("clients"))
    ),
    operator("POST admin/accounts/identity/providers/fetch/", "provider.asked", provider="edc"),
    operator(
        "POST admin/accounts/monthlygrant/add/",
        "object.added",
        user_of_grant,
        units="5",
        first_month="2026-11-01",
        reason="so",
    ),
    operator(
        "POST admin/accounts/monthlygrant/<object_id>/delete/",
        "object.deleted",
        row(monthly),
        post="yes",
    ),
    operator(
        "POST admin/accounts/shareablerole/<object_id>/delete/",
        "object.deleted",
        row(shareable),
        post="yes",
    ),
    operator("POST admin/accounts/shareablerole/add/", "object.added", any_role),
    operator("POST admin/accounts/role/add/", "object.added", name="curators"),
    operator(
        "POST admin/accounts/user/add/",
        "object.added",
        email="new@example.org",
        usable_password="false",
    ),
    operator(
        "POST admin/accounts/user/<id>/password/",
        "object.changed",
        row(the_owner),
        usable_password="true",
        password1=PASSWORD,
        password2=PASSWORD,
    ),
    operator(
        "POST admin/accounts/user/<id>/person/",
        "user.deletion_asked",
        row(the_owner),
        typed="owner@example.org",
    ),
    operator("POST admin/accounts/user/<id>/revoke/", "token.revoked", token_of_owner),
    operator(
        "POST admin/accounts/user/<id>/switch/", "user.switched_off", row(the_owner), reason="so"
    ),
    operator("POST admin/accounts/user/<id>/units/", "units.granted", row(the_owner), **UNITS),
    operator(
        "POST admin/hubsite/switch/<object_id>/change/",
        "service.suspended",
        is_suspended="on",
        message="maintenance",
    ),
    operator("POST admin/hubsite/auditentry/export/", "audit.exported"),
    operator(
        "POST admin/engines/", "engine.drained", do="drain", engine="local", message="maintenance"
    ),
    operator("POST admin/stores/", "store.probed", store="demo"),
    operator("POST admin/jobs/job/<object_id>/act/", "job.cancelled", row(job()), do="cancel"),
    operator(
        "POST admin/jobs/job/<object_id>/act/",
        "job.moved",
        row(job()),
        do="move",
        engine="kubernetes",
    ),
    operator(
        "POST admin/jobs/job/<object_id>/refund/",
        "units.refunded",
        row(paid),
        units="1",
        reason="so",
        key=ZERO,
    ),
    operator(
        "POST admin/services/serviceinstance/<object_id>/act/",
        "instance.stopped",
        row(instance),
        do="stop",
    ),
    *(
        operator(
            f"POST admin/{model}/<object_id>/change/", "object.changed", row(make), **WHOLE_FORM
        )
        for model, make in (
            ("accounts/client", mine("clients")),
            ("accounts/identity", mine("identities")),
            ("accounts/monthlygrant", monthly),
            ("accounts/role", lambda world: world.users["operator"].groups.get()),
            ("accounts/subscription", mine("subscriptions")),
            ("accounts/user", the_owner),
            ("services/serviceprofile", lambda world: instance(world).profile),
        )
    ),
    operator(
        "POST admin/services/serviceprofile/add/",
        "object.added",
        **WHOLE_FORM,
        name="large",
        title="Large",
    ),
]

ASKS = [*OF_USERS_API, *OF_OPERATORS_API, *OF_PAGES, *OF_ADMIN]

NOT_AUDITED = {
    f"POST {API}/oauth/device_authorization": "a program asks; what a person then allows is there",
    f"PUT {API}/cubegens/code": "the same function as PUT cubegens, from a form with files",
    f"PUT {API}/notices/read": "who has read what is no one's business",
    "POST notices/": "who has read what is no one's business",
    f"POST {API}/webhooks/<webhook_id>/test": "a test notice, in the list of its deliveries",
    "POST internal/edge/decide": "the edge asks whether somebody may pass",
    "POST internal/edge/report": "the edge reports use; services show it",
    "POST language": "the language of the pages, for the reader only",
    "POST shared/<share_key>/": "opening is noted in the openings of the share",
    "POST admin/jobs/job/<object_id>/look/": "the worker looks at the engine and changes nothing",
}
"""What changes something and leaves no entry, and why."""
READ = {
    f"POST {API}/cubegens/info",
    "POST cubes/new/price",
    "POST admin/",
    "POST admin/<app_label>/",
    "POST admin/<url>",
    "POST admin/r/<content_type_id>/<object_id>/",
    "POST admin/accounts/accesstoken/leaked/",
    "POST admin/accounts/identity/providers/",
    "POST admin/queue/",
    "POST admin/settings/",
    "POST admin/services/layer/drift/",
}
"""These answer a POST and change nothing, as do the lists of the admin without an action."""

OF_COMMANDS = {
    "correct_units --email owner@example.org --units 5 --reason so": "units.corrected",
    "create_client --email new@example.org --permission manage:cubegens": "user.made",
    "create_client --email owner@example.org --permission read:hub": "user.roles_changed",
    "create_client --email owner@example.org --permission manage:cubegens": "client.made",
    "create_service_account --name shop --permission create:users": "client.made",
    "engines drain local --message maintenance": "engine.drained",
    "engines drain local --message maintenance; engines resume local": "engine.resumed",
    "forget_person --email stranger@example.org --yes": "user.deleted",
    "grant_units --email owner@example.org --units 5": "units.granted",
    "issue_token --email owner@example.org": "token.made",
    "jobs cancel {job_id}": "job.cancelled",
    "layers adopt geodb_g-1:land_roads": "layer.adopted",
    "layers publish --user owner@example.org --database land --collection roads": "layer.requested",
    "layers remove geodb_g-1:land_use": "layer.removed",
    "layers verify geodb_g-1:land_use": "layer.repaired",
    "revoke_token --email owner@example.org": "token.revoked",
    "rotate_signing_key": "key.rotated",
    "service suspend xcube_gen --message maintenance; service resume xcube_gen": "service.resumed",
    "service suspend xcube_gen --message maintenance": "service.suspended",
    "services start --user owner@example.org --configuration {file}": "instance.requested",
    "services stop {instance_id}": "instance.stopped",
    "stores refresh @demo": "store.probed",
}
"""Commands that change something, and what the last of a line must leave in the audit."""
COMMANDS_THAT_READ = {
    "check_cluster",
    "check_ledger",
    "check_stores",
    "commands",
    "engines list",
    "jobs list",
    "jobs logs",
    "jobs show",
    "layers list",
    "observe",
    "qcluster",
    "recount_usage",
    "runner_package",
    "service list",
    "services list",
    "services logs",
    "services show",
    "show_settings",
    "start",
    "stores list",
    "stores show",
    "usage_report",
}
"""Also those that keep the hub running, and one that mends sums which jobs and ledger determine."""
