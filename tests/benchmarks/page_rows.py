"""What a busy hub's tables hold, as `tests.many.rows` copies it: many jobs of many people.

One person has a tenth of all jobs, ledger entries and notices, one a ten thousandth; the others
share the rest. One job of 500 is under way, each third failed one was submitted again. One service
of 20 is asleep.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

from tests.many.rows import FIRST

BETWEEN = "interval '30 seconds'"
MONTH = "CAST(date_trunc('month', now()) - k %% 12 * interval '1 month' AS date)"
FEW = frozenset(
    {
        "auth.group",
        "accounts.shareablerole",
        "accounts.providerdocuments",
        "auth.group_permissions",
        "services.serviceprofile",
        "services.serviceprofile_roles",
        "hubsite.switch",
        "hubsite.drain",
        "django_q.schedule",
        "django_q.ormq",
    }
)
FEW_EACH = ("webhook", "expiringunits", "monthlygrant", "noticechoice", "identity")
AS_USERS = frozenset(
    {
        "accounts.user",
        "accounts.user_groups",
        "accounts.user_user_permissions",
        "accounts.unitsofmonth",
        "accounts.monthlygrant",
    }
)
AS_JOBS = frozenset(
    {
        "jobs.job",
        "jobs.jobdocument",
        "jobs.jobevent",
        "accounts.ledgerentry",
        "accounts.notice",
    }
)

FULL = 10_000
"""So many services are in the small database, too: a tenth of them fills the longest list."""


@dataclass(frozen=True)
class Crowd:
    """How many there are. `heavy` and `light` are the keys of the two persons."""

    jobs: int
    users: int
    heavy: int
    light: int

    def count(self, model: type[models.Model]) -> int:
        label = model._meta.label_lower
        if label in FEW:
            return 10
        if label in AS_USERS:
            return self.users
        if label == "services.serviceinstance":
            return max(self.jobs // 10, min(self.jobs, FULL))
        return self.jobs if label in AS_JOBS else self.jobs // 10

    @property
    def changes(self) -> dict[str, dict[str, str]]:
        user = f"{FIRST} + k"
        owner = (
            f"CASE WHEN k %% 10 = 0 THEN {self.heavy}"
            f" WHEN k %% 10000 = 1 THEN {self.light}"
            f" ELSE {FIRST} + 1 + k %% {self.users} END"
        )
        created = f"now() - ({self.jobs} - k) * {BETWEEN}"
        of_job = {"job": f"{FIRST} + k"}
        spread = {"user": f"{FIRST} + 1 + k %% {self.users}"}  # a person has few of these
        return {
            **{f"accounts.{name}": spread for name in FEW_EACH},
            "accounts.user_groups": {"user": user, "group": "t.group_id"},
            "accounts.unitsofmonth": {"user": user, "month": MONTH, "purpose": "t.purpose"},
            "accounts.user": {"last_login": "now() - k * interval '1 minute'"},
            "accounts.ledgerentry": {
                "user": owner,
                "kind": "CASE k %% 2 WHEN 0 THEN 'reserve' ELSE 'settle' END",
                "delta_total": "CASE k %% 2 WHEN 0 THEN 0 ELSE -12 END",
                "reference": "'a-job-' || k / 2",
                "created_at": created,
            },
            "accounts.notice": {
                "user": owner,
                "created_at": created,
                "read_at": f"CASE k %% 100 WHEN 0 THEN NULL ELSE {created} END",
            },
            "accounts.subscriptionevent": {
                "subscription": "CASE k %% 10 WHEN 0 THEN t.subscription_id"
                f" ELSE {spread['user']} END"
            },
            "accounts.client": {"owner": spread["user"]},
            "accounts.accesstoken": {**spread, "expires_at": _EXPIRES},
            "accounts.share": {"owner": owner},
            "services.serviceinstance": {
                "owner": owner,
                "state": f"CASE WHEN {_IS_KEPT} THEN 'ASLEEP' ELSE 'STOPPED' END",
                "is_live": _IS_KEPT,
                "created_at": created,
                "kind": "CASE k %% 9 WHEN 0 THEN 'cate_webapi' ELSE 'xcube_server' END",
            },
            "services.edgesession": {"expires_at": _EXPIRES},
            "jobs.jobmonth": {
                "owner": f"CASE WHEN k <= 24 THEN {self.heavy} ELSE {spread['user']} END",
                "month": MONTH,
                "store": "'@store-' || k",
            },
            "jobs.jobevent": {**of_job, "at": created},
            "jobs.joblog": {**of_job, "first_line": "0"},
            "jobs.quicklook": {**of_job, "position": "0", "name": "t.name", "made_at": created},
            "jobs.rerun": {"job": f"{FIRST} + k"},
            "jobs.job": {
                "owner": owner,
                "state": _STATE,
                "is_live": "k %% 500 = 0",
                "reason": f"CASE {_STATE} WHEN 'FAILED' THEN {_REASON} ELSE '' END",
                "message": f"CASE {_STATE} WHEN 'FAILED' THEN 'The store does not answer'"
                " ELSE '' END",
                "retry_of": f"CASE WHEN k %% 60 = 18 THEN {FIRST} + k - 1 ELSE NULL END",
                "output_data_id": "'sea-of-' || k || '.zarr'",
                "output_store": "CASE k %% 3 WHEN 0 THEN '@cubes' ELSE '@shared' END",
                "units": "k %% 1000",
                "created_at": created,
                "launched_at": f"CASE {_STATE} WHEN 'QUEUED' THEN NULL"
                f" ELSE {created} + {BETWEEN} END",
                "started_at": f"CASE {_STATE} WHEN 'QUEUED' THEN NULL"
                f" ELSE {created} + 2 * {BETWEEN} END",
                "finished_at": f"CASE WHEN k %% 500 = 0 THEN NULL"
                f" ELSE {created} + (3 + k %% 100) * {BETWEEN} END",
            },
        }


_EXPIRES = f"t.expires_at - k * {BETWEEN}"
_IS_KEPT = "(k %% 20 = 1 OR (k %% 10 = 0 AND k <= 200))"
"""One service of 20 is asleep, and twenty of the heavy person's."""
_STATE = (
    "CASE WHEN k %% 1000 = 0 THEN 'QUEUED' WHEN k %% 500 = 0 THEN 'RUNNING'"
    " WHEN k %% 20 IN (17, 18, 19) THEN 'FAILED' WHEN k %% 20 = 16 THEN 'CANCELLED'"
    " ELSE 'SUCCEEDED' END"
)
_REASON = "CASE k %% 20 WHEN 17 THEN 'OUT_OF_MEMORY' WHEN 18 THEN 'XCUBE_ERROR' ELSE 'LOST' END"
