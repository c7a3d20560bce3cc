"""What is made of a service, whole, in `golden/`: UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from hubsite.engines.kubernetes import drift
from hubsite.engines.kubernetes.labels import selector
from hubsite.engines.kubernetes.pod_options import PodOptions, Volume
from hubsite.engines.kubernetes.services.manifests import (
    COMPONENT,
    TooLarge,
    deployment,
    manifests,
    secret_name,
    unreadable,
)
from hubsite.engines.specs import Command, Service

from ..test_manifests import _Dumper
from ..workloads import all_options, options
from .specs import NAME, SECRETS, service

GOLDEN = Path(__file__).parent / "golden"
WORKSPACE = Volume("workspaces", "/workspace", per_user=True)

CATE = service(
    program=None,
    command=Command(
        arguments=(
            "/bin/bash",
            "-c",
            "exec cate-webapi-start -p {port} -a {address} -r{workspace}",
        ),
        env={"JUPYTERHUB_SERVICE_PREFIX": "{path}/", "ODD": "{nothing} {port"},
        keeps="a1b2-cate",
        workspace="/home/xcube/workspace",
        settings=".cate",
    ),
    image="quay.io/ccitools/cate:3.1.3",
    expected_memory_bytes=2 << 30,
    memory_bytes=16 << 30,
    is_untrusted=True,
    payload={"kind": "cate_webapi", "started_at": "2026-11-26T12:00:00Z"},
    probe="/",
    port=4000,
)

CASES: dict[str, tuple[Service, PodOptions]] = {
    "minimal": (service(), options()),
    "asleep": (service(revision=7, is_asleep=True), options()),
    "below-a-path": (service(path=f"/{NAME}", port=9000), options()),
    "every-option": (
        service(
            revision=12,
            image="registry.example.org/xcube@sha256:" + "0123456789abcdef" * 4,
            cpus=0.25,
            memory_bytes=3 << 30,
            env={"TOKEN": "env-x7"},
        ),
        all_options(workspace=WORKSPACE, service_pending_s=900),
    ),
    "command": (CATE, all_options(workspace=WORKSPACE)),
    "command-below-a-path": (replace(CATE, path=f"/{NAME}"), options()),
    "odd-owner": (service(owner="ada@example.org"), options(instance="i" * 63)),
}


def made_of(case: str) -> tuple[dict, dict, dict]:
    made = manifests(*CASES[case])
    (_, secret), (_, address) = made.parts
    return made.root, secret, address


def container_of(case: str) -> dict:
    (container,) = made_of(case)[0]["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("case", CASES)
def test_objects_are_those_of_the_golden_file(case):
    root, secret, address = made_of(case)
    packed = base64.b64decode(secret["data"]["workload.json.gz"])
    shown = {**secret, "data": {"workload.json.gz": json.loads(gzip.decompress(packed))}}
    text = yaml.dump_all([root, shown, address], Dumper=_Dumper, sort_keys=False, width=100)
    file = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("case", CASES)
def test_nothing_secret_is_outside_of_the_secret(case):
    root, secret, address = made_of(case)
    for manifest in (drift.marked(root), drift.marked(address), {**secret, "data": None}):
        text = json.dumps(manifest)
        assert [word for word in SECRETS if word in text] == []


@pytest.mark.parametrize("case", CASES)
def test_pods_meet_the_restricted_pod_security_standard(case):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    spec = made_of(case)[0]["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["fsGroup"] == spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    for volume in spec["volumes"]:
        allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
        assert volume.keys() - {"name"} <= allowed
    container = container_of(case)
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert all("hostPort" not in port for port in container["ports"])


def test_it_writes_in_its_owners_workspace_and_nowhere_else():
    mounts = container_of("every-option")["volumeMounts"]
    written = {mount["mountPath"] for mount in mounts if not mount.get("readOnly")}
    assert written == {"/scratch", "/workspace/a1b2"}
    (workspace,) = (m for m in mounts if m["name"] == "workspace")
    assert workspace["subPath"] == "a1b2"


@pytest.mark.parametrize("owner", ["..", "a/../b", "", "ada@example.org"])
def test_an_owner_that_is_no_folder_gets_no_workspace(owner):
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        deployment(service(owner=owner), options(workspace=WORKSPACE))


@pytest.mark.parametrize("keeps", ["..", "a/../b", "", "ada@example.org"])
def test_a_command_keeps_nothing_under_a_name_that_is_no_folder(keeps):
    command = replace(CATE.container.command, keeps=keeps)
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        deployment(service(program=None, command=command), options(workspace=WORKSPACE))


def test_a_command_of_another_start_is_another_pod():
    again = replace(CATE, revision=2, payload={**CATE.payload, "started_at": "later"})
    before, now = (deployment(it, options())["spec"]["template"] for it in (CATE, again))
    assert before["metadata"]["labels"] != now["metadata"]["labels"]
    assert before["spec"]["volumes"][0] != now["spec"]["volumes"][0]


@pytest.mark.parametrize("case", CASES)
def test_each_probe_takes_the_real_path(case):
    spec, _ = CASES[case]
    container = container_of(case)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": f"{spec.path}{spec.probe}", "port": "http"}


@pytest.mark.parametrize(
    ("cpus", "request_", "limit"),
    [(1.0, "500m", "1"), (0.25, "250m", "250m"), (2.5, "500m", "2500m"), (0.0001, "1m", "1m")],
)
def test_cores_are_those_of_the_profile(cpus, request_, limit):
    spec = deployment(service(cpus=cpus), options())["spec"]["template"]["spec"]
    resources = spec["containers"][0]["resources"]
    assert (resources["requests"]["cpu"], resources["limits"]["cpu"]) == (request_, limit)


def test_no_two_pods_and_no_old_replica_sets():
    root = made_of("minimal")[0]["spec"]
    assert root["strategy"] == {"type": "Recreate"}
    assert (root["replicas"], root["revisionHistoryLimit"]) == (1, 0)
    assert made_of("asleep")[0]["spec"]["replicas"] == 0


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_the_pods_of_every_revision_and_of_no_other_service(case):
    root, _, address = made_of(case)
    labels = root["spec"]["template"]["metadata"]["labels"]
    for found in (root["spec"]["selector"]["matchLabels"], address["spec"]["selector"]):
        assert found.items() <= labels.items()
        assert found["xcube-hub/service"] == NAME
        assert "xcube-hub/revision" not in found
    for manifest in made_of(case):
        for value in manifest["metadata"]["labels"].values():
            assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)
    terms = selector(component=COMPONENT, instance=CASES[case][1].instance).split(",")
    assert {tuple(term.split("=")) for term in terms} <= labels.items()


def test_the_pod_reads_the_secret_of_its_revision():
    spec = service(revision=12)
    root = drift.marked(deployment(spec, options()))
    assert [name for _, name in unreadable(root)] == [secret_name(spec)] == [f"{NAME}-12"]


def test_a_payload_that_no_secret_can_hold_is_refused():
    with pytest.raises(TooLarge, match="Kubernetes allows 1,048,576"):
        manifests(service(payload={"noise": os.urandom(1 << 20).hex()}), options())
