"""Checks the cluster for `manage.py check_cluster`, from the connection to the namespace.

Each check gives one row, with what to do if it failed. Nothing is created in the cluster, unless
a trial run is requested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hubsite.configuration.table import is_loopback

from ...outcomes import EngineUnavailable
from ..client import Api, NotAccepted, Refused
from ..connection import NotConfigured, Source, load, namespace_of
from ..pod_options import PodOptions
from .namespace import check_namespace
from .rows import Outcome, Place, Row, failed, has_failed, ok, warning
from .trial import run_trial

if TYPE_CHECKING:
    from kubernetes.client import Configuration

OLDEST = (1, 33)
"""Our Jobs use backoffLimitPerIndex, stable since 1.33, and podReplacementPolicy, stable since
1.34. Both were on by default before."""
CLOCK_WARNING_S = 5.0
CLOCK_FAILURE_S = 60.0


@dataclass(frozen=True)
class Asked:
    """The settings that are checked, and `trial_s`: how long a trial run may take."""

    source: Callable[[], Source]
    options: Callable[[], PodOptions]
    engine: str
    callback_url: str
    memory_bytes: int
    trial_s: float | None = None


def check_cluster(asked: Asked) -> Iterator[Row]:
    """Yield the rows one after the other. After a failed row, checks that depend on it are left
    out."""
    yield _engine(asked.engine)
    yield _callback(asked.callback_url)
    try:
        options = asked.options()
    except ValueError as error:
        settings = (
            "XCUBE_HUB_POD_VOLUMES, XCUBE_HUB_SERVICE_WORKSPACE or XCUBE_HUB_SERVICE_ROUTES_VIA"
        )
        yield failed("pods", str(error), f"Correct the setting {settings}.")
        return
    try:
        source = asked.source()
        namespace, configuration = namespace_of(source), load(source)
    except NotConfigured as error:
        yield failed("configuration", error.fault, error.remedy)
        return
    yield ok("configuration", f"{source.text}, namespace {namespace}")
    api = Api(lambda: load(source))
    place = Place(api, namespace, options)
    if not (yield from _check_connection(place, configuration, source)):
        return
    rows: list[Row] = []
    for row in check_namespace(place, memory_bytes=asked.memory_bytes):
        rows.append(row)
        yield row
    if asked.trial_s is None:
        return
    if has_failed(rows):
        yield warning("trial run", "left out, for what failed", "Fix that first.")
        return
    yield run_trial(
        place,
        callback_url=asked.callback_url,
        memory_bytes=asked.memory_bytes,
        wait_s=asked.trial_s,
    )


def _engine(name: str) -> Row:
    if name == "kubernetes":
        return ok("engine", "jobs run in the cluster")
    return warning(
        "engine",
        f"XCUBE_HUB_ENGINE is {name}: jobs do not run in the cluster",
        "Set XCUBE_HUB_ENGINE=kubernetes.",
    )


def _callback(url: str) -> Row:
    """Check the callback URL. Only a trial run shows whether pods reach it, but some URLs can be
    reached by no pod."""
    host = urlsplit(url).hostname or ""
    if not is_loopback(host):
        return ok("callback URL", url)
    return failed(
        "callback URL",
        f"{url}: in a pod, {host} is the pod itself",
        "Set XCUBE_HUB_CALLBACK_URL to a URL, with /api/v2, at which pods reach the hub, for "
        "instance http://xcube-hub-web.HUB-NAMESPACE.svc:8080/api/v2.",
    )


def _check_connection(
    place: Place, configuration: Configuration, source: Source
) -> Generator[Row, None, bool]:
    """Check whether the API server answers, and which account it sees; returns whether it does."""
    api, host = place.api, configuration.host
    try:
        version = api.get("/version")
    except NotAccepted as error:
        yield ok("API server", f"{host} answers")
        yield failed("credentials", str(error), _credentials_mend(source, place.namespace))
        return False
    except Refused as refused:
        version = {"gitVersion": f"not told: {refused}"}
    except EngineUnavailable as error:
        yield failed("API server", f"{host}: {error}", _reach_mend(str(error), source))
        return False
    if configuration.verify_ssl or not host.startswith("https:"):
        yield ok("API server", f"{host} answers")
    else:
        yield warning(
            "API server",
            f"{host} answers, and its certificate is not looked at",
            "Replace insecure-skip-tls-verify in the kubeconfig by certificate-authority-data.",
        )
    yield _version(version)
    credentials = place.row("credentials", lambda: _credentials(api, source, place.namespace))
    yield credentials
    if credentials.outcome is Outcome.FAILED:
        return False
    yield place.row("clock", lambda: _clock(_date(api), now=datetime.now(UTC)))
    return True


def _reach_mend(text: str, source: Source) -> str:
    if "certificate" in text.lower():
        return (
            "The certificate is not of the authority that we trust: set certificate-authority-data "
            f"to the cluster's own (kubectl config view --raw --minify), in {source.text}."
        )
    place = "its pod" if source.kubeconfig is None else "this machine"
    return (
        f"Correct the server's address in {source.text}, or the network between {place} and the "
        "API server (curl -k ADDRESS/version tries it); HTTPS_PROXY and NO_PROXY are obeyed."
    )


def _version(version: Mapping[str, Any]) -> Row:
    said = str(version.get("gitVersion"))
    numbers = [re.match(r"\d+", str(version.get(key, ""))) for key in ("major", "minor")]
    needed = ".".join(map(str, OLDEST))
    if not all(numbers):
        remedy = f"Make sure that the cluster is Kubernetes {needed} or newer."
        return warning("version", f"{said}: which Kubernetes that is cannot be told", remedy)
    if tuple(int(number[0]) for number in numbers if number) < OLDEST:
        return failed("version", said, f"Upgrade the cluster to Kubernetes {needed} or newer.")
    return ok("version", said)


def _credentials(api: Api, source: Source, namespace: str) -> Row:
    """The account as which the API server has authenticated the hub."""
    kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", kind)
    except (NotAccepted, Refused) as error:
        return failed("credentials", str(error), _credentials_mend(source, namespace))
    user = answer["status"]["userInfo"]
    if "system:masters" in user.get("groups", ()):
        return warning(
            "credentials",
            f"{user['username']}, who may do everything in the cluster",
            f"Give the hub the account of deploy/kubernetes/role.yaml: "
            f"{_credentials_mend(source, namespace)}",
        )
    return ok("credentials", user["username"])


def _credentials_mend(source: Source, namespace: str) -> str:
    if source.kubeconfig is None:
        return (
            "The token of this pod's service account is of another cluster, or its account was "
            "deleted: make the account anew, then restart the pod."
        )
    return (
        f"Put a new token into the kubeconfig; this makes one: kubectl -n {namespace} create token "
        "xcube-hub-engine --duration=720h"
    )


def _date(api: Api) -> str | None:
    try:
        return api.date()
    except Refused:  # as the version was
        return None


def _clock(date: str | None, *, now: datetime) -> Row:
    """The difference of the clocks. The server's Date has whole seconds, so half a second is
    added."""
    try:
        theirs = parsedate_to_datetime(date or "") + timedelta(seconds=0.5)
    except ValueError:
        return ok("clock", "the API server does not tell its own")
    ahead_s = (now - theirs).total_seconds()
    if abs(ahead_s) <= CLOCK_WARNING_S:
        return ok("clock", "the same as the API server's")
    found = f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} the API server's"
    remedy = (
        "Set this machine's clock by NTP (timedatectl set-ntp true), and the API server's: "
        "credentials and deadlines are reckoned by them."
    )
    kind = failed if abs(ahead_s) > CLOCK_FAILURE_S else warning
    return kind("clock", found, remedy)
