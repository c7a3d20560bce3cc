"""The OpenAPI description of the accounts' endpoints: one decorator for each operation."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from hubsite.api.examples import answer_example, request_example
from hubsite.api.schema import PAGE, problem_responses
from hubsite.refusals import Kind, Refused

from ..models import Service
from ..tokens.limits import TooManyTries
from .error_shapes import OAUTH_ERRORS
from .errors import (
    invalid_client,
    invalid_scope,
    slow_down,
    unknown_client,
    unknown_service,
    unknown_subscription,
    unknown_token,
    unsupported_grant_type,
)
from .serializers import (
    ClientCredentialsSerializer,
    MeSerializer,
    MonthSerializer,
    MovementSerializer,
    MyClientSerializer,
    MySubscriptionSerializer,
    MyUnitsSerializer,
    NameSerializer,
    NewPersonalTokenSerializer,
    PersonalTokenRequestSerializer,
    PersonalTokenSerializer,
    SubscriptionRequestSerializer,
    SubscriptionSerializer,
    TokenSerializer,
)

_ME = {
    "user_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6",
    "email": "ann@example.org",
    "name": "Ann Example",
    "permissions": ["manage:cubegens"],
    "units": {"total": 100, "reserved": 12, "available": 88, "is_low": True},
}
_MADE_AT = "2026-11-24T12:00:00Z"


_TOKEN = {
    "id": "3c6e0b8a9c15224a8228b9a98ca1531d",
    "name": "notebook",
    "scopes": ["manage:cubegens"],
    "issued_at": "2026-11-24T12:00:00Z",
    "expires_at": "2026-12-24T12:00:00Z",
}


SERVICE_ID = OpenApiParameter(
    "service_id", {"type": "string", "enum": Service.values}, OpenApiParameter.PATH
)
SUBSCRIPTION_ID = OpenApiParameter(
    "subscription_id", str, OpenApiParameter.PATH, description="The user's id."
)
NEEDS = "Needs `read:users` and `create:users`."

_REQUEST = {
    "email": "peter@example.org",
    "guid": "5f0e1c2d-9d4f-4a86-b7c1-1d2d3c4b5a69",
    "plan": "free",
    "units": 1000,
    "unit": "punits",
    "first_name": "Peter",
    "last_name": "Pan",
}
_ANSWER = {
    "subscription_id": "a52c86e8b1ee55d8ef8e1ef1c6a8a80b6",
    "email": "peter@example.org",
    "guid": "5f0e1c2d-9d4f-4a86-b7c1-1d2d3c4b5a69",
    "plan": "free",
    "units": 1000.0,
    "unit": "punits",
    "client_id": "6098d2a5b4cf4d6c9d0b8e6f9f0a7c11",
    "client_secret": "shown by the PUT that sets it",
    "start_date": "2026-11-24",
    "role": "cube-generation",
    "first_name": "Peter",
    "last_name": "Pan",
}


get_me = extend_schema(
    operation_id="get_me",
    summary="Who am I?",
    responses=MeSerializer,
    examples=[answer_example("A user with 100 units", _ME)],
)


change_me = extend_schema(
    operation_id="change_me",
    summary="Change my name",
    description="The e-mail is changed by operators, or by your identity provider.",
    request=NameSerializer,
    responses=MeSerializer,
    examples=[
        request_example("A new name", {"first_name": "Anna"}),
        *[answer_example("Changed", {**_ME, "name": "Anna Example"})],
    ],
)


get_units = extend_schema(
    operation_id="get_my_units",
    summary="My processing units",
    description="What you have, what of it goes when, and what comes every month.",
    responses=MyUnitsSerializer,
    examples=[
        answer_example(
            "With a monthly grant",
            {
                **_ME["units"],
                "expiring": [{"expires_at": "2026-12-01T00:00:00Z", "units": 60}],
                "monthly": [
                    {
                        "units": 100,
                        "first_month": "2026-01-01",
                        "last_month": None,
                        "expires": True,
                    }
                ],
            },
        )
    ],
)


list_movements = extend_schema(
    operation_id="list_my_unit_movements",
    summary="Every movement of my units, newest first",
    description="Granted, reserved for a job, then settled (spent) or released; set, "
    "corrected, expired. `total_after` and `reserved_after` are what it left.",
    parameters=PAGE,
    responses=MovementSerializer(many=True),
    examples=[
        answer_example(
            "A job's end",
            {
                "at": _MADE_AT,
                "kind": "settle",
                "units": 12,
                "delta_total": -12,
                "delta_reserved": -12,
                "total_after": 88,
                "reserved_after": 0,
                "job_id": "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6-0f8fad5b-d9cb-469f",
                "reason": "",
            },
        )
    ],
)


list_months = extend_schema(
    operation_id="list_my_unit_months",
    summary="My units month by month, newest first",
    description="`closing` is `opening` and what was granted and corrected, less what was spent "
    "and expired. Units that are set aside for jobs are part of it.",
    parameters=[
        OpenApiParameter("months", int, description="How many months, 0 to 60; 12 if left out."),
        OpenApiParameter("until", str, description="The newest month, such as 2027-01."),
    ],
    responses=MonthSerializer(many=True),
    examples=[
        answer_example(
            "A month",
            {
                "month": "2026-11",
                "opening": 100,
                "granted": 500,
                "spent": 120,
                "expired": 30,
                "corrected": 0,
                "closing": 450,
            },
        )
    ],
)


list_my_subscriptions = extend_schema(
    operation_id="list_my_subscriptions",
    summary="My subscriptions, and how they changed",
    description="Also those that have ended. The history has the latest 100 changes of each.",
    responses=MySubscriptionSerializer(many=True),
    examples=[
        answer_example(
            "To cube generation",
            {
                "service": "xcube_gen",
                "plan": "free",
                "units": 1000.0,
                "unit": "punits",
                "start_date": "2026-11-24",
                "ended_at": None,
                "history": [
                    {"at": _MADE_AT, "kind": "started", "changes": {"units": [None, 1000.0]}}
                ],
            },
        )
    ],
)


list_clients = extend_schema(
    operation_id="list_my_clients",
    summary="My client ids",
    description="What programs of yours sign in with. Secrets are never shown.",
    parameters=PAGE,
    responses=MyClientSerializer(many=True),
    examples=[
        answer_example(
            "One client",
            {
                "client_id": "0f8fad5bd9cb469fa16570867728950e",
                "name": "notebook",
                "scopes": ["manage:cubegens"],
                "created_at": _MADE_AT,
                "revoked_at": None,
            },
        )
    ],
)


revoke_client = extend_schema(
    operation_id="revoke_my_client",
    summary="Revoke one of my client ids",
    description="For good: it gets no token any more, and its tokens are refused. For one "
    "whose secret was seen by others.",
    parameters=[OpenApiParameter("client_id", str, OpenApiParameter.PATH)],
    responses={
        200: {"type": "string", "description": "The client id."},
        **problem_responses(unknown_client()),
    },
    examples=[answer_example("Revoked", "0f8fad5bd9cb469fa16570867728950e")],
)


list_tokens = extend_schema(
    operation_id="list_my_tokens",
    summary="My personal tokens",
    description="Those that are neither expired nor revoked, newest first. The tokens "
    "themselves are not shown again.",
    parameters=PAGE,
    responses=PersonalTokenSerializer(many=True),
    examples=[answer_example("One token", _TOKEN)],
)


make_token = extend_schema(
    operation_id="make_my_token",
    summary="Make a personal token",
    description="For a program of yours, at this hub only (geoDB does not take it). It may do "
    "what this request may, at most. One made with a client's token is refused once that "
    "client is revoked.",
    request=PersonalTokenRequestSerializer,
    responses={
        201: NewPersonalTokenSerializer,
        **problem_responses(
            Refused("you do not have operate:hub", field="scopes"),
            Refused("You have 50 tokens; revoke one first.", kind=Kind.FORBIDDEN),
        ),
    },
    examples=[
        request_example(
            "For a notebook",
            {"name": "notebook", "scopes": ["manage:cubegens"], "expires_in_days": 30},
        ),
        answer_example("Made", {**_TOKEN, "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}, 201),
    ],
)


revoke_token = extend_schema(
    operation_id="revoke_my_token",
    summary="Revoke a personal token",
    description="It is refused from now on.",
    parameters=[OpenApiParameter("token_id", str, OpenApiParameter.PATH)],
    responses={
        200: {"type": "string", "description": "The token's id."},
        **problem_responses(unknown_token()),
    },
    examples=[answer_example("Revoked", _TOKEN["id"])],
)


put_subscription = extend_schema(
    operation_id="put_subscription",
    summary="Make or change a user's subscription",
    description="The user of that e-mail is made if there is none. Sent again it changes only "
    "what it says: what it leaves out stays, and what is the same has no effect. Other units "
    "of `xcube_gen` set the user's balance to them. New credentials work at once, those "
    f"before stop. {NEEDS}",
    parameters=[SERVICE_ID],
    request=SubscriptionRequestSerializer,
    responses={
        200: SubscriptionSerializer,
        **problem_responses(
            unknown_service(),
            Refused("Wrong unit for a geodb subscription: cells", field="unit"),
            Refused("this client id is taken", field="client_id", kind=Kind.CONFLICT),
        ),
    },
    examples=[
        request_example("A new user", _REQUEST),
        answer_example("Made", _ANSWER),
    ],
)


get_subscription = extend_schema(
    operation_id="get_subscription",
    summary="A user's subscription",
    description=f"With all members, `client_secret` always null. {NEEDS}",
    parameters=[SERVICE_ID, SUBSCRIPTION_ID],
    responses={
        200: SubscriptionSerializer,
        **problem_responses(unknown_service(), unknown_subscription("xcube_gen", "a52c86")),
    },
    examples=[
        answer_example(
            "To geoDB, where the user is not known yet",
            {
                **_ANSWER,
                "unit": "cells",
                "client_secret": None,
                "option": None,
                "role": "geodb-user",
                "registration": {
                    "state": "failing",
                    "attempts": 2,
                    "error": "geoDB answered 503",
                    "registered_at": None,
                },
            },
        )
    ],
)


delete_subscription = extend_schema(
    operation_id="delete_subscription",
    summary="End a user's subscription",
    description="Takes away what it permitted, at once, also from tokens that are out. Jobs, "
    f"units and history stay. {NEEDS}",
    parameters=[SERVICE_ID, SUBSCRIPTION_ID],
    responses={
        200: {"type": "string", "description": "The id of the subscription that ended."},
        **problem_responses(unknown_service(), unknown_subscription("xcube_gen", "a52c86")),
    },
    examples=[answer_example("Ended", _ANSWER["subscription_id"])],
)


get_token = extend_schema(
    operation_id="get_token",
    summary="Get an access token",
    description="Exchanges client credentials for a bearer token. A JSON request is answered "
    "with exactly `access_token` and `token_type`; a form-encoded one (RFC 6749) also with "
    "`expires_in` and `scope`, and may authenticate the client by HTTP Basic. An error also "
    "has the members `error` and `error_description` of RFC 6749, section 5.2.",
    auth=[],
    # Only JSON, because generators make one client function of JSON and form, which fails.
    request={"application/json": ClientCredentialsSerializer},
    responses={
        200: TokenSerializer,
        **problem_responses(
            unsupported_grant_type(),
            invalid_scope(),
            invalid_client(),
            slow_down(TooManyTries()),
            shape=OAUTH_ERRORS,
        ),
    },
    examples=[
        request_example(
            "Client credentials",
            {
                "client_id": "0f8fad5bd9cb469fa16570867728950e",
                "client_secret": "the secret that was shown once",
                "audience": "https://xcube-gen.brockmann-consult.de/api/v2/",
                "grant_type": "client-credentials",
            },
        ),
        answer_example(
            "Token", {"access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "token_type": "bearer"}
        ),
    ],
)
