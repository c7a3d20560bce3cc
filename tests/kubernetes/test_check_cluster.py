"""`manage.py check_cluster` on a real API server: each row is broken, and its remedy mends it."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from hubsite.engines.kubernetes.check.permissions import NEEDED, Permission
from tests.servers.kubernetes import access, manifests
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.controlplane import Cluster

from .altered import AlteringProxy
from .checked import Check
from .crds import http_routes

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def check(settings: Any, hub_access: HubAccess) -> Check:
    return Check(settings, hub_access.kubeconfig)


@pytest.fixture
def altering(cluster: Cluster) -> Iterator[AlteringProxy]:
    with AlteringProxy(upstream=cluster.url, ca=cluster.ca) as proxy:
        yield proxy


@pytest.fixture
def altered_check(
    settings: Any, cluster: Cluster, namespace: str, altering: AlteringProxy, tmp_path: Path
) -> Check:
    by_proxy = access.hub_access(cluster, namespace, folder=tmp_path, url=altering.url)
    return Check(settings, by_proxy.kubeconfig)


def test_a_sound_cluster_has_only_good_rows(check: Check, namespace: str) -> None:
    rows = check.rows()
    assert {row["outcome"] for row in rows.values()} == {"ok"}
    assert list(rows)[:7] == [
        "engine", "callback URL", "configuration", "API server", "version", "credentials", "clock",
    ]  # fmt: skip
    assert rows["configuration"]["found"].endswith(f"namespace {namespace}")
    account = f"system:serviceaccount:{namespace}:{access.ACCOUNT}"
    assert rows["credentials"]["found"] == account


def test_nothing_is_made(check: Check, cluster: Cluster, namespace: str) -> None:
    def objects() -> list[str]:
        root = f"/api/v1/namespaces/{namespace}"
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        paths = (f"{root}/secrets", f"{root}/configmaps", jobs, f"{root}/pods")
        return [item["metadata"]["name"] for path in paths for item in cluster.api.items(path)]

    until(lambda: "kube-root-ca.crt" in objects(), "the namespace's own map")
    before = objects()
    check.rows()
    assert objects() == before


def test_the_table_is_plain_in_a_pipe_and_mends_are_single_lines(
    check: Check, monkeypatch: pytest.MonkeyPatch, namespace: str
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    check.set(
        XCUBE_HUB_NAMESPACE=(other := f"{namespace}-none"),
        XCUBE_HUB_CALLBACK_URL="http://127.0.0.1:8080/api/v2",
    )
    output = io.StringIO()
    with pytest.raises(CommandError, match=r"rows failed") as error:
        call_command("check_cluster", stdout=output)
    assert error.value.returncode == 1
    shown = output.getvalue()
    assert "\x1b" not in shown
    for text in ("LOOKED_AT", "API server", "may create jobs", "failed"):
        assert text in shown
    role = f"kubectl -n {other} apply -f deploy/kubernetes/role.yaml"
    lines = shown.splitlines()
    assert sum(line.startswith(f"  {role}") for line in lines) == 1  # said once for all verbs
    assert any(line.startswith("callback URL (failed):") for line in lines)


def test_all_is_well_is_said(check: Check) -> None:
    output = io.StringIO()
    call_command("check_cluster", stdout=output)
    assert output.getvalue().rstrip().endswith("All is well.")


# Settings


def test_row_engine(check: Check) -> None:
    check.set(XCUBE_HUB_ENGINE="local")
    row = check.row("engine")
    assert (row["outcome"], row["remedy"]) == ("warning", "Set XCUBE_HUB_ENGINE=kubernetes.")
    check.set(XCUBE_HUB_ENGINE="kubernetes")
    assert check.outcome("engine") == "ok"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_row_callback_url(check: Check, host: str) -> None:
    check.set(XCUBE_HUB_CALLBACK_URL=f"http://{host}:8080/api/v2")
    row = check.row("callback URL")
    assert row["outcome"] == "failed"
    assert row["remedy"].startswith("Set XCUBE_HUB_CALLBACK_URL to a URL, with /api/v2")
    check.set(XCUBE_HUB_CALLBACK_URL="http://xcube-hub-web.hub.svc:8080/api/v2")
    assert check.outcome("callback URL") == "ok"


def test_row_pods(check: Check) -> None:
    check.set(XCUBE_HUB_POD_VOLUMES=["cubes"])
    row = check.row("pods")
    assert row["outcome"] == "failed"
    assert "expected claim:/path" in row["found"]
    assert "XCUBE_HUB_POD_VOLUMES" in row["remedy"]
    check.set(XCUBE_HUB_POD_VOLUMES=["cubes:/cubes"])
    assert check.outcome("pods") == "absent"


# Connection


def test_row_configuration(check: Check, hub_access: HubAccess, tmp_path: Path) -> None:
    check.set(KUBECONFIG=str(tmp_path / "none"))
    rows = check.rows()
    assert rows["configuration"]["outcome"] == "failed"
    assert rows["configuration"]["remedy"].startswith("Set KUBECONFIG")
    assert "API server" not in rows
    check.set(KUBECONFIG=str(hub_access.kubeconfig))
    check.set(XCUBE_HUB_KUBE_CONTEXT="another")
    assert "to one that it has: test." in check.row("configuration")["remedy"]
    check.set(XCUBE_HUB_KUBE_CONTEXT="test")
    assert check.outcome("configuration") == "ok"


def test_row_api_server_that_is_away(altered_check: Check, altering: AlteringProxy) -> None:
    altering.refuse()
    rows = altered_check.rows()
    assert rows["API server"]["outcome"] == "failed"
    assert "refused" in rows["API server"]["found"]
    assert "Correct the server's address" in rows["API server"]["remedy"]
    assert "version" not in rows
    altering.heal()
    assert altered_check.outcome("API server") == "ok"


def test_row_api_server_of_an_unknown_name(
    check: Check, hub_access: HubAccess, cluster: Cluster
) -> None:
    server = _of_kubeconfig(hub_access.kubeconfig, "server")
    _change_kubeconfig(hub_access.kubeconfig, server="https://no-such-host.invalid:6443")
    row = check.row("API server")
    assert row["outcome"] == "failed"
    assert "no-such-host.invalid" in row["found"]
    assert "Correct the server's address" in row["remedy"]
    _change_kubeconfig(hub_access.kubeconfig, server=server)
    assert check.outcome("API server") == "ok"


def test_row_api_server_of_another_authority(
    check: Check, hub_access: HubAccess, cluster: Cluster, tmp_path: Path
) -> None:
    from tests.servers.kubernetes.certificates import Authority

    Authority(tmp_path / "others")
    others = str(tmp_path / "others" / "ca.crt")
    _change_kubeconfig(hub_access.kubeconfig, **{"certificate-authority": others})
    row = check.row("API server")
    assert row["outcome"] == "failed"
    assert "certificate verify failed" in row["found"]
    assert row["remedy"].startswith("The certificate is not of the authority that we trust")
    assert cluster.ca
    data = base64.b64encode(cluster.ca.read_bytes()).decode()
    _change_kubeconfig(
        hub_access.kubeconfig,
        **{"certificate-authority": None, "certificate-authority-data": data},
    )
    assert check.outcome("API server") == "ok"


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_row_api_server_whose_certificate_is_not_looked_at(
    check: Check, hub_access: HubAccess
) -> None:
    ca = _of_kubeconfig(hub_access.kubeconfig, "certificate-authority")
    skip = {"certificate-authority": None, "insecure-skip-tls-verify": True}
    _change_kubeconfig(hub_access.kubeconfig, **skip)
    row = check.row("API server")
    assert row["outcome"] == "warning"
    assert "insecure-skip-tls-verify" in row["remedy"]
    mended = {"certificate-authority": ca, "insecure-skip-tls-verify": None}
    _change_kubeconfig(hub_access.kubeconfig, **mended)
    assert check.outcome("API server") == "ok"


def test_row_version(altered_check: Check, altering: AlteringProxy) -> None:
    old = {"major": "1", "minor": "32+", "gitVersion": "v1.32.9-cloud.3"}
    altering.alter(method="GET", path="^/version", change=lambda document: document | old)
    row = altered_check.row("version")
    assert (row["outcome"], row["found"]) == ("failed", "v1.32.9-cloud.3")
    assert row["remedy"] == "Upgrade the cluster to Kubernetes 1.33 or newer."
    altering.heal()
    altering.alter(method="GET", path="^/version", change=lambda document: document | {"minor": ""})
    assert altered_check.outcome("version") == "warning"
    altering.heal()
    new = {"minor": "33", "gitVersion": "v1.33.0"}
    altering.alter(method="GET", path="^/version", change=lambda document: document | new)
    assert altered_check.outcome("version") == "ok"


def test_a_version_that_is_not_told_is_a_warning_and_no_more(
    altered_check: Check, altering: AlteringProxy
) -> None:
    altering.answer(403, path="^/version", times=2, message='User "hub" cannot get path "/version"')
    rows = altered_check.rows()
    assert rows["version"]["outcome"] == "warning"
    assert {row["outcome"] for what, row in rows.items() if what != "version"} == {"ok"}
    assert altered_check.outcome("version") == "ok"


def test_row_credentials(
    check: Check, hub_access: HubAccess, cluster: Cluster, namespace: str
) -> None:
    _change_token(hub_access.kubeconfig, "not-a-token")
    rows = check.rows()
    assert rows["API server"]["outcome"] == "ok"
    row = rows["credentials"]
    assert row["outcome"] == "failed"
    assert f"kubectl -n {namespace} create token xcube-hub-engine" in row["remedy"]
    assert "namespace" not in rows
    _change_token(hub_access.kubeconfig, access.request_token(cluster, namespace))
    assert check.outcome("credentials") == "ok"


def test_row_credentials_of_an_administrator(check: Check, cluster: Cluster) -> None:
    check.set(KUBECONFIG=str(cluster.kubeconfig), XCUBE_HUB_NAMESPACE="default")
    row = check.row("credentials")
    assert row["outcome"] == "warning"
    assert "deploy/kubernetes/role.yaml" in row["remedy"]


def test_row_credentials_of_nobody(check: Check, hub_access: HubAccess) -> None:
    _change_token(hub_access.kubeconfig, None)
    assert check.outcome("credentials") == "failed"
    _change_token(hub_access.kubeconfig, hub_access.token)
    assert check.outcome("credentials") == "ok"


@pytest.mark.parametrize(
    ("off_s", "outcome"), [(-3, "ok"), (-20, "warning"), (20, "warning"), (120, "failed")]
)
def test_row_clock(
    altered_check: Check, altering: AlteringProxy, off_s: float, outcome: str
) -> None:
    def date() -> str:
        return format_datetime(datetime.now(UTC) - timedelta(seconds=off_s), usegmt=True)

    altering.alter(method="GET", path="^/version", date=date)
    row = altered_check.row("clock")
    assert row["outcome"] == outcome
    if outcome != "ok":
        assert ("ahead of" if off_s > 0 else "behind") in row["found"]
        assert "timedatectl set-ntp true" in row["remedy"]
    altering.heal()
    assert altered_check.outcome("clock") == "ok"


def test_a_server_that_goes_away_in_between_leaves_rows_not_a_traceback(
    altered_check: Check, altering: AlteringProxy
) -> None:
    altering.answer(503, path="selfsubjectaccessreviews", times=2, message="overloaded")
    rows = altered_check.rows()
    assert rows["may create jobs"]["outcome"] == "failed"
    assert "overloaded" in rows["may create jobs"]["found"]
    assert rows["may list jobs"]["outcome"] == "ok"


# Namespace and Role


def test_row_namespace_that_is_not_there(
    check: Check, cluster: Cluster, hub_access: HubAccess
) -> None:
    name = f"test-{secrets.token_hex(4)}"
    check.set(XCUBE_HUB_NAMESPACE=name)
    rows = check.rows()
    row = rows["namespace"]
    assert row["outcome"] == "failed"
    assert row["remedy"].startswith(
        f"kubectl create namespace {name}, if there is none; kubectl -n"
    )
    assert {rows[f"may {permission}"]["outcome"] for permission in NEEDED} == {"failed"}
    assert "takes a Job" not in rows
    # The remedy; its RoleBinding names the account that the hub uses.
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        role = manifests.read(access.ROLE)
        (binding,) = (document for document in role if document["kind"] == "RoleBinding")
        _, _, _, binding["subjects"][0]["name"] = rows["credentials"]["found"].split(":")
        binding["subjects"][0]["namespace"] = hub_access.namespace
        manifests.apply(cluster.api, role, namespace=name)
        assert check.until("namespace", "ok")
    finally:
        cluster.api.delete(f"/api/v1/namespaces/{name}")


def test_row_namespace_that_is_not_there_as_an_administrator_sees_it(
    check: Check, cluster: Cluster
) -> None:
    name = f"test-{secrets.token_hex(4)}"
    check.set(KUBECONFIG=str(cluster.kubeconfig), XCUBE_HUB_NAMESPACE=name)
    row = check.row("namespace")
    assert (row["outcome"], row["found"]) == ("failed", f"there is no {name}")
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    assert check.outcome("namespace") == "ok"
    cluster.api.delete(f"/api/v1/namespaces/{name}")


def test_row_namespace_that_is_being_deleted(
    check: Check, cluster: Cluster, namespace: str
) -> None:
    held = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.api.post(held, {"metadata": {"name": "held", "finalizers": ["tests/held"]}})
    cluster.api.delete(f"/api/v1/namespaces/{namespace}")
    # Its Role goes too, in a moment; whoever may still look sees it end.
    check.set(KUBECONFIG=str(cluster.kubeconfig), XCUBE_HUB_NAMESPACE=namespace)
    rows = check.rows()
    assert rows["namespace"]["found"] == f"{namespace} is being deleted"
    assert "Wait until it is gone" in rows["namespace"]["remedy"]
    assert "XCUBE_HUB_NAMESPACE" in rows["namespace"]["remedy"]
    assert "takes a Job" not in rows
    check.set(XCUBE_HUB_NAMESPACE="default")
    assert check.outcome("namespace") == "ok"
    cluster.api.patch(f"{held}/held", {"metadata": {"finalizers": None}})
    until(lambda: not cluster.api.exists(f"/api/v1/namespaces/{namespace}"), "end of it")
    cluster.api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})


def test_rows_of_all_verbs(check: Check, cluster: Cluster, namespace: str) -> None:
    """Without one, its row alone of all verbs fails."""
    role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/{access.ACCOUNT}"
    rules = cluster.api.get(role)["rules"]
    for permission in NEEDED:
        cluster.api.patch(role, {"rules": [*without(rules, permission)]})

        def failed(permission: Permission = permission) -> dict[str, str] | None:
            rows = check.rows()
            verbs = [what for what in rows if what.startswith("may ")]
            assert len(verbs) >= len(NEEDED)
            is_alone = [what for what in verbs if rows[what]["outcome"] != "ok"]
            return rows[is_alone[0]] if is_alone == [f"may {permission}"] else None

        row = until(failed, f"a refusal of {permission} alone")
        assert row["outcome"] == "failed"
        command = f"kubectl -n {namespace} apply -f deploy/kubernetes/role.yaml"
        assert row["remedy"].startswith(command)
    manifests.apply(cluster.api, manifests.read(access.ROLE), namespace=namespace)
    until(lambda: {row["outcome"] for row in check.rows().values()} == {"ok"}, "good rows")


def without(rules: list[dict[str, Any]], permission: Permission) -> Iterator[dict[str, Any]]:
    """The rules of a Role, but for this one verb."""
    of_it = ([permission.group], [permission.resource])
    for rule in rules:
        is_it = (rule["apiGroups"], rule["resources"]) == of_it
        assert not is_it or permission.verb in rule["verbs"]
        if verbs := [verb for verb in rule["verbs"] if not is_it or verb != permission.verb]:
            yield {**rule, "verbs": verbs}


@pytest.mark.parametrize("level", [None, "baseline", "privileged"])
def test_row_pod_security(
    check: Check, cluster: Cluster, namespace: str, level: str | None
) -> None:
    label = "pod-security.kubernetes.io/enforce"
    path = f"/api/v1/namespaces/{namespace}"
    cluster.api.patch(path, {"metadata": {"labels": {label: level}}})
    row = check.row("pod security")
    assert row["outcome"] == "warning"
    assert (level or "no level") in row["found"]
    assert row["remedy"] == f"kubectl label --overwrite namespace {namespace} {label}=restricted"
    cluster.api.patch(path, {"metadata": {"labels": {label: "restricted"}}})
    assert check.outcome("pod security") == "ok"


# What the settings name


@pytest.fixture
def volume(cluster: Cluster) -> Iterator[Callable[..., str]]:
    """Make a PersistentVolume of this name and these access modes; gives its path."""
    made = []

    def make(name: str, *modes: str) -> str:
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": list(modes),
            "hostPath": {"path": "/nowhere"},
            "storageClassName": name,
        }
        cluster.api.post("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": spec})
        made.append(path := f"/api/v1/persistentvolumes/{name}")
        # A claim that comes before is looked at again only after 15 s.
        until(lambda: cluster.api.get(path)["status"].get("phase") != "Pending", "volume")
        return path

    yield make
    for path in made:
        if cluster.api.exists(path):
            cluster.api.delete(path)


def _claim(name: str, storage_class: str, *modes: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "accessModes": list(modes),
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def test_row_claim(
    check: Check, cluster: Cluster, namespace: str, volume: Callable[..., str]
) -> None:
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    check.set(XCUBE_HUB_POD_VOLUMES=["cubes:/cubes:per-user"])
    row = check.row("claim cubes")
    assert (row["outcome"], row["found"]) == ("failed", "there is none")
    assert f"Make the PersistentVolumeClaim cubes in {namespace}" in row["remedy"]
    cluster.api.post(claims, _claim("cubes", namespace, "ReadWriteMany"))
    row = check.row("claim cubes")
    assert (row["outcome"], row["found"]) == ("warning", "it is not bound to a volume")
    assert "make a PersistentVolume that fits it" in row["remedy"]
    path = volume(namespace, "ReadWriteMany")
    assert check.until("claim cubes", "ok")["found"] == "bound, ReadWriteMany"
    cluster.api.delete(path)
    # In this order: the protection of volumes in use comes back to one that is not being deleted.
    cluster.api.patch(path, {"metadata": {"finalizers": None}})
    row = check.until("claim cubes", "failed")
    assert row["found"] == "it is Lost"
    assert f"kubectl -n {namespace} describe pvc cubes" in row["remedy"]
    cluster.api.delete(f"{claims}/cubes")
    until(lambda: not cluster.api.exists(f"{claims}/cubes"), "end of the claim")
    again = f"{namespace}-again"
    volume(again, "ReadWriteMany")
    cluster.api.post(claims, _claim("cubes", again, "ReadWriteMany"))
    check.until("claim cubes", "ok")


def test_row_claim_of_the_workspaces(
    check: Check, cluster: Cluster, namespace: str, volume: Callable[..., str]
) -> None:
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    check.set(XCUBE_HUB_SERVICE_WORKSPACE="homes:/home")
    row = check.row("claim homes")
    assert (row["outcome"], row["found"]) == ("failed", "there is none")
    assert "XCUBE_HUB_SERVICE_WORKSPACE" in row["remedy"]
    volume(namespace, "ReadWriteMany")
    cluster.api.post(claims, _claim("homes", namespace, "ReadWriteMany"))
    check.until("claim homes", "ok")
    check.set(XCUBE_HUB_SERVICE_WORKSPACE="homes")
    assert "XCUBE_HUB_SERVICE_WORKSPACE" in check.row("pods")["remedy"]


def test_row_claim_that_only_one_node_can_use(
    check: Check, cluster: Cluster, namespace: str, volume: Callable[..., str]
) -> None:
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    for name, mode in (("one", "ReadWriteOnce"), ("many", "ReadOnlyMany")):
        volume(f"{namespace}-{name}", mode)
        cluster.api.post(claims, _claim(name, f"{namespace}-{name}", mode))
    check.set(XCUBE_HUB_POD_VOLUMES=["one:/data"])
    row = until(
        lambda: row if "ReadWriteOnce" in (row := check.row("claim one"))["found"] else None,
        "bound claim",
    )
    assert row["outcome"] == "warning"
    assert "XCUBE_HUB_POD_NODE_SELECTOR" in row["remedy"]
    check.set(XCUBE_HUB_POD_VOLUMES=["many:/data"])
    check.until("claim many", "ok")
    check.set(XCUBE_HUB_POD_VOLUMES=["many:/data:per-user"])  # which are to be written
    assert check.outcome("claim many") == "warning"


def test_row_claim_that_is_being_deleted(
    check: Check, cluster: Cluster, namespace: str, volume: Callable[..., str]
) -> None:
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    volume(namespace, "ReadWriteMany")
    claim = _claim("cubes", namespace, "ReadWriteMany")
    claim["metadata"]["finalizers"] = ["tests/held"]
    cluster.api.post(claims, claim)
    check.set(XCUBE_HUB_POD_VOLUMES=["cubes:/cubes"])
    check.until("claim cubes", "ok")
    cluster.api.delete(f"{claims}/cubes")
    row = check.row("claim cubes")
    assert (row["outcome"], row["found"]) == ("failed", "it is being deleted")
    cluster.api.patch(f"{claims}/cubes", {"metadata": {"finalizers": None}})


@pytest.mark.parametrize(
    ("setting", "value", "what", "remedy"),
    [
        (
            "XCUBE_HUB_POD_PULL_SECRETS",
            ["registry"],
            "pull secret registry",
            "create secret docker-registry registry",
        ),
        (
            "XCUBE_HUB_POD_ENV_SECRET",
            "extra",
            "environment secret extra",
            "create secret generic extra --from-env-file=FILE",
        ),
        (
            "XCUBE_HUB_POD_ENV_CONFIG_MAP",
            "extra",
            "environment map extra",
            "create configmap extra --from-env-file=FILE",
        ),
    ],
)
def test_rows_of_secrets_and_maps(
    check: Check,
    cluster: Cluster,
    namespace: str,
    setting: str,
    value: Any,
    what: str,
    remedy: str,
) -> None:
    check.set(**{setting: value})
    row = check.row(what)
    assert (row["outcome"], row["found"]) == ("failed", "there is none")
    assert row["remedy"].startswith(f"kubectl -n {namespace} {remedy}")
    assert setting in row["remedy"]
    kind = "configmaps" if "map" in what else "secrets"
    cluster.api.post(
        f"/api/v1/namespaces/{namespace}/{kind}", {"metadata": {"name": what.split()[-1]}}
    )
    assert check.outcome(what) == "ok"


def test_a_secret_by_an_impossible_name_is_no_traceback(check: Check) -> None:
    check.set(XCUBE_HUB_POD_PULL_SECRETS=["Regi stry/?"])
    assert check.row("pull secret Regi stry/?")["found"] == "no Secret can be called so"


def test_a_secret_that_a_quota_hides_is_a_warning(
    check: Check, cluster: Cluster, namespace: str
) -> None:
    quota = _quota(cluster, namespace, **{"count/secrets": "0"})
    check.set(XCUBE_HUB_POD_PULL_SECRETS=["registry"])
    row = check.until("pull secret registry", "warning")
    assert f"kubectl -n {namespace} get secret registry" in row["remedy"]
    cluster.api.delete(quota)
    check.until("pull secret registry", "failed")


@pytest.mark.parametrize(
    ("setting", "what", "path", "spec"),
    [
        (
            "XCUBE_HUB_POD_PRIORITY_CLASS",
            "priority class",
            "/apis/scheduling.k8s.io/v1/priorityclasses",
            {"value": 5},
        ),
        (
            "XCUBE_HUB_POD_RUNTIME_CLASS",
            "runtime class",
            "/apis/node.k8s.io/v1/runtimeclasses",
            {"handler": "runc"},
        ),
    ],
)
def test_rows_of_classes(
    check: Check,
    cluster: Cluster,
    hub_access: HubAccess,
    namespace: str,
    setting: str,
    what: str,
    path: str,
    spec: dict[str, Any],
) -> None:
    """The hub's Role does not show them; an administrator's kubeconfig does."""
    check.set(**{setting: namespace})
    row = check.row(f"{what} {namespace}")
    assert row["outcome"] == "warning"
    assert "check_cluster --trial" in row["remedy"]
    check.set(KUBECONFIG=str(cluster.kubeconfig), XCUBE_HUB_NAMESPACE=namespace)
    row = check.row(f"{what} {namespace}")
    assert (row["outcome"], row["found"]) == ("failed", "there is none")
    assert row["remedy"] == f"Set {setting} to one that the cluster has."
    cluster.api.post(path, {"metadata": {"name": namespace}, **spec})
    assert check.outcome(f"{what} {namespace}") == "ok"
    cluster.api.delete(f"{path}/{namespace}")


# What would be made


@pytest.mark.parametrize(
    ("what", "counted"),
    [
        ("takes a Job", "count/jobs.batch"),
        ("takes a Secret", "count/secrets"),
        ("takes a ConfigMap", "count/configmaps"),
        ("takes a Deployment", "count/deployments.apps"),
        ("takes a Service", "services"),
    ],
)
def test_rows_of_a_used_up_quota(
    check: Check, cluster: Cluster, namespace: str, what: str, counted: str
) -> None:
    quota = _quota(cluster, namespace, **{counted: "0"})
    row = check.until(what, "failed")
    assert "exceeded quota: few" in row["found"]
    assert f"kubectl -n {namespace} edit resourcequota" in row["remedy"]
    cluster.api.patch(quota, {"spec": {"hard": {counted: "1000"}}})
    check.until(what, "ok")


def test_row_of_a_job_whose_pods_violate_the_level(check: Check) -> None:
    """No setting of ours makes pods violate it, but annotations can say anything."""
    unconfined = {"container.apparmor.security.beta.kubernetes.io/xcube": "unconfined"}
    check.set(XCUBE_HUB_POD_ANNOTATIONS=unconfined)
    row = check.row("takes a Job")
    assert row["outcome"] == "failed"
    assert row["found"].startswith('its pods violate PodSecurity "restricted')
    assert "AppArmor" in row["found"]
    assert "XCUBE_HUB_POD_…" in row["remedy"]
    check.set(XCUBE_HUB_POD_ANNOTATIONS={})
    assert check.outcome("takes a Job") == "ok"


def test_row_of_a_job_with_another_warning(check: Check) -> None:
    default = {"container.apparmor.security.beta.kubernetes.io/xcube": "runtime/default"}
    check.set(XCUBE_HUB_POD_ANNOTATIONS=default)
    row = check.row("takes a Job")
    assert row["outcome"] == "warning"
    assert "deprecated" in row["found"]
    check.set(XCUBE_HUB_POD_ANNOTATIONS={})
    assert check.outcome("takes a Job") == "ok"


def test_row_of_a_job_that_is_not_valid(check: Check) -> None:
    check.set(XCUBE_HUB_POD_TOLERATIONS=[{"operator": "Sometimes"}])
    row = check.row("takes a Job")
    assert row["outcome"] == "failed"
    assert "tolerations[0]" in row["found"]
    assert "XCUBE_HUB_POD_…" in row["remedy"]
    check.set(XCUBE_HUB_POD_TOLERATIONS=[{"operator": "Exists"}])
    assert check.outcome("takes a Job") == "ok"


def test_row_of_a_job_that_admission_refuses(
    check: Check, cluster: Cluster, namespace: str
) -> None:
    with _policy(cluster, namespace):
        row = check.until("takes a Job", "failed")
        assert "needs a cost centre" in row["found"]
        assert "Admission of the cluster refuses it" in row["remedy"]
    check.until("takes a Job", "ok")


def test_row_of_a_job_whose_fields_are_dropped(
    altered_check: Check, altering: AlteringProxy
) -> None:
    """As by an old server, or one whose feature gates are off."""

    def drop(document: dict[str, Any]) -> dict[str, Any]:
        document["spec"].pop("backoffLimitPerIndex", None)
        return document

    altering.alter(method="POST", path="/jobs", change=drop)
    row = altered_check.row("takes a Job")
    assert (row["outcome"], row["found"]) == (
        "failed",
        "the API server drops backoffLimitPerIndex",
    )
    assert "JobBackoffLimitPerIndex" in row["remedy"]
    altering.heal()
    assert altered_check.outcome("takes a Job") == "ok"


# Gateways


def test_rows_of_gateways(check: Check, cluster: Cluster, namespace: str) -> None:
    row = check.row("gateways")
    assert row["outcome"] == "ok"
    assert row["found"].endswith("Ingress (its classes are not shown to the hub)")
    check.set(XCUBE_HUB_SERVICE_ROUTES="gateway")
    assert "XCUBE_HUB_SERVICE_ROUTES_VIA" in check.row("pods")["remedy"]
    check.set(XCUBE_HUB_SERVICE_ROUTES_VIA="infra/public")
    check.until("routes gateway", "failed")
    rows = check.rows()
    assert rows["routes gateway"]["found"] == "the cluster has no Gateway API"
    assert "XCUBE_HUB_SERVICE_ROUTES=none" in rows["routes gateway"]["remedy"]
    assert rows["may create httproutes"]["outcome"] == "failed"
    routes = manifests.read(access.ROLE.parent / "routes" / "role.yaml")
    manifests.apply(cluster.api, routes, namespace=namespace)
    check.until("may create httproutes", "ok")
    with http_routes(cluster):
        assert check.until("routes gateway", "ok")["found"] == "the cluster has Gateway API"
        assert check.row("gateways")["found"].startswith("Gateway API, Ingress")


def test_row_of_a_gateway_that_is_retired(check: Check, cluster: Cluster, namespace: str) -> None:
    classes = "/apis/networking.k8s.io/v1/ingressclasses"
    check.set(KUBECONFIG=str(cluster.kubeconfig), XCUBE_HUB_NAMESPACE=namespace)
    legacy = {"metadata": {"name": namespace}, "spec": {"controller": "k8s.io/ingress-nginx"}}
    cluster.api.post(classes, legacy)
    row = check.row("gateways")
    cluster.api.delete(f"{classes}/{namespace}")
    assert row["outcome"] == "warning"
    assert row["found"].endswith(f"Ingress ({namespace})")
    assert "not maintained since March 2026" in row["remedy"]
    assert check.outcome("gateways") == "ok"


# The trial run


def test_a_trial_run_that_ends_well_leaves_nothing(
    check: Check, cluster: Cluster, namespace: str, simulated_node: str
) -> None:
    check.set(XCUBE_HUB_POD_ANNOTATIONS={"fake/run": "1ms"})
    row = check.row("trial run", "--trial")
    assert row["outcome"] == "ok"
    assert row["found"].startswith("found xcube and the hub")
    root = f"/api/v1/namespaces/{namespace}"

    def left() -> list[str]:
        jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        paths = (f"{root}/secrets", f"{root}/configmaps", jobs, f"{root}/pods")
        names = [item["metadata"]["name"] for path in paths for item in cluster.api.items(path)]
        return [name for name in names if name != "kube-root-ca.crt"]

    until(lambda: not left(), "empty namespace")


def test_a_trial_run_that_does_not_find_the_hub(check: Check, simulated_node: str) -> None:
    told = {"phase": "FAILED", "reason": "LAUNCH", "message": "From a pod, the hub answers 400"}
    check.set(
        XCUBE_HUB_POD_ANNOTATIONS={
            "fake/run": "1ms",
            "fake/exit": "2",
            "fake/message": json.dumps(told),
        }
    )
    row = check.row("trial run", "--trial")
    assert (row["outcome"], row["found"]) == ("failed", "LAUNCH: From a pod, the hub answers 400")
    assert "XCUBE_HUB_CALLBACK_URL" in row["remedy"]
    assert "XCUBE_HUB_ALLOWED_HOSTS" in row["remedy"]
    check.set(XCUBE_HUB_POD_ANNOTATIONS={"fake/run": "1ms"})
    assert check.row("trial run", "--trial")["outcome"] == "ok"


def test_a_trial_run_whose_image_does_not_come(check: Check, simulated_node: str) -> None:
    check.set(XCUBE_HUB_POD_ANNOTATIONS={"fake/waiting": "ErrImageNeverPull"})
    row = check.row("trial run", "--trial")
    assert (row["outcome"], row["found"][:6]) == ("failed", "IMAGE:")
    assert "XCUBE_HUB_POD_IMAGE" in row["remedy"]
    check.set(XCUBE_HUB_POD_ANNOTATIONS={"fake/run": "1ms"})
    assert check.row("trial run", "--trial")["outcome"] == "ok"


def test_a_trial_run_that_no_node_takes(check: Check, simulated_node: str) -> None:
    check.set(
        XCUBE_HUB_POD_ANNOTATIONS={"fake/run": "1ms"},
        XCUBE_HUB_POD_NODE_SELECTOR={"disk": "of-gold"},
    )
    for trial_s in (2, 8, 32, 128):  # so long may it take until the scheduler has looked
        row = check.row("trial run", "--trial", f"--trial-s={trial_s}")
        if "nothing says why" not in row["found"]:
            break
    assert (row["outcome"], row["found"][:14]) == ("failed", "UNSCHEDULABLE:")
    assert "XCUBE_HUB_POD_NODE_SELECTOR" in row["remedy"]
    check.set(XCUBE_HUB_POD_NODE_SELECTOR={})
    assert check.row("trial run", "--trial")["outcome"] == "ok"


def test_a_trial_run_whose_pod_is_refused(
    check: Check, cluster: Cluster, namespace: str, simulated_node: str
) -> None:
    """A quota of pods, and a class that there is not: neither is seen without a trial."""
    check.set(XCUBE_HUB_POD_ANNOTATIONS={"fake/run": "1ms"})
    quota = _quota(cluster, namespace, pods="0")
    row = check.row("trial run", "--trial")
    assert (row["outcome"], row["found"][:9]) == ("failed", "REJECTED:")
    assert "exceeded quota" in row["found"]
    cluster.api.delete(quota)
    check.set(XCUBE_HUB_POD_PRIORITY_CLASS="no-such-class")
    row = check.row("trial run", "--trial")
    assert "no PriorityClass with name no-such-class" in row["found"]
    assert "XCUBE_HUB_POD_…" in row["remedy"]
    check.set(XCUBE_HUB_POD_PRIORITY_CLASS=None)
    assert check.row("trial run", "--trial")["outcome"] == "ok"


def test_a_trial_run_is_left_out_where_something_failed(check: Check) -> None:
    check.set(XCUBE_HUB_POD_PULL_SECRETS=["registry"])
    assert check.row("trial run", "--trial")["outcome"] == "warning"


def _quota(cluster: Cluster, namespace: str, **hard: str) -> str:
    """A ResourceQuota `few` that counts; its path."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.api.post(path, {"metadata": {"name": "few"}, "spec": {"hard": hard}})
    until(lambda: cluster.api.get(f"{path}/few").get("status", {}).get("used"), "counted quota")
    return f"{path}/few"


