"""Requests about people, tokens, shares, notices and units, and what the audit then says."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from accounts.models import DeviceRequest, GeodbRegistration, MonthlyGrant, ShareableRole
from accounts.tokens import device_flow
from accounts.tokens.clients import create_client
from accounts.tokens.personal import make_token
from tests.services.factories import make_share

from ..world import World
from .ask import API, OPERATOR, PASSWORD, WHOLE_FORM, Ask, chosen, operator, owner
from .rows import another_user, instance, mine, row, with_password


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


def shared_with_me(world: World) -> dict[str, str]:
    share = make_share(instance(world), user=world.users["other"])
    return {"share_id": str(share.pk), "share_key": str(share.pk)}


def shared_to_operate(world: World) -> dict[str, str]:
    share = make_share(instance(world), user=world.users["other"], action="stop")
    return {"share_key": str(share.pk)}


def the_owner(world: World) -> Any:
    return world.owner


def user_of_grant(world: World) -> dict[str, str]:
    return {"user": str(world.owner.pk)}


def token_of_owner(world: World) -> dict[str, str]:
    return {"id": str(world.owner.pk), "token": world.token_id}


def leaked_text(world: World) -> dict[str, str]:
    return {"text": f"my token: {world.token_id}"}


def leaked(world: World) -> dict[str, str]:
    return {"key": str(mine("clients")(world).pk)}


def any_role(world: World) -> dict[str, str]:
    return {"role": str(world.users["operator"].groups.get().pk)}


def registration(world: World) -> Any:
    return GeodbRegistration.objects.get()


def monthly(world: World) -> Any:
    month = timezone.now().date().replace(day=1)
    return MonthlyGrant.objects.create(user=world.owner, units=5, first_month=month)


def shareable(world: World) -> Any:
    return ShareableRole.objects.create(role_id=world.users["operator"].groups.get().pk)


UNITS = {"what": "grant", "units": "5", "reason": "a gift", "key": "k"}
WEBHOOK = {"name": "x", "url": "https://example.org/hook", "kinds": []}
OF_USERS_API = [
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
    owner(f"DELETE {API}/shares/<share_id>", "share.withdrawn"),
    Ask(f"DELETE {API}/shared-with-me/<share_id>", "other", "share.withdrawn", {}, shared_with_me),
    owner(f"PUT {API}/notices/preferences", "notices.chosen", mail=False),
    owner(f"POST {API}/webhooks", "webhook.made", **WEBHOOK),
    owner(f"PUT {API}/webhooks/<webhook_id>", "webhook.changed", **WEBHOOK),
    owner(f"DELETE {API}/webhooks/<webhook_id>", "webhook.deleted"),
    owner(f"POST {API}/webhooks/<webhook_id>/secret", "webhook.secret_replaced"),
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
        )
    ),
]

ASKS = [*OF_USERS_API, *OF_OPERATORS_API, *OF_PAGES, *OF_ADMIN]
