"""What the hub asks for, and what its Role gives."""

from __future__ import annotations

from pathlib import Path

import yaml

from hubsite.engines.kubernetes.check.permissions import NEEDED, Permission

ROLE = Path(__file__).resolve().parents[5] / "deploy" / "kubernetes" / "role.yaml"


def test_the_role_gives_what_is_needed_and_no_more() -> None:
    (role,) = (d for d in yaml.safe_load_all(ROLE.read_text()) if d["kind"] == "Role")
    given = [
        Permission(group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    assert sorted(given) == sorted(NEEDED)
    assert not any("resourceNames" in rule for rule in role["rules"])


def test_a_part_of_a_kind_is_asked_for_apart() -> None:
    assert Permission("", "pods/log", "get").attributes("cubes") == {
        "namespace": "cubes",
        "group": "",
        "resource": "pods",
        "subresource": "log",
        "verb": "get",
    }
