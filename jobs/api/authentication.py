"""Authentication by a run's own token, which callbacks require and nothing else accepts."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission

from ..job_rows import find_run
from ..models import Job
from ..running.run_token import is_run_token

_REFUSED = "This is not the token of the run that may report here."


class RunTokenAuthentication(BaseAuthentication):
    """Sets `request.auth` to the job that the token in the header and the URL belong to.

    The answer is the same for an unknown job and a wrong token.
    """

    def authenticate(self, request: Any) -> tuple[None, Job]:
        header = get_authorization_header(request).split()
        if len(header) != 2 or header[0].lower() != b"bearer" or len(header[1]) > 200:
            raise AuthenticationFailed(_REFUSED)
        job = find_run(request.parser_context["kwargs"]["job_id"])
        token = header[1].decode("latin-1")
        if job is None or not is_run_token(token, job.job_id, job.attempt):
            raise AuthenticationFailed(_REFUSED)
        return None, job

    def authenticate_header(self, request: Any) -> str:
        return 'Bearer realm="run"'


class IsRun(BasePermission):
    """Allows requests that carry a run's token."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return isinstance(request.auth, Job)
