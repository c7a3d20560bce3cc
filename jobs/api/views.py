"""The `/cubegens` endpoints: parse, call one function of the domain, present."""

from __future__ import annotations

from typing import Any

from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from accounts.api.permissions import HasScope, scopes_of
from hubsite.api.pagination import MAX_LIMIT, page, query_integer
from hubsite.api.parsing import parse_document
from hubsite.refusals import FieldError, Kind, Refused
from jobs.settings import hub

from ..estimates import asking
from ..job_rows import find_job
from ..models import Job, State
from ..running import logs
from ..submission import admission, cancelling
from ..submission.admission import Submission
from ..submission.pricing import quote
from ..submission.user_code import check_upload
from . import schema
from .error_shapes import CUBE_INFO_ERRORS, CUBEGEN_ERRORS
from .presentation import cube_info, job_detail, job_summary, submitted


class SwitchableViewSet(ViewSet):
    """Endpoints that `CUBEGENS_SILENT` switches off."""

    error_shape = CUBEGEN_ERRORS

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if hub.cubegens_silent:
            raise Refused(
                "Cubegens resources are switched off on this service.", kind=Kind.UNSUPPORTED
            )


class VersionViewSet(SwitchableViewSet):
    authentication_classes: list = []
    permission_classes = [AllowAny]

    @schema.version
    def retrieve(self, request: Request) -> Response:
        versions = asking.versions()
        return Response({"result": [f"{name}: {version}" for name, version in versions.items()]})


class CubeInfoViewSet(SwitchableViewSet):
    """Estimates: nothing is stored."""

    permission_classes = [HasScope("manage:cubegens")]
    error_shape = CUBE_INFO_ERRORS

    @schema.info
    def estimate(self, request: Request) -> Response:
        submission = _submission(request, _without_code(request.data))
        quoted = quote(admission.parse(submission), who=request.user.username)
        return Response(cube_info(request.user, quoted))


class CubegenViewSet(SwitchableViewSet):
    """Cube generations: the caller's jobs."""

    permission_classes = [HasScope("manage:cubegens")]

    @schema.submit
    def submit(self, request: Request) -> Response:
        return Response(submitted(admission.admit(_submission(request, request.data))))

    @schema.list_jobs
    def list(self, request: Request) -> Response:
        jobs = Job.objects.owned_by(request.user).listed()
        if wanted := request.query_params.get("status"):
            if wanted.upper() not in State.values:
                raise Refused(f"one of {', '.join(State.values)} is expected", field="status")
            jobs = jobs.filter(state=wanted.upper())
        part, headers = page(request, jobs.defer("progress"))
        return Response([job_summary(job) for job in part], headers=headers)

    @schema.delete_all
    def destroy_all(self, request: Request) -> Response:
        # Choose the jobs once: one that is submitted later is neither cancelled nor hidden.
        listed = Job.objects.owned_by(request.user).listed()
        jobs = Job.objects.filter(pk__in=[*listed.values_list("pk", flat=True)])
        cancelling.cancel(jobs.active(), actor=request.user.username)
        cancelling.hide(jobs)
        return Response("Success")

    @schema.get_job
    def retrieve(self, request: Request, job_id: str) -> Response:
        job = _job_of(request, job_id)
        return Response(job_detail(job, logs.last_lines(job) if job.is_final else []))

    @schema.delete_job
    def destroy(self, request: Request, job_id: str) -> Response:
        job = _job_of(request, job_id)
        cancelling.cancel([job], actor=request.user.username)
        cancelling.hide(Job.objects.filter(pk=job.pk))
        return Response("Success")

    @schema.get_logs
    def log(self, request: Request, job_id: str) -> Response:
        job = _job_of(request, job_id)
        offset = query_integer(request, "offset", 0, most=2**31 - 1)
        limit = query_integer(request, "limit", MAX_LIMIT, most=MAX_LIMIT)
        lines = logs.lines_from(job, offset, limit)
        return Response(
            {
                "lines": [{"line": number, "text": text} for number, text in lines],
                "next_offset": lines[-1][0] + 1 if lines else offset,
            }
        )


class UploadedCodeViewSet(SwitchableViewSet):
    """Cube generations whose code is uploaded with them, as a zip."""

    permission_classes = [HasScope("process:cubegens")]
    parser_classes = [MultiPartParser]

    @schema.submit_code
    def submit(self, request: Request) -> Response:
        body, code = request.data.get("body"), request.data.get("user_code")
        missing = [n for n, v in (("body", body), ("user_code", code)) if not v]
        if missing or not hasattr(code, "read"):
            raise Refused(
                "A form with the parts body (JSON) and user_code (a zip file) is expected.",
                errors=[FieldError(name, "this part is missing") for name in missing],
            )
        document = parse_document(body.read() if hasattr(body, "read") else str(body).encode())
        archive = code.read()
        check_upload(code.name, archive)
        return Response(submitted(admission.admit(_submission(request, document, archive))))


def _without_code(document: Any) -> Any:
    """The request for an estimate, without user code, because no estimate depends on it.

    The xcube client gives the path of a local archive here; it uploads it only when it submits.
    """
    if not isinstance(document, dict):
        return document
    return {key: value for key, value in document.items() if key != "code_config"}


def _submission(request: Request, document: Any, code: bytes | None = None) -> Submission:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Refused(
            "a text of 1 to 255 printable characters is expected", field="Idempotency-Key"
        )
    return Submission(
        user=request.user,
        client_id=getattr(request.auth, "client_id", None) or "",
        may_run_code="process:cubegens" in scopes_of(request),
        document=document,
        code=code,
        idempotency_key=key,
        levels=_wants_levels(request),
        retry_of=_repeated_job(request),
    )


def _wants_levels(request: Request) -> bool:
    """Whether `levels` asks for a pyramid beside the cube. Raises Refused for other values."""
    wanted = request.query_params.get("levels", "false")
    if wanted not in ("true", "false"):
        raise Refused("true or false is expected", field="levels")
    return wanted == "true"


def _repeated_job(request: Request) -> Job | None:
    """The caller's job that `retry_of` names. Raises Refused unless it ended without a cube."""
    job_id = request.query_params.get("retry_of")
    if not job_id:
        return None
    job = find_job(owner_id=request.user.pk, job_id=job_id)
    if job is None or job.state not in (State.FAILED, State.CANCELLED):
        raise Refused(
            "the id of a job of yours that failed or was cancelled is expected", field="retry_of"
        )
    return job


def _job_of(request: Request, job_id: str) -> Job:
    """The caller's job of that id. Raises Refused (404) if there is none or another user has it."""
    job = find_job(owner_id=request.user.pk, job_id=job_id)
    if job is None:
        raise Refused(f"Cubegen {job_id[:63]} not found.", kind=Kind.NOT_FOUND)
    return job