@contextlib.contextmanager
def _policy(cluster: Cluster, namespace: str) -> Iterator[None]:
    """The cluster refuses Jobs of this namespace."""
    root = "/apis/admissionregistration.k8s.io/v1"
    kinds = [{"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"]}]
    policy = {
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [kinds[0] | {"operations": ["CREATE"]}]},
            "validations": [{"expression": "false", "message": "needs a cost centre"}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }
    cluster.api.post(f"{root}/validatingadmissionpolicies", policy)
    cluster.api.post(f"{root}/validatingadmissionpolicybindings", binding)
    try:
        yield
    finally:
        cluster.api.delete(f"{root}/validatingadmissionpolicybindings/{namespace}")
        cluster.api.delete(f"{root}/validatingadmissionpolicies/{namespace}")


def _of_kubeconfig(path: Path, key: str) -> Any:
    return yaml.safe_load(path.read_text())["clusters"][0]["cluster"][key]


def _change_kubeconfig(path: Path, **changes: Any) -> None:
    """Of its cluster; None takes a key away."""
    document = yaml.safe_load(path.read_text())
    given = document["clusters"][0]["cluster"]
    given.update(changes)
    document["clusters"][0]["cluster"] = {k: v for k, v in given.items() if v is not None}
    path.write_text(yaml.safe_dump(document))


def _change_token(path: Path, token: str | None) -> None:
    document = yaml.safe_load(path.read_text())
    document["users"][0]["user"] = {"token": token} if token else {}
    path.write_text(yaml.safe_dump(document))
