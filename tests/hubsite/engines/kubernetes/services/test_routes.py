"""Routes for gateways of the cluster's own, whole, in `golden/`: UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from hubsite.engines.kubernetes.from_settings import pod_options
from hubsite.engines.kubernetes.pod_options import PodOptions
from hubsite.engines.kubernetes.routes import AUTHORIZE, ROUTES, RouteOptions
from hubsite.engines.kubernetes.services.manifests import manifests
from hubsite.engines.specs import Service
from services.edge.authorizing import AUTHORIZE as OF_THE_EDGE

from ..test_manifests import _Dumper
from ..workloads import options
from .specs import NAME, service

GOLDEN = Path(__file__).parent / "golden"
DEPLOY = Path(__file__).resolve().parents[5] / "deploy" / "kubernetes"
VIA = {"gateway": "infra/public", "traefik": "websecure", "ingress": "nginx"}


def with_routes(kind: str, host: str) -> PodOptions:
    given = RouteOptions(kind, host, VIA[kind], "http://xcube-hub-edge.cubes.svc:8081")
    return options(routes=given)


CASES: dict[str, tuple[Service, PodOptions]] = {
    f"route-{kind}-{place}": (spec, with_routes(kind, host))
    for kind in ROUTES
    for place, spec, host in (
        ("host", service(), "*.services.example.org"),
        ("path", service(path=f"/{NAME}"), "services.example.org"),
    )
}


def made_of(case: str) -> list[dict]:
    return [part for _, part in manifests(*CASES[case]).parts[2:]]


@pytest.mark.parametrize("case", CASES)
def test_routes_are_those_of_the_golden_file(case: str) -> None:
    text = yaml.dump_all(made_of(case), Dumper=_Dumper, sort_keys=False, width=100)
    file = GOLDEN / f"{case}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("case", CASES)
def test_they_ask_the_edge_hide_what_is_secret_and_go_with_the_service(case: str) -> None:
    text = json.dumps(made_of(case))
    assert AUTHORIZE == OF_THE_EDGE
    assert AUTHORIZE in text
    assert "Cookie" in text
    assert "Authorization" in text
    assert "/maintenance" in text
    for part in made_of(case):
        assert part["metadata"]["ownerReferences"][0]["name"] == NAME


def test_without_the_setting_there_are_none() -> None:
    assert len(manifests(service(), options()).parts) == 2


def test_the_settings_choose_them(settings) -> None:
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_EDGE_URL": "https://*.services.example.org:8443",
        "XCUBE_HUB_SERVICE_ROUTES": "gateway",
    }
    with pytest.raises(ValueError, match="needs XCUBE_HUB_SERVICE_ROUTES_VIA"):
        pod_options()
    settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICE_ROUTES_VIA": "infra/public"}
    given = pod_options().routes
    assert given is not None
    assert given.host_of(service()) == f"{NAME}.services.example.org"
    settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICE_ROUTES": "none"}
    assert pod_options().routes is None


def test_their_role_gives_what_is_needed_and_no_more() -> None:
    documents = yaml.safe_load_all((DEPLOY / "routes" / "role.yaml").read_text())
    (role,) = (document for document in documents if document["kind"] == "Role")
    given = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    needed = {
        (resource.group, resource.plural, verb)
        for route in ROUTES.values()
        for resource in route.resources
        for verb in resource.verbs
    }
    assert given == needed
