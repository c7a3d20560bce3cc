"""Workloads and options of pods, from the least to everything."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hubsite.engines.kubernetes.pod_options import PodOptions, Volume
from hubsite.engines.specs import Code, Container, Program, Report, Run

TOKEN = "run-token-x7"
KEY = "store-key-x7"
SECRETS = (TOKEN, KEY, "store-secret-x7", "bucket-x7", "env-x7", "code-x7", "data-x7")

CONTAINER_FIELDS = {field.name for field in fields(Container)}

PAYLOAD: dict[str, Any] = {
    "kind": "cubegen",
    "request": {"input_config": {"store_id": "@own", "data_id": "data-x7.zarr"}},
    "stores": {
        "own": {
            "store_id": "s3",
            "store_params": {
                "root": "bucket-x7",
                "storage_options": {"key": KEY, "secret": "store-secret-x7"},
            },
        }
    },
}


def workload(**given: Any) -> Run:
    """A run; `given` are fields of it or of its container."""
    container = {
        "owner": "a1b2",
        "program": Program(b"a zip", module="jobs.runner", requires="xcube"),
    }
    container |= {name: given.pop(name) for name in CONTAINER_FIELDS & given.keys()}
    return Run(
        **{
            "name": "a1b2-0f0f0f0f-0f0f-4f0f",
            "attempt": 1,
            "container": Container(**container),
            "payload": PAYLOAD,
            "deadline_s": 3600,
            "report": Report("http://hub:8080/cubegens/a1b2-0f/callbacks", TOKEN),
            **given,
        }
    )


def user_code(**given: Any) -> Run:
    code = Code("http://hub:8080/cubegens/a1b2-0f/code", b"code-x7")
    return workload(is_untrusted=True, code=code, **given)


def options(**given: Any) -> PodOptions:
    return PodOptions(**{"image": "quay.io/bcdev/xcube:1.7.0", **given})


def all_options(**given: Any) -> PodOptions:
    return options(
        **{
            "instance": "hub-2",
            "pull_policy": "Always",
            "pull_secrets": ["registry"],
            "python": "/opt/python/bin/python",
            "env_secret": "store-credentials",
            "env_config_map": "proxy",
            "volumes": [Volume("cubes", "/data"), Volume("out", "/mnt/out", per_user=True)],
            "annotations": {"example.org/scrape": "no"},
            "node_selector": {"pool": "cubes"},
            "tolerations": [{"key": "cubes", "operator": "Exists", "effect": "NoSchedule"}],
            "priority_class": "low",
            "runtime_class": "gvisor",
            "user_id": 2000,
            "cpu_request": "1",
            "cpu_limit": None,
            "scratch_bytes": 2**30,
            "retries": 5,
            "pending_s": 60,
            **given,
        }
    )
