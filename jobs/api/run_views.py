"""What a run says to the hub and asks of it, with its own token. Also open while cube
generation is switched off: runs go on to their end."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hubsite.api.parsing import MendingJSONParser
from hubsite.refusals import Kind, Refused

from .. import callbacks
from ..models import JobDocument, State
from . import schema
from .authentication import IsRun, RunTokenAuthentication


class CallbacksView(APIView):
    authentication_classes = [RunTokenAuthentication]
    permission_classes = [IsRun]
    parser_classes = [MendingJSONParser]

    @schema.callback
    def put(self, request: Request, job_id: str) -> Response:
        return Response({"progress": callbacks.accept(request.auth, request.data)})


class RunCodeView(APIView):
    """Its uploaded code, until it is over."""

    authentication_classes = [RunTokenAuthentication]
    permission_classes = [IsRun]

    @schema.run_code
    def get(self, request: Request, job_id: str) -> HttpResponse:
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
