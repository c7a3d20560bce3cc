"""Endpoints that runs call with their own token: callbacks, and their uploaded code.

They stay open while cube generation is switched off, because runs continue to their end.
"""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from hubsite.api.parsing import RepairingJSONParser
from hubsite.refusals import Kind, Refused

from ..models import JobDocument, State
from ..running import callbacks
from . import schema
from .authentication import IsRun, RunTokenAuthentication
from .error_shapes import CUBEGEN_ERRORS


class RunViewSet(ViewSet):
    """Base of the endpoints that runs call."""

    authentication_classes = [RunTokenAuthentication]
    permission_classes = [IsRun]
    parser_classes = [RepairingJSONParser]
    error_shape = CUBEGEN_ERRORS

    @schema.callback
    def report(self, request: Request, job_id: str) -> Response:
        return Response({"progress": callbacks.accept(request.auth, request.data)})

    @schema.run_code
    def code(self, request: Request, job_id: str) -> HttpResponse:
        """The uploaded code of the run, until the run is over."""
        job = request.auth
        if job.state not in (State.LAUNCHED, State.RUNNING):
            raise Refused("This run is over, or was not launched.", kind=Kind.GONE)
        documents = JobDocument.objects.filter(job=job.pk, code__isnull=False)
        code = documents.values_list("code", flat=True).first()
        if code is None:
            raise Refused("This run has no uploaded code.", kind=Kind.NOT_FOUND)
        return HttpResponse(
            bytes(code), content_type="application/zip", headers={"Cache-Control": "no-store"}
        )
