"""deploy/kubernetes/estimator.yaml: estimates in a cluster, shut off from it."""

import ipaddress
import json
import shlex
from pathlib import Path

import pytest
import yaml

from hubsite.engines.kubernetes import pods
from jobs.runner.__main__ import parse_arguments
from jobs.runner.estimates.pool import READER_BYTES

FILE = Path(__file__).parents[3] / "deploy" / "kubernetes" / "estimator.yaml"


@pytest.fixture(scope="module")
def documents():
    found = [document for document in yaml.safe_load_all(FILE.read_text()) if document]
    return {document["kind"]: document for document in found}


@pytest.fixture
def pod(documents):
    return documents["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture
def container(pod):
    return pod["containers"][0]


@pytest.fixture
def script(container):
    assert container["command"][:2] == ["/bin/sh", "-c"]
    return container["command"][2]


def test_what_there_is(documents):
    kinds = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    assert set(documents) == kinds
    assert documents["Deployment"]["spec"]["replicas"] == 2
    assert documents["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_all_select_the_same_pods(documents):
    labels = {
        "app.kubernetes.io/name": "xcube-hub",
        "app.kubernetes.io/component": "estimator",
    }
    assert documents["Deployment"]["spec"]["template"]["metadata"]["labels"] == labels
    assert documents["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert documents["Service"]["spec"]["selector"] == labels
    assert documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels


def test_the_python_with_xcube_is_found_as_runs_find_it(script):
    theirs = pods.START.format(
        **dict.fromkeys(("arguments", "message", "image", "no_python"), ""),
        requires="xcube",
        module="jobs.runner",
    )
    assert words(script.split("exec ")[0]) == words(theirs.split("exec ")[0])


def words(text):
    return text.replace("\\\n", " ").split()


def test_the_runner_understands_its_arguments(script, container):
    line = script.replace("\\\n", " ").split("exec ")[1].split("\n")[0]
    python, m, module, *arguments = shlex.split(line)
    assert (m, module) == ("-m", "jobs.runner")
    options = parse_arguments(arguments)
    assert options.command == "estimate"
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(options.secret_file.parent) == mounts["secret"]
    assert str(options.cache_dir) == mounts["scratch"]
    assert options.port == container["ports"][0]["containerPort"]
    most = options.estimators * options.estimate_memory
    most += options.store_readers * (READER_BYTES >> 20)
    assert most < 5120 == int(container["resources"]["limits"]["memory"].removesuffix("Gi")) << 10


def test_it_may_do_nothing_but_its_work(pod, container):
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["scratch"]
    secrets = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
    assert secrets == ["xcube-hub-estimator"]
    assert "secretKeyRef" not in json.dumps(container["env"]), "an environment can be read"


def test_liveness_waits_for_no_estimate(container):
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
    assert container["startupProbe"]["httpGet"]["path"] == "/health"
    assert container["livenessProbe"]["httpGet"]["path"] == "/live"


def test_only_web_and_the_worker_reach_it(documents):
    (rule,) = documents["NetworkPolicy"]["spec"]["ingress"]
    assert rule["from"] == [
        {
            "podSelector": {
                "matchLabels": {
                    "app.kubernetes.io/name": "xcube-hub",
                    "app.kubernetes.io/component": part,
                }
            }
        }
        for part in ("web", "worker")
    ]
    assert [port["port"] for port in rule["ports"]] == [8080]


@pytest.mark.parametrize(
    ("address", "is_reached"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("172.31.255.255", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.100.100.200", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
    ],
)
def test_it_reaches_the_outside_but_not_the_cluster(documents, address, is_reached):
    names, outside = documents["NetworkPolicy"]["spec"]["egress"]
    assert {(p["protocol"], p["port"]) for p in names["ports"]} == {("UDP", 53), ("TCP", 53)}
    ip = ipaddress.ip_address(address)

    def covers(block):
        inside = ip in ipaddress.ip_network(block["cidr"])
        return inside and not any(ip in ipaddress.ip_network(n) for n in block["except"])

    assert any(covers(to["ipBlock"]) for to in outside["to"]) is is_reached
