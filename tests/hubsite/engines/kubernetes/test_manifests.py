"""What is made in the cluster, whole, in `golden/`: UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hubsite.engines.kubernetes import labels, pods, runs
from hubsite.engines.kubernetes.pod_options import PodOptions, Volume
from hubsite.engines.specs import Run

from .workloads import KEY, SECRETS, TOKEN, all_options, options, user_code, workload

GOLDEN = Path(__file__).parent / "golden"
LONGEST_JOB_NAME = "u" * 42 + "-0f0f0f0f-0f0f-4f0f"
"""61 characters: the name of an indexed Job's pod has two more, and is a DNS label."""

CASES: dict[str, tuple[Run, PodOptions]] = {
    "minimal": (workload(), options()),
    "every-option": (
        workload(
            attempt=3,
            memory_bytes=4 << 30,
            expected_memory_bytes=3 << 30,
            env={"LANG": "C"},
        ),
        all_options(),
    ),
    "user-code": (user_code(), options(env_secret="s", env_config_map="c")),
    "volumes": (
        workload(),
        options(volumes=[Volume("cubes", "/data"), Volume("out", "/mnt/out", per_user=True)]),
    ),
    "no-retries": (workload(), options(retries=0)),
    "digest-image": (
        workload(),
        options(image="quay.io/bcdev/xcube@sha256:" + "0123456789abcdef" * 4),
    ),
    "long-names": (workload(name=LONGEST_JOB_NAME, owner="o" * 150), options(instance="i" * 63)),
    "odd-owner": (workload(owner="ada@example.org"), options()),
}


def made_of(case: str) -> tuple[dict, dict]:
    given, opts = CASES[case]
    secret = runs.secret(given, job_uid="uid-of-the-job", instance=opts.instance)
    return runs.job(given, opts), secret


class _Dumper(yaml.SafeDumper):
    """Texts of many lines as such, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _readable(job: dict, secret: dict) -> str:
    """With the Secret's data as it is before it is packed."""
    data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    shown = {
        "token": data["token"].decode(),
        "workload.json.gz": json.loads(gzip.decompress(data["workload.json.gz"])),
    }
    documents = [job, {**secret, "data": shown}]
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=100)


@pytest.mark.parametrize("case", CASES)
def test_job_and_secret_are_those_of_the_golden_file(case):
    file = GOLDEN / f"{case}.yaml"
    text = _readable(*made_of(case))
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("case", CASES)
def test_nothing_secret_is_in_the_job(case):
    job, secret = made_of(case)
    text = json.dumps(job)
    assert [word for word in SECRETS if word in text] == []
    assert not re.search(r'"value": "[^"]*(token|secret|key)', text, re.IGNORECASE)
    packed = gzip.decompress(base64.b64decode(secret["data"]["workload.json.gz"])).decode()
    assert KEY in packed
    assert TOKEN not in packed, "the run reads that file: it must not find its token there"


def test_code_is_fetched_and_not_in_the_secret():
    secret = runs.secret(user_code(), job_uid="u", instance="xcube-hub")
    packed = gzip.decompress(base64.b64decode(secret["data"]["workload.json.gz"])).decode()
    assert "code-x7" not in packed
    assert json.loads(packed)["code_url"] == "http://hub:8080/cubegens/a1b2-0f/code"


