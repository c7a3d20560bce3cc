"""The least that a Django site with DRF can do for `GET /cubegens/{id}`: the baseline.

Who asks and whether they may is found out as in the hub; then one row by its key, a few fields
of it as JSON. No sessions, no limits, no CORS, no owner, no shape of an answer.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.bare_settings")
application = get_wsgi_application()

from accounts.api.authentication import BearerAuthentication  # noqa: E402
from accounts.api.permissions import HasScope  # noqa: E402
from jobs.models import Job  # noqa: E402


class JobView(APIView):
    authentication_classes = [BearerAuthentication]
    permission_classes = [HasScope("manage:cubegens")]

    def get(self, request: Request, job_id: str) -> Response:
        job = Job.objects.get(job_id=job_id)
        return Response(
            {
                "job_id": job.job_id,
                "state": job.state,
                "units": job.units,
                "created_at": job.created_at,
                "progress": job.progress,
            }
        )


urlpatterns = [path("api/v2/cubegens/<str:job_id>", JobView.as_view())]
