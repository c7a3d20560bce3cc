"""deploy/kubernetes/hub: the hub's own parts as pods, and what each may reach and know.

The test node has no image of the hub: the pods are made here and their settings tried on this
machine. docs/kubernetes.md tells how to try the image.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as kubernetes_client

from hubsite.engines.kubernetes.client import Api
from hubsite.engines.kubernetes.connection import (
    SERVICE_ACCOUNT,
    choose_source,
    load,
    namespace_of,
)
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.kubernetes.services.manifests import deployment
from hubsite.engines.specs import Container, Program, Service
from services.cate import workload as cate
from tests.patience import PATIENCE_S
from tests.processes.hubprocess import HubProcess
from tests.servers.kubernetes import access, manifests
from tests.servers.kubernetes.api import until
from tests.servers.kubernetes.controlplane import Cluster
from tests.servers.ports import free_port

Json = dict[str, Any]

CHECKOUT = Path(__file__).resolve().parents[2]
RUNS = CHECKOUT / "deploy" / "kubernetes"
HUB = RUNS / "hub"
PARTS = {"web": 2, "worker": 1, "observer": 1}
EDGE = {"edge": 2}
"""It is a program of its own, without settings and without the hub's own secrets."""
WITH_ACCOUNT = ("worker", "observer")
SECRETS = {
    "xcube-hub": {
        "DATABASE_URL": "postgres://hub@localhost/hub",
        "XCUBE_HUB_SECRET_KEY": secrets.token_hex(32),
        "XCUBE_HUB_TOKEN_SECRETS": secrets.token_hex(32),
    },
    "xcube-hub-estimator": {"secret": secrets.token_hex(32)},
    "xcube-hub-edge": {"secret": secrets.token_hex(32)},
    "xcube-hub-stores": {"stores.yaml": "{}"},
}


def documents(file: str) -> dict[str, Json]:
    return {document["kind"]: document for document in manifests.read(HUB / file)}


def pod_of(part: str) -> Json:
    return documents(f"{part}.yaml")["Deployment"]["spec"]["template"]


def container_of(part: str) -> Json:
    (container,) = pod_of(part)["spec"]["containers"]
    return container


def environment_of(part: str) -> dict[str, str]:
    """The container's environment, as the kubelet makes it."""
    found: dict[str, str] = {}
    container = container_of(part)
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            config_map = documents("settings.yaml")["ConfigMap"]
            assert source["configMapRef"]["name"] == config_map["metadata"]["name"]
            found |= config_map["data"]
        else:
            found |= SECRETS[source["secretRef"]["name"]]
    for variable in container.get("env", []):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        elif reference := variable["valueFrom"].get("secretKeyRef"):
            found[variable["name"]] = SECRETS[reference["name"]][reference["key"]]
        else:
            reference = variable["valueFrom"]["configMapKeyRef"]
            config_map = documents("settings.yaml")["ConfigMap"]
            assert reference["name"] == config_map["metadata"]["name"]
            found[variable["name"]] = config_map["data"][reference["key"]]
    return found


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    file = tmp_path / "stores.yaml"
    file.write_text(SECRETS["xcube-hub-stores"]["stores.yaml"])
    return file


def on_this_machine(part: str, stores: Path) -> dict[str, str]:
    """The same environment, with the stores file where it is here."""
    found = environment_of(part)
    if "XCUBE_HUB_STORES" in found:
        mounts = {mount["name"]: mount["mountPath"] for mount in container_of(part)["volumeMounts"]}
        assert found["XCUBE_HUB_STORES"] == f"{mounts['stores']}/stores.yaml"
        found["XCUBE_HUB_STORES"] = str(stores)
    return found


# In the API server


