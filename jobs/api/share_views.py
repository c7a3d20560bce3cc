"""The endpoints of shares: who else may see the result of a cube generation."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.share_views import SubjectShareViewSet

from ..results.rights import RESULT
from . import share_schema as schema


class ResultShareViewSet(SubjectShareViewSet):
    """Shares of the results of the caller's jobs."""

    kind_name = RESULT

    @schema.shares.listed
    def list(self, request: Request, job_id: str) -> Response:
        return self.listed(request, job_id)

    @schema.shares.made
    def make(self, request: Request, job_id: str) -> Response:
        return self.made(request, job_id)

    @schema.shares.withdrawn
    def withdraw(self, request: Request, job_id: str, share_id: int) -> Response:
        return self.withdrawn(request, job_id, share_id)
