"""Opens the cube of a job in the viewer."""

from __future__ import annotations

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope
from accounts.scopes import MANAGE_CUBEGENS
from hubsite.refusals import Kind, Refused
from jobs.api.error_shapes import CUBEGEN_ERRORS
from jobs.job_rows import find_job

from ..xcube_server.cubes import open_cube
from . import schema
from .presentation import instance_summary


class CubeViewerViewSet(ViewSet):
    """Below a job: it reports errors as the other calls there do."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]
    error_shape = CUBEGEN_ERRORS

    @schema.open_cube
    def open(self, request: Request, job_id: str) -> Response:
        job = find_job(owner_id=request.user.pk, job_id=job_id)
        if job is None:
            raise Refused(f"Cubegen {job_id[:63]} not found.", kind=Kind.NOT_FOUND)
        instance, url = open_cube(request.user, job)
        return Response(
            {**instance_summary(instance), "open_url": url}, status=status.HTTP_201_CREATED
        )
