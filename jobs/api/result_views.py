"""What a finished job has made: where it lies, as a STAC item, as a zip; and the catalogue."""

from __future__ import annotations

from dataclasses import replace

from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope, still_permitted
from accounts.scopes import MANAGE_CUBEGENS

from ..output import quicklooks
from ..results import catalogue, stac
from ..results.cube import find_cube
from ..results.document import Links, result_document
from ..results.downloading import download
from ..results.rights import find_job, may_still_see
from . import result_schema as schema
from .views import SwitchableViewSet


def api_address(request: Request) -> str:
    """The address of the API as the caller knows it, without a slash at its end."""
    return request.build_absolute_uri(reverse("stac")).removesuffix("/stac")


class ResultViewSet(SwitchableViewSet):
    """The result of one job."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.get_result
    def retrieve(self, request: Request, job_id: str) -> Response:
        cube = find_cube(find_job(request, job_id))
        links = Links.of(api_address(request), job_id)
        if cube.job.owner_id != request.user.pk:  # no one opens others' cubes in their own viewer
            links = replace(links, viewer=None)
        return Response(result_document(cube, links))

    @schema.get_item
    def item(self, request: Request, job_id: str) -> Response:
        cube = find_cube(find_job(request, job_id))
        api = api_address(request)
        item = stac.item_of(
            cube,
            Links.of(api, job_id),
            looks=quicklooks.of(cube.job),
            root=f"{api}/stac",
            parent=catalogue.parent_of(cube.job, request.user, api),
        )
        return Response(item, content_type=stac.ITEM)

    @schema.get_zip
    def zip(self, request: Request, job_id: str) -> HttpResponseBase:
        cube = find_cube(find_job(request, job_id))

        def may_go_on() -> bool:
            user = still_permitted(request, MANAGE_CUBEGENS)
            return user is not None and may_still_see(user, cube.job)

        return download(
            cube,
            who=request.user.username,
            range_header=request.headers.get("Range", ""),
            if_range=request.headers.get("If-Range", ""),
            outbox=request.META.get("gunicorn.socket"),
            may_go_on=may_go_on,
        )


class CatalogueViewSet(ViewSet):
    """The caller's cubes as a STAC catalogue."""

    permission_classes = [HasScope(MANAGE_CUBEGENS)]

    @schema.get_catalogue
    def root(self, request: Request) -> Response:
        return Response(catalogue.root(request.user, api_address(request)))

    @schema.get_month
    def month(self, request: Request, month: str) -> Response:
        return Response(catalogue.month(request.user, api_address(request), month))

    @schema.get_page
    def page(self, request: Request, month: str, page: int) -> Response:
        return Response(catalogue.month(request.user, api_address(request), month, page))

    @schema.get_shared
    def shared(self, request: Request) -> Response:
        return Response(catalogue.shared(request.user, api_address(request)))

    @schema.get_shared_page
    def shared_page(self, request: Request, page: int) -> Response:
        return Response(catalogue.shared(request.user, api_address(request), page))
