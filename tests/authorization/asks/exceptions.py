"""Endpoints that may be called with no entry in the audit, each with its reason."""

from __future__ import annotations

from .ask import API

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
