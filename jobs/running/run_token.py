"""The run token, used for callbacks: HMAC(key, job id, attempt). It is never stored."""

from __future__ import annotations

import hmac

from django.utils.crypto import salted_hmac

PREFIX = "run."


def run_token(job_id: str, attempt: int) -> str:
    """The token of one attempt of a job."""
    digest = salted_hmac("jobs.running.run_token", f"{job_id}:{attempt}", algorithm="sha256")
    return PREFIX + digest.hexdigest()


def is_run_token(token: str, job_id: str, attempt: int) -> bool:
    """Whether `token` is the token of this attempt."""
    return hmac.compare_digest(token.encode(), run_token(job_id, attempt).encode())