@pytest.fixture
def applied(cluster: Cluster, namespace: str) -> str:
    """The namespace, once all is applied as docs/kubernetes.md says; nothing was warned of."""
    label = {"pod-security.kubernetes.io/warn": "restricted"}
    cluster.api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": label}})
    manifests.apply(cluster.api, manifests.read(RUNS / "role.yaml"), namespace=namespace)
    for name, values in SECRETS.items():
        path = f"/api/v1/namespaces/{namespace}/secrets"
        cluster.api.post(path, {"metadata": {"name": name}, "stringData": values})
    for file in sorted(HUB.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            for document in manifests.read(file):
                assert warnings(cluster, document, namespace) is None
    return namespace


def warnings(cluster: Cluster, document: Json, namespace: str) -> str | None:
    """Apply strictly: what is not known is an error. What `kubectl` would print as a warning."""
    api = kubernetes_client.ApiClient(cluster.api.configuration)
    method, url, headers, _, _ = api.param_serialize(
        "PATCH",
        manifests.path_of(document, namespace=namespace),
        query_params=[("fieldManager", "tests"), ("fieldValidation", "Strict")],
        header_params={"Content-Type": "application/apply-patch+yaml"},
        auth_settings=["BearerToken"],
    )
    body = json.dumps(document)
    answer = api.rest_client.pool_manager.request(method, url, headers=headers, body=body)
    assert answer.status in (200, 201), answer.data
    return answer.headers.get("Warning")


def pods_in(cluster: Cluster, namespace: str, part: str) -> list[Json]:
    selector = f"app.kubernetes.io/name=xcube-hub,app.kubernetes.io/component={part}"
    path = f"/api/v1/namespaces/{namespace}/pods"
    return cluster.api.items(path, labelSelector=selector)


@pytest.mark.kubernetes
def test_a_restricted_namespace_takes_all_of_it_and_lets_its_pods_in(
    cluster: Cluster, applied: str
) -> None:
    for part, replicas in {**PARTS, **EDGE}.items():
        pods = until(
            lambda part=part, replicas=replicas: (
                found if len(found := pods_in(cluster, applied, part)) == replicas else None
            ),
            f"{replicas} pods of {part}",
        )
        for pod in pods:
            mounts = [
                mount
                for container in pod["spec"]["containers"]
                for mount in container.get("volumeMounts", [])
                if mount["mountPath"] == str(SERVICE_ACCOUNT)
            ]
            assert len(mounts) == (part in WITH_ACCOUNT)
            account = pod["spec"]["serviceAccountName"]
            assert account == ("xcube-hub-engine" if part in WITH_ACCOUNT else "default")


@pytest.mark.kubernetes
def test_what_warns_is_told(cluster: Cluster, applied: str) -> None:
    """So that the silence above means something."""
    deployment = documents("worker.yaml")["Deployment"]
    spec = deployment["spec"]["template"]["spec"]
    del spec["securityContext"]["seccompProfile"]
    assert "seccompProfile" in (warnings(cluster, deployment, applied) or "")


@pytest.mark.kubernetes
@pytest.mark.parametrize("part", WITH_ACCOUNT)
def test_the_hub_chooses_the_account_of_its_pod(
    cluster: Cluster, applied: str, part: str, tmp_path: Path
) -> None:
    """With the files that the admitted pod mounts, at the address that the kubelet tells it."""
    pod = until(lambda: pods_in(cluster, applied, part), f"pod of {part}")[0]
    folder = _projected(cluster, pod, tmp_path)
    host, port = cluster.url.removeprefix("https://").split(":")
    given = environment_of(part)
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, **given}
    source = choose_source(
        run_local=given.get("XCUBE_HUB_RUN_LOCAL"),
        kubeconfig=given.get("KUBECONFIG"),
        context=given.get("XCUBE_HUB_KUBE_CONTEXT"),
        namespace=given.get("XCUBE_HUB_NAMESPACE"),
        environ=environ,
        service_account=folder,
    )
    assert source.text == "the service account of this pod"
    assert namespace_of(source, service_account=folder) == applied
    api = Api(lambda: load(source, environ=environ, service_account=folder))
    assert api.get(f"/apis/batch/v1/namespaces/{applied}/jobs")["items"] == []


def _projected(cluster: Cluster, pod: Json, folder: Path) -> Path:
    """The volume of the account, written as the kubelet does."""
    (container,) = pod["spec"]["containers"]
    (name,) = (
        mount["name"]
        for mount in container["volumeMounts"]
        if mount["mountPath"] == str(SERVICE_ACCOUNT)
    )
    (volume,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == name)
    namespace, account = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
    root = f"/api/v1/namespaces/{namespace}"
    for source in volume["projected"]["sources"]:
        if "serviceAccountToken" in source:
            asked = {"spec": {"expirationSeconds": access.TOKEN_LIVES_S}}
            answer = cluster.api.post(f"{root}/serviceaccounts/{account}/token", asked)
            path = folder / source["serviceAccountToken"]["path"]
            path.write_text(answer["status"]["token"])
        elif "configMap" in source:
            data = cluster.api.get(f"{root}/configmaps/{source['configMap']['name']}")["data"]
            for item in source["configMap"]["items"]:
                (folder / item["path"]).write_text(data[item["key"]])
        else:
            (item,) = source["downwardAPI"]["items"]
            (folder / item["path"]).write_text(namespace)
    return folder