def test_user_code_gets_nothing_of_the_operators_environment():
    job, _ = made_of("user-code")
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert "envFrom" not in container
    assert "--keep-environment" not in container["command"][2]
    trusted = runs.job(workload(), options(env_secret="s"))
    container = trusted["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "s"}}]
    assert container["command"][2].count("--keep-environment") == 1


@pytest.mark.parametrize("case", CASES)
def test_pods_meet_the_restricted_pod_security_standard(case):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    spec = made_of(case)[0]["spec"]["template"]["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & spec.keys()
    assert not {"sysctls", "seLinuxOptions", "windowsOptions"} & spec["securityContext"].keys()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    for volume in spec["volumes"]:
        assert volume.keys() - {"name"} <= allowed
    (container,) = spec["containers"]
    context = container["securityContext"]
    assert context == {
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "ports" not in container


@pytest.mark.parametrize("case", CASES)
def test_pods_have_no_credentials_of_the_cluster_and_write_only_where_nobody_else_does(case):
    spec = made_of(case)[0]["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    owner = CASES[case][0].container.owner
    for mount in spec["containers"][0]["volumeMounts"]:
        if not mount.get("readOnly"):
            assert mount["mountPath"] == "/scratch" or mount["subPath"] == owner


@pytest.mark.parametrize("case", CASES)
def test_names_and_labels_are_those_that_kubernetes_takes(case):
    job, secret = made_of(case)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,59}[a-z0-9])?", job["metadata"]["name"])
    assert secret["metadata"]["name"] == job["metadata"]["name"]
    template = job["spec"]["template"]
    assert job["metadata"]["labels"] == template["metadata"]["labels"]
    for value in job["metadata"]["labels"].values():
        assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", value)
    for term in labels.selector(component=runs.COMPONENT, instance=CASES[case][1].instance).split(
        ","
    ):
        key, _, value = term.partition("=")
        assert job["metadata"]["labels"][key] == value


def test_owners_that_are_no_labels_are_told_apart():
    odd = ["ada@example.org", "Ada@example.org", "-x", "x" * 64, "", "ä", "a/b", "a\n"]
    found = {labels.label_value(text) for text in odd}
    assert len(found) == len(odd)
    assert not found & set(odd)
    assert labels.label_value("a1b2") == "a1b2"


@pytest.mark.parametrize("owner", ["..", ".", "a/../b", "", "ada@example.org", "a\n"])
def test_an_owner_that_is_no_folder_gets_none(owner):
    opts = options(volumes=[Volume("out", "/out", per_user=True)])
    with pytest.raises(ValueError, match="cannot be the name of a folder"):
        runs.job(workload(owner=owner), opts)


@pytest.mark.parametrize(
    ("most", "expected", "request_", "limit"),
    [
        (None, None, 512 << 20, None),
        (None, 3 << 30, 3 << 30, None),
        (4 << 30, 3 << 30, 3 << 30, 4 << 30),
        (2 << 30, 3 << 30, 2 << 30, 2 << 30),
        (256 << 20, None, 256 << 20, 256 << 20),
    ],
)
def test_memory_is_reserved_as_expected_and_never_more_than_allowed(
    most, expected, request_, limit
):
    given = workload(memory_bytes=most, expected_memory_bytes=expected)
    spec = runs.job(given, options())["spec"]["template"]["spec"]
    resources = spec["containers"][0]["resources"]
    assert resources["requests"]["memory"] == str(request_)
    assert resources["limits"].get("memory") == (str(limit) if limit else None)


def test_the_jobs_deadline_lets_every_try_take_its_own():
    spec = runs.job(workload(deadline_s=100.5), options(retries=2, pending_s=30))["spec"]
    assert spec["activeDeadlineSeconds"] == 30 + 3 * 160.5 // 1
    assert spec["backoffLimitPerIndex"] == 2


def test_the_start_is_left_by_kubernetes_as_it_is():
    """It puts variables in place of `$(NAME)`, and `$` for `$$`, before a shell sees it."""
    job, _ = made_of("every-option")
    container = job["spec"]["template"]["spec"]["containers"][0]
    script = container["command"][2]
    assert "$$" not in script
    names = {variable["name"] for variable in container["env"]}
    assert not names & set(re.findall(r"\$\(([^)]*)\)", script))


def test_a_workload_that_no_secret_can_hold_is_refused_with_its_size():
    noise = random.Random(1).randbytes(900_000).hex()
    with pytest.raises(runs.TooLarge, match=r"take [\d,]+ bytes; Kubernetes allows 1,048,576"):
        runs.secret(workload(payload={"x": noise * 2}), job_uid="u", instance="i")


def test_what_just_fits_is_within_what_kubernetes_allows():
    noise = random.Random(1).randbytes(900_000).hex()
    secret = runs.secret(workload(payload={"x": noise}), job_uid="u", instance="i")
    size = sum(len(base64.b64decode(value)) for value in secret["data"].values())
    assert 900_000 < size <= 1 << 20


def test_the_same_workload_is_the_same_secret():
    one, two = made_of("every-option")[1], made_of("every-option")[1]
    assert one == two


def test_a_program_is_named_after_what_is_in_it():
    program = workload().container.program
    assert program is not None
    config_map = pods.program_config_map(program)
    assert config_map["metadata"]["name"] == "xcube-hub-runner-9a44557465ef"
    assert pods.program_name(replace(program, archive=b"another")) != config_map["metadata"]["name"]
    assert base64.b64decode(config_map["binaryData"]["runner.zip"]) == b"a zip"
    assert config_map["immutable"] is True


def test_a_job_is_ours_if_hub_owner_and_attempt_are():
    made = runs.job(workload(), options())
    assert labels.is_ours(made, runs.job(workload(), options()))
    assert not labels.is_ours(made, runs.job(workload(), options(instance="hub-2")))
    assert not labels.is_ours(made, runs.job(workload(attempt=2), options()))
    assert not labels.is_ours(made, runs.job(workload(owner="b"), options()))
    assert not labels.is_ours({"metadata": {"name": "x"}}, made)
