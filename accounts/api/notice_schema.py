"""The OpenAPI description of notices and webhooks: one decorator for each operation."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema

from hubsite.api.examples import answer_example, request_example
from hubsite.api.schema import PAGE, problem_responses, query_number
from hubsite.refusals import Kind, Refused

from .notice_serializers import (
    DeliverySerializer,
    NewWebhookSerializer,
    NoticeSerializer,
    PreferencesRequestSerializer,
    PreferencesSerializer,
    ReadRequestSerializer,
    ReadSerializer,
    SecretSerializer,
    WebhookChangeSerializer,
    WebhookRequestSerializer,
    WebhookSerializer,
)

_JOB = "a9e0ee43efe58a1dbc4d9f9f4a8c1f4c6-0f8fad5b-d9cb-469f"
_AT = "2026-11-26T12:00:00Z"
_NOTICE = {
    "id": 4711,
    "kind": "job.failed",
    "subject": _JOB,
    "title": "sst-2026.zarr could not be generated",
    "text": "Needed more memory than a run may use.",
    "url": f"https://hub.example.org/cubes/{_JOB}/",
    "details": {"job_id": _JOB, "state": "FAILED", "reason": "OUT_OF_MEMORY"},
    "created_at": _AT,
    "read_at": None,
}
_PREFERENCES = {
    "mail": True,
    "kinds": {"job.failed": {"title": "A job failed", "portal": True, "mail": False}},
}
_WEBHOOK = {
    "id": "w0f8fad5bd9cb469fa165708a",
    "name": "My notebook",
    "url": "https://example.org/hooks/xcube",
    "kinds": ["job.failed", "job.succeeded"],
    "created_at": _AT,
    "is_on": True,
    "off_reason": "",
    "failures": 0,
    "failing_since": None,
    "next_try_at": None,
}
_ASKED = {name: _WEBHOOK[name] for name in ("name", "url", "kinds")}
_SIGNS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
_DELIVERY = {
    "id": "msg_3c6e0b8a9c15224a8228b9a98ca1531d",
    "kind": "job.failed",
    "notice": 4711,
    "state": "failing",
    "tries": 2,
    "status": 503,
    "error": "answered 503; 2xx is expected",
    "created_at": _AT,
    "tried_at": "2026-11-26T12:00:31Z",
    "due_at": "2026-11-26T12:01:31Z",
}
WEBHOOK_ID = OpenApiParameter("webhook_id", str, OpenApiParameter.PATH)
NO_WEBHOOK = Refused("You have no such webhook.", kind=Kind.NOT_FOUND)
NO_URL = Refused("a URL that begins with https:// is expected", field="url")


list_notices = extend_schema(
    operation_id="list_my_notices",
    summary="What I was told",
    description="Ends of jobs and services, warnings, low units. A program that misses nothing "
    "asks with `after` and `order=oldest`.",
    parameters=[
        query_number("after", 0, 10**12 - 1, "Only notices with a larger id."),
        OpenApiParameter(
            "unread", {"type": "string", "enum": ["true", "false"], "default": "false"}
        ),
        OpenApiParameter(
            "order", {"type": "string", "enum": ["newest", "oldest"], "default": "newest"}
        ),
        *PAGE,
    ],
    responses=NoticeSerializer(many=True),
    examples=[answer_example("A job that failed", _NOTICE)],
)
read_notices = extend_schema(
    operation_id="put_my_notices_read",
    summary="Mark notices as read",
    description="In the portal, too. What is read is left out of the next e-mail.",
    request=ReadRequestSerializer,
    responses=ReadSerializer,
    examples=[
        request_example("All up to one", {"up_to": 4711}),
        answer_example("Three were unread", {"marked": 3, "unread": 0}),
    ],
)
get_preferences = extend_schema(
    operation_id="get_my_notice_preferences",
    summary="How I get notices",
    description="Each kind of notice there is, with your choice or the default.",
    responses=PreferencesSerializer,
    examples=[answer_example("The defaults, of one kind", _PREFERENCES)],
)
set_preferences = extend_schema(
    operation_id="change_my_notice_preferences",
    summary="Choose how I get notices",
    description="Kinds that are not named stay as they are. `mail: false` ends all e-mails.",
    request=PreferencesRequestSerializer,
    responses={
        200: PreferencesSerializer,
        **problem_responses(
            Refused("one of job.cancelled, job.failed, … is expected", field="kinds.job.lost")
        ),
    },
    examples=[
        request_example("Failed jobs", {"kinds": {"job.failed": {"portal": True, "mail": True}}}),
        answer_example("Changed", _PREFERENCES),
    ],
)
list_webhooks = extend_schema(
    operation_id="list_my_webhooks",
    summary="My webhooks",
    description="Also those that are off. Secrets are never shown.",
    parameters=PAGE,
    responses=WebhookSerializer(many=True),
    examples=[answer_example("One webhook", _WEBHOOK)],
)
make_webhook = extend_schema(
    operation_id="make_my_webhook",
    summary="Make a webhook",
    description="Notices are sent there by POST, signed as Standard Webhooks says. Only public "
    "addresses are called. The secret is shown once.",
    request=WebhookRequestSerializer,
    responses={
        201: NewWebhookSerializer,
        **problem_responses(
            NO_URL, Refused("You have 5 webhooks; delete one first.", kind=Kind.FORBIDDEN)
        ),
    },
    examples=[
        request_example("For ends of jobs", _ASKED),
        answer_example("Made", {**_WEBHOOK, "secret": _SIGNS}, 201),
    ],
)
get_webhook = extend_schema(
    operation_id="get_my_webhook",
    summary="One of my webhooks",
    description="Whether it works, and when it is tried again if it does not.",
    parameters=[WEBHOOK_ID],
    responses={200: WebhookSerializer, **problem_responses(NO_WEBHOOK)},
    examples=[answer_example("It works", _WEBHOOK)],
)
change_webhook = extend_schema(
    operation_id="change_my_webhook",
    summary="Change a webhook, or switch it on or off",
    description="Switched on again, it gets what waits, at once.",
    parameters=[WEBHOOK_ID],
    request=WebhookChangeSerializer,
    responses={200: WebhookSerializer, **problem_responses(NO_URL, NO_WEBHOOK)},
    examples=[
        request_example("Off", {**_ASKED, "is_on": False}),
        answer_example("Changed", _WEBHOOK),
    ],
)
delete_webhook = extend_schema(
    operation_id="delete_my_webhook",
    summary="Delete a webhook",
    description="What waits to be sent to it is deleted, too.",
    parameters=[WEBHOOK_ID],
    responses={
        200: {"type": "string", "description": "The id of the webhook."},
        **problem_responses(NO_WEBHOOK),
    },
    examples=[answer_example("Deleted", _WEBHOOK["id"])],
)
test_webhook = extend_schema(
    operation_id="start_my_webhook_test",
    summary="Send a test to a webhook",
    description="It is sent within seconds, of the kind `webhook.test`. See the outcome at "
    "`/webhooks/{webhook_id}/deliveries`.",
    parameters=[WEBHOOK_ID],
    request=None,
    responses={
        202: DeliverySerializer,
        **problem_responses(
            NO_WEBHOOK,
            Refused("This webhook is switched off. Switch it on first.", kind=Kind.CONFLICT),
            Refused(
                "You tested webhooks ten times within ten minutes. Wait.",
                kind=Kind.BUSY,
                retry_after_s=300,
            ),
        ),
    },
    examples=[
        answer_example(
            "Asked for",
            {
                **_DELIVERY,
                "kind": "webhook.test",
                "state": "pending",
                "tries": 0,
                "status": None,
                "error": "",
                "tried_at": None,
            },
            202,
        )
    ],
)
rotate_secret = extend_schema(
    operation_id="make_my_webhook_secret",
    summary="Make a new secret for a webhook",
    description="For a day each request has two signatures: by the new and by the former secret.",
    parameters=[WEBHOOK_ID],
    request=None,
    responses={200: SecretSerializer, **problem_responses(NO_WEBHOOK)},
    examples=[answer_example("Rotated", {"secret": _SIGNS})],
)
list_deliveries = extend_schema(
    operation_id="list_my_webhook_deliveries",
    summary="What was sent to a webhook",
    description="Newest first, with the outcome of the last try of each.",
    parameters=[WEBHOOK_ID, *PAGE],
    responses={200: DeliverySerializer(many=True), **problem_responses(NO_WEBHOOK)},
    examples=[answer_example("Tried twice", _DELIVERY)],
)
