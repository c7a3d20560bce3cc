"""Checks whether the namespace accepts the hub's objects, by reading and by dry runs.

It uses only permissions of the hub's own Role, and creates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from ...specs import Container, Program, Report, Run, Service
from .. import pods, runs
from ..client import Refused
from ..routes import ROUTES
from ..services import manifests as services
from .gateways import check_gateways
from .objects import check_objects
from .permissions import NEEDED, Permission, permissions
from .rows import Place, Row, failed, is_denied, is_quota, ok, role_mend, warning

Json = dict[str, Any]

ENFORCE = "pod-security.kubernetes.io/enforce"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NEEDED_FIELDS = ("backoffLimitPerIndex", "podReplacementPolicy", "podFailurePolicy")
_GROUPS = {"jobs": "/apis/batch/v1", "deployments": "/apis/apps/v1"}
_PROGRAM = Program(archive=bytes(1 << 17), module="jobs.runner", requires="xcube")


def check_namespace(place: Place, *, memory_bytes: int) -> Iterator[Row]:
    found: Json = {}
    row = place.row("namespace", partial(_namespace, place, found))
    yield row
    chosen = place.options.routes
    of_routes = permissions(ROUTES[chosen.kind].resources) if chosen else ()
    for permission in (*NEEDED, *of_routes):
        yield place.row(f"may {permission}", partial(_permission, place, permission))
    if not found:
        return
    yield _pod_security(place.namespace, found)
    yield from check_objects(place)
    yield from _made(place, memory_bytes=memory_bytes)
    yield from check_gateways(place)


def _namespace(place: Place, found: Json) -> Row:
    """Check that the namespace exists and is not being deleted; `found` is set to it."""
    name = place.namespace
    make = f"kubectl create namespace {name}"
    try:
        answer = place.api.get(place.path())
    except Refused as refused:
        if refused.status == 404:
            return failed("namespace", f"there is no {name}", f"{make}; {role_mend(name)}")
        if is_denied(refused):
            # A service account of the namespace gets this answer also if the namespace is missing.
            fault = f"there is no {name}, or the hub may not look at it"
            return failed("namespace", fault, f"{make}, if there is none; {role_mend(name)}")
        raise
    if answer["metadata"].get("deletionTimestamp"):
        return failed(
            "namespace",
            f"{name} is being deleted",
            f"Wait until it is gone, then: {make}; {role_mend(name)} Or choose another by "
            "XCUBE_HUB_NAMESPACE.",
        )
    found.update(answer)
    return ok("namespace", name)


def _permission(place: Place, permission: Permission) -> Row:
    asked = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": permission.attributes(place.namespace)},
    }
    status = place.api.create(_REVIEWS, asked)["status"]
    what = f"may {permission}"
    if status.get("allowed"):
        return ok(what, "yes")
    said = status.get("reason") or status.get("evaluationError")
    return failed(what, f"no: {said}" if said else "no", role_mend(place.namespace))


def _pod_security(name: str, namespace: Json) -> Row:
    """Check the Pod Security Standard. The hub's pods meet `restricted`; other pods should too."""
    level = (namespace["metadata"].get("labels") or {}).get(ENFORCE)
    if level == "restricted":
        return ok("pod security", "restricted is enforced")
    return warning(
        "pod security",
        f"{level} is enforced, not restricted" if level else "the namespace enforces no level",
        f"kubectl label --overwrite namespace {name} {ENFORCE}=restricted",
    )


def _made(place: Place, *, memory_bytes: int) -> Iterator[Row]:
    """Check by a dry run whether the API server accepts the objects of a run and of a service.

    That shows quotas and admission rules for these. Pods have quotas and admission rules of
    their own, which only a trial run shows.
    """
    run = Run(
        name="xcube-hub-check",
        attempt=1,
        container=Container(owner="check", program=_PROGRAM, memory_bytes=memory_bytes),
        payload={},
        deadline_s=60,
        report=Report("", ""),
    )
    instance = place.options.instance
    secret = runs.secret(run, job_uid="check", instance=instance)
    config_map = pods.program_config_map(_PROGRAM)
    yield place.row("takes a ConfigMap", partial(_takes, place, "configmaps", config_map))
    yield place.row("takes a Secret", partial(_takes, place, "secrets", secret))
    job = runs.job(run, place.options)
    yield place.row("takes a Job", partial(_takes, place, "jobs", job))
    service = Service("xcube-hub-check", 1, run.container, {})
    deployment = services.deployment(service, place.options)
    yield place.row("takes a Deployment", partial(_takes, place, "deployments", deployment))
    address = services.address(service, place.options)
    address["metadata"]["ownerReferences"][0]["uid"] = "check"
    yield place.row("takes a Service", partial(_takes, place, "services", address))


def _takes(place: Place, kind: str, body: Json) -> Row:
    what = f"takes a {body['kind']}"
    group = _GROUPS.get(kind, "/api/v1")
    try:
        made, warnings = place.api.try_create(place.path(kind, group=group), body)
    except Refused as refused:
        if refused.status == 409:
            return ok(what, "yes")
        return _refusal(what, refused, place.namespace)
    if kind == "jobs" and (lacking := [f for f in _NEEDED_FIELDS if f not in made["spec"]]):
        return failed(
            what,
            f"the API server drops {', '.join(lacking)}",
            "Upgrade the cluster, or turn on the feature gates JobBackoffLimitPerIndex, "
            "JobPodReplacementPolicy and JobPodFailurePolicy.",
        )
    violations = [text for text in warnings if "violate PodSecurity" in text]
    if violations:
        return failed(
            what,
            f"its pods {violations[0].removeprefix('would ')}",
            "Take what the message names out of the settings XCUBE_HUB_POD_…; nothing else of our "
            "pods depends on them.",
        )
    if warnings:
        return warning(
            what, f"yes, but: {'; '.join(warnings)}", "Look at the settings XCUBE_HUB_POD_…."
        )
    return ok(what, "yes")


def _refusal(what: str, refused: Refused, namespace: str) -> Row:
    if is_quota(refused):
        return failed(
            what,
            str(refused),
            f"Raise it (kubectl -n {namespace} edit resourcequota), or wait for jobs or services "
            "to end.",
        )
    if "does not support dry run" in str(refused):
        return warning(
            what,
            str(refused),
            "It cannot be told without making one: run check_cluster --trial.",
        )
    if is_denied(refused):
        raise refused
    # 422 usually means that the object is invalid, but a policy may answer it as well.
    if refused.status in (400, 422) and "denied" not in str(refused):
        return failed(
            what, str(refused), "Correct the setting XCUBE_HUB_POD_… that is named there."
        )
    return failed(
        what,
        str(refused),
        "Admission of the cluster refuses it: change its policy, or what the message names, in "
        "the settings XCUBE_HUB_POD_….",
    )