# What the files say


def test_all_parts_are_in_the_kustomization_and_the_example_is_not() -> None:
    kustomization = yaml.safe_load((HUB / "kustomization.yaml").read_text())
    files = {path.name for path in HUB.glob("*.yaml")}
    assert set(kustomization["resources"]) == files - {"kustomization.yaml", "ingress.yaml"}


@pytest.mark.parametrize("part", [*PARTS, *EDGE])
def test_policies_budgets_and_services_mean_these_pods(part: str) -> None:
    found = documents(f"{part}.yaml")
    labels = {"app.kubernetes.io/name": "xcube-hub", "app.kubernetes.io/component": part}
    assert pod_of(part)["metadata"]["labels"] == labels
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    if part in ("web", "edge"):
        assert found["Service"]["spec"]["selector"] == labels
        assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
        assert found["Deployment"]["spec"]["replicas"] > 1


def test_runs_and_hub_name_each_other_alike() -> None:
    """What the policy of runs lets through is the port and the pods of the web."""
    (policy,) = manifests.read(RUNS / "network-policy.yaml")
    (rule,) = (
        rule
        for rule in policy["spec"]["egress"]
        if any("podSelector" in peer for peer in rule.get("to", []))
    )
    (port,) = container_of("web")["ports"]
    assert [allowed["port"] for allowed in rule["ports"]] == [port["containerPort"]]
    (peer,) = rule["to"]
    assert peer["podSelector"]["matchLabels"] == pod_of("web")["metadata"]["labels"]
    (service,) = documents("web.yaml")["Service"]["spec"]["ports"]
    name = documents("web.yaml")["Service"]["metadata"]["name"]
    callback = environment_of("worker")["XCUBE_HUB_CALLBACK_URL"]
    assert callback == f"http://{name}:{service['port']}/api/v2"
    backends = {
        rule["host"]: path["backend"]["service"]
        for document in manifests.read(HUB / "ingress.yaml")
        for rule in document["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    edge = documents("edge.yaml")["Service"]
    given = environment_of("web")
    assert backends == {
        given["XCUBE_HUB_PUBLIC_URL"].removeprefix("https://"): {
            "name": name,
            "port": {"name": service["name"]},
        },
        given["XCUBE_HUB_EDGE_URL"].removeprefix("https://"): {
            "name": edge["metadata"]["name"],
            "port": {"name": edge["spec"]["ports"][0]["name"]},
        },
    }


def test_the_edge_knows_its_own_secret_and_nothing_else_of_the_hub() -> None:
    given = environment_of("edge")
    assert given.keys() == {"XCUBE_HUB_EDGE_URL", "XCUBE_HUB_EDGE_SECRET"}
    assert given["XCUBE_HUB_EDGE_SECRET"] == environment_of("web")["XCUBE_HUB_EDGE_SECRET"]
    assert "volumes" not in pod_of("edge")["spec"]


def test_the_edge_starts_as_its_file_says_and_is_alive(tmp_path: Path) -> None:
    container, port = container_of("edge"), free_port()
    assert container["command"][1:] == ["-m", "services.edge"]
    environment = {"PATH": os.environ["PATH"], **environment_of("edge")}
    arguments = [
        argument.replace("0.0.0.0:8081", f"127.0.0.1:{port}").replace(
            "$(XCUBE_HUB_EDGE_URL)", environment["XCUBE_HUB_EDGE_URL"]
        )
        for argument in container["args"]
    ]
    assert f"--listen=127.0.0.1:{port}" in arguments
    process = subprocess.Popen(
        [sys.executable, *container["command"][1:], *arguments], cwd=CHECKOUT, env=environment
    )
    try:
        bare = {"httpHeaders": []}
        for probe in ("readinessProbe", "livenessProbe"):
            asked = {"httpGet": {**container[probe]["httpGet"], **bare}}
            until(lambda asked=asked: _asked(asked, port) == 200, probe)
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_edge_and_services_name_each_other_alike() -> None:
    (services,) = manifests.read(RUNS / "services-policy.yaml")
    (ingress,) = services["spec"]["ingress"]
    callers = [peer["podSelector"]["matchLabels"] for peer in ingress["from"]]
    assert callers == [pod_of(part)["metadata"]["labels"] for part in ("edge", "worker")]
    spec = Service("x1", 1, Container("ann", Program(b"", "m", "xcube")), {})
    root = deployment(spec, PodOptions(image="xcube"))
    pods = root["spec"]["template"]["metadata"]["labels"]
    assert services["spec"]["podSelector"]["matchLabels"].items() <= pods.items()
    assert [port["port"] for port in ingress["ports"]] == [spec.port, cate.PORT]
    reached = [
        (peer["podSelector"]["matchLabels"], [port["port"] for port in rule["ports"]])
        for rule in documents("edge.yaml")["NetworkPolicy"]["spec"]["egress"]
        for peer in rule.get("to", [])
    ]
    web = container_of("web")["ports"][0]["containerPort"]
    assert reached == [
        (pod_of("web")["metadata"]["labels"], [web]),
        (services["spec"]["podSelector"]["matchLabels"], [spec.port, cate.PORT]),
    ]


def test_one_part_alone_migrates_and_is_never_there_twice() -> None:
    migrating = [part for part in PARTS if "--no-migrate" not in container_of(part)["args"]]
    assert migrating == ["worker"]
    deployment = documents("worker.yaml")["Deployment"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


def test_each_part_knows_only_the_secrets_that_it_uses() -> None:
    assert {"XCUBE_HUB_ESTIMATOR_SECRET", "XCUBE_HUB_EDGE_SECRET"} <= environment_of("web").keys()
    assert "XCUBE_HUB_ESTIMATOR_SECRET" in environment_of("worker"), "it removes outputs"
    assert "XCUBE_HUB_EDGE_SECRET" not in environment_of("worker")
    assert "XCUBE_HUB_ESTIMATOR_SECRET" not in environment_of("observer")
    mounted = {
        part: [v["secret"]["secretName"] for v in pod_of(part)["spec"]["volumes"] if "secret" in v]
        for part in PARTS
    }
    assert mounted == {
        "web": ["xcube-hub-stores"],
        "worker": ["xcube-hub-stores"],
        "observer": [],
    }


# On this machine


@pytest.mark.parametrize("part", PARTS)
def test_the_settings_pass_the_checks_of_production(
    part: str, stores: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hubsite.cli", "check", "--deploy"],
        cwd=CHECKOUT,
        env={
            "PATH": os.environ["PATH"],
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_DATA_DIR": str(tmp_path / "data"),
            "XCUBE_HUB_XCUBE_PYTHON": sys.executable,
            **on_this_machine(part, stores),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout, done.stderr


@pytest.mark.processes
def test_web_lives_at_once_and_is_ready_when_the_worker_has_migrated(
    stores: Path, tmp_path: Path
) -> None:
    """The parts as their files start them, on an SQLite that they share; asked as the kubelet does,
    by the address of the pod with the headers of the probes."""
    port = free_port()
    more = {
        # Production refuses SQLite.
        "XCUBE_HUB_ENV": "development",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'hub.sqlite3'}",
        "XCUBE_HUB_ADDRESS": "127.0.0.1",
        "XCUBE_HUB_PORT": str(port),
        "XCUBE_HUB_WEB_WORKERS": "1",
    }
    web = _started("web", stores, tmp_path, more)
    try:
        probes = {kind: container_of("web")[f"{kind}Probe"] for kind in ("liveness", "readiness")}
        until(lambda: _asked(probes["liveness"], port) == 200, "life", within_s=PATIENCE_S)
        assert _asked(probes["readiness"], port) == 503
        bare = {"httpGet": {**probes["liveness"]["httpGet"], "httpHeaders": []}}
        assert _asked(bare, port) == 400  # why the probes need a header
        worker = _started("worker", stores, tmp_path, more)
        try:
            until(
                lambda: _asked(probes["readiness"], port) == 200,
                "readiness",
                within_s=PATIENCE_S,
            )
        finally:
            worker.process.terminate()
            worker.process.wait(PATIENCE_S)
    finally:
        web.process.terminate()
        web.process.wait(PATIENCE_S)


def _started(part: str, stores: Path, folder: Path, more: dict[str, str]) -> HubProcess:
    start, *arguments = container_of(part)["args"]
    assert start == "start"
    environment = {**on_this_machine(part, stores), **more}
    return HubProcess(folder / f"data-{part}", *arguments, **environment)


def _asked(probe: Json, port: int) -> int:
    """The HTTP status of a probe; 0 if nobody answers."""
    asked = probe["httpGet"]
    headers = {header["name"]: header["value"] for header in asked["httpHeaders"]}
    url = f"http://127.0.0.1:{port}{asked['path']}"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=PATIENCE_S
        ) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
