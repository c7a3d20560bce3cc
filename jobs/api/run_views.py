"""What a run asks the hub for, with its own token, until it is over."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from hubsite.api.errors import ApiError

from ..models import JobDocument, State
from . import schema
from .authentication import IsRun, RunTokenAuthentication


class RunCodeView(APIView):
    """Its uploaded code. Also open while cube generation is switched off: runs go on."""

    authentication_classes = [RunTokenAuthentication]
    permission_classes = [IsRun]

    @schema.run_code
    def get(self, request: Request, job_id: str) -> HttpResponse:
        job = request.auth
        if job.state not in (State.LAUNCHED, State.RUNNING):
            raise ApiError("This run is over, or was not launched.", status=410)
        documents = JobDocument.objects.filter(job=job.pk, code__isnull=False)
        code = documents.values_list("code", flat=True).first()
        if code is None:
            raise ApiError("This run has no uploaded code.", status=404)
        return HttpResponse(
            bytes(code), content_type="application/zip", headers={"Cache-Control": "no-store"}
        )
