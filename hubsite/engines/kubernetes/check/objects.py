"""Checks that objects named in the settings exist: claims, Secrets, ConfigMaps, classes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

from ..client import Refused
from ..pod_options import Volume
from .rows import Place, Row, failed, is_denied, is_quota, ok, warning

Json = dict[str, Any]


def check_objects(place: Place) -> Iterator[Row]:
    options = place.options
    for volume in options.volumes:
        yield place.row(f"claim {volume.claim}", partial(_claim, place, volume))
    if (workspace := options.workspace) and workspace not in options.volumes:
        yield place.row(f"claim {workspace.claim}", partial(_claim, place, workspace))
    for name in options.pull_secrets:
        what = f"pull secret {name}"
        make = (
            f"kubectl -n {place.namespace} create secret docker-registry {name} --docker-server=… "
            "--docker-username=… --docker-password=…; or take it out of XCUBE_HUB_POD_PULL_SECRETS."
        )
        yield place.row(what, partial(_secret, place, what, name, make))
    if name := options.env_secret:
        what = f"environment secret {name}"
        make = (
            f"kubectl -n {place.namespace} create secret generic {name} --from-env-file=FILE; or "
            "unset XCUBE_HUB_POD_ENV_SECRET."
        )
        yield place.row(what, partial(_secret, place, what, name, make))
    if name := options.env_config_map:
        yield place.row(f"environment map {name}", partial(_config_map, place, name))
    if name := options.priority_class:
        path = "/apis/scheduling.k8s.io/v1/priorityclasses"
        setting = "XCUBE_HUB_POD_PRIORITY_CLASS"
        what = f"priority class {name}"
        yield place.row(what, partial(_class, place, what, path, name, setting))
    if name := options.runtime_class:
        path = "/apis/node.k8s.io/v1/runtimeclasses"
        setting = "XCUBE_HUB_POD_RUNTIME_CLASS"
        what = f"runtime class {name}"
        yield place.row(what, partial(_class, place, what, path, name, setting))


def _claim(place: Place, volume: Volume) -> Row:
    name, namespace = volume.claim, place.namespace
    what = f"claim {name}"
    try:
        claim = place.api.get(place.path("persistentvolumeclaims", name))
    except Refused as refused:
        if refused.status != 404:
            raise
        return failed(
            what,
            "there is none",
            f"Make the PersistentVolumeClaim {name} in {namespace} (kubectl -n {namespace} apply "
            "-f FILE), or take it out of XCUBE_HUB_POD_VOLUMES or XCUBE_HUB_SERVICE_WORKSPACE.",
        )
    return _claim_row(what, claim, volume, namespace)


def _claim_row(what: str, claim: Json, volume: Volume, namespace: str) -> Row:
    status = claim.get("status") or {}
    phase = status.get("phase") or "Pending"
    describe = f"kubectl -n {namespace} describe pvc {volume.claim} tells why"
    if claim["metadata"].get("deletionTimestamp"):
        return failed(what, "it is being deleted", "Make it anew when it is gone.")
    if phase == "Pending":
        return warning(
            what,
            "it is not bound to a volume",
            f"{describe}. If it waits for its first consumer, the first run binds it; else make a "
            "PersistentVolume that fits it.",
        )
    if phase != "Bound":
        return failed(what, f"it is {phase}", f"{describe}: its volume is gone; make both anew.")
    modes = set(status.get("accessModes") or [])
    wanted = {"ReadWriteMany"} if volume.per_user else {"ReadWriteMany", "ReadOnlyMany"}
    if not modes & wanted:
        return warning(
            what,
            f"bound, but only {', '.join(sorted(modes))}: runs on other nodes wait for it",
            f"Make a claim with accessModes [{sorted(wanted)[-1]}], or keep runs on one node by "
            "XCUBE_HUB_POD_NODE_SELECTOR.",
        )
    return ok(what, f"bound, {', '.join(sorted(modes))}")


def _secret(place: Place, what: str, name: str, make: str) -> Row:
    """Check that a Secret exists. The Role may not read it, but a dry run to create it says so."""
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    try:
        place.api.try_create(place.path("secrets"), body)
    except Refused as refused:
        if refused.status == 409:
            return ok(what, "it is there")
        if refused.status == 422:
            return failed(what, "no Secret can be called so", make)
        if is_quota(refused) or "does not support dry run" in str(refused):
            return warning(
                what,
                f"cannot be told without reading Secrets: {refused}",
                f"See whether it is there: kubectl -n {place.namespace} get secret {name}",
            )
        raise
    return failed(what, "there is none", make)


def _config_map(place: Place, name: str) -> Row:
    what = f"environment map {name}"
    try:
        place.api.get(place.path("configmaps", name))
    except Refused as refused:
        if refused.status != 404:
            raise
        return failed(
            what,
            "there is none",
            f"kubectl -n {place.namespace} create configmap {name} --from-env-file=FILE; or unset "
            "XCUBE_HUB_POD_ENV_CONFIG_MAP.",
        )
    return ok(what, "it is there")


def _class(place: Place, what: str, path: str, name: str, setting: str) -> Row:
    """Check a class. Classes belong to the cluster, so the hub's Role cannot read them."""
    try:
        place.api.get(f"{path}/{quote(name, safe='')}")
    except Refused as refused:
        if refused.status == 404:
            return failed(what, "there is none", f"Set {setting} to one that the cluster has.")
        if is_denied(refused):
            return warning(
                what,
                "the hub's Role does not show the cluster's classes",
                "Run check_cluster --trial, which needs it; or check_cluster with your own "
                "kubeconfig.",
            )
        raise
    return ok(what, "it is there")
