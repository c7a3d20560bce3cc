"""The least that a Django site with DRF can do: one row by its key, a few fields of it as JSON.

It knows no users, no sessions, no limits and no CORS. It answers GET and PUT alike.
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.db import models
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.bare_settings")
application = get_wsgi_application()

from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Row(models.Model):
    """A row of the hub's jobs, as any program sees it."""

    job_id = models.CharField(max_length=63, unique=True)
    state = models.CharField(max_length=10)
    units = models.BigIntegerField()
    created_at = models.DateTimeField()
    progress = models.JSONField(null=True)

    class Meta:
        app_label = "bare"
        managed = False
        db_table = "jobs_job"

    def __str__(self) -> str:
        return self.job_id


class RowView(APIView):
    def get(self, request: Request, job_id: str) -> Response:
        row = Row.objects.get(job_id=job_id)
        return Response(
            {
                "job_id": row.job_id,
                "state": row.state,
                "units": row.units,
                "created_at": row.created_at,
                "progress": row.progress,
            }
        )

    def put(self, request: Request, job_id: str) -> Response:
        assert request.data
        return self.get(request, job_id)


urlpatterns = [path("rows/<str:job_id>", RowView.as_view())]
