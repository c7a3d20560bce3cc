"""The hub's connection to a real API server: credentials that expire are replaced in the files
that hold them, and the next call reads them."""

from __future__ import annotations

import dataclasses
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
import yaml

from hubsite.engines.kubernetes.client import Api, NotAccepted
from hubsite.engines.kubernetes.connection import Source, choose_source, load, namespace_of
from tests.servers.kubernetes import access
from tests.servers.kubernetes import api as tests_api
from tests.servers.kubernetes.access import HubAccess
from tests.servers.kubernetes.api import write_kubeconfig
from tests.servers.kubernetes.controlplane import Cluster, ControlPlane

pytestmark = pytest.mark.kubernetes


@dataclasses.dataclass
class Access:
    """A way to the cluster, and how whoever rotates its token replaces it."""

    api: Api
    rotate: Callable[[str], object]


@pytest.fixture(params=["kubeconfig", "pod"])
def way(
    request: pytest.FixtureRequest, cluster: Cluster, hub_access: HubAccess, tmp_path: Path
) -> Access:
    if request.param == "kubeconfig":
        source = Source(str(hub_access.kubeconfig), None, None)

        def rewrite(token: str) -> None:
            document = yaml.safe_load(hub_access.kubeconfig.read_text())
            document["users"][0]["user"]["token"] = token
            hub_access.kubeconfig.write_text(yaml.safe_dump(document))

        return Access(Api(lambda: load(source)), rewrite)
    folder, environ = _pod(cluster, hub_access, tmp_path)
    source = _choose(folder, environ)
    api = Api(lambda: load(source, environ=environ, service_account=folder))
    return Access(api, (folder / "token").write_text)


def test_a_pod_finds_its_own_cluster_and_namespace(
    cluster: Cluster, hub_access: HubAccess, tmp_path: Path
) -> None:
    folder, environ = _pod(cluster, hub_access, tmp_path)
    source = _choose(folder, environ)
    namespace = namespace_of(source, service_account=folder)
    assert namespace == hub_access.namespace
    api = Api(lambda: load(source, environ=environ, service_account=folder))
    assert api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"] == []


def test_an_expired_token_is_read_anew_by_the_next_call(
    control_plane: ControlPlane, hub_access: HubAccess, way: Access
) -> None:
    jobs = f"/apis/batch/v1/namespaces/{hub_access.namespace}/jobs"
    way.rotate(_expired(control_plane, hub_access.token))
    for _ in range(2):  # and the second is not asked with a client that is broken
        with pytest.raises(NotAccepted, match="does not accept our credentials"):
            way.api.get(jobs)
    way.rotate(access.request_token(control_plane, hub_access.namespace))
    assert way.api.get(jobs)["items"] == []


def test_not_one_call_is_lost_when_a_token_is_revoked_under_way(
    cluster: Cluster, hub_access: HubAccess, way: Access, tmp_path: Path
) -> None:
    """A token bound to a Secret ends with it; the API server may remember it for 10 s."""
    root = f"/api/v1/namespaces/{hub_access.namespace}"
    cluster.api.post(f"{root}/secrets", {"metadata": {"name": "bond"}})
    bond = {"kind": "Secret", "apiVersion": "v1", "name": "bond"}
    asked = {"spec": {"expirationSeconds": 3600, "boundObjectRef": bond}}
    answer = cluster.api.post(f"{root}/serviceaccounts/{access.ACCOUNT}/token", asked)
    bound = answer["status"]["token"]
    way.rotate(bound)
    jobs = f"/apis/batch/v1/namespaces/{hub_access.namespace}/jobs"
    assert way.api.get(jobs)["items"] == []
    user = {"token": bound}
    old = write_kubeconfig(tmp_path / "old", url=cluster.url, ca=cluster.ca, user=user)
    with_the_old = tests_api.Api(old)
    cluster.api.delete(f"{root}/secrets/bond")
    way.rotate(hub_access.token)

    def is_refused() -> bool:
        assert way.api.get(jobs)["items"] == []
        try:
            with_the_old.get(jobs)
        except tests_api.ApiException as error:
            return error.status == 401
        return False

    tests_api.until(is_refused, "end of the old token")
    assert way.api.get(jobs)["items"] == []


def test_files_are_joined_as_kubectl_does(
    cluster: Cluster, hub_access: HubAccess, tmp_path: Path
) -> None:
    """Clusters in one file, the user in another, beside one that is not there."""
    whole = yaml.safe_load(hub_access.kubeconfig.read_text())
    of_user = {**whole, "clusters": [], "contexts": []}
    of_cluster = {**whole, "users": []}
    for name, document in (("user", of_user), ("cluster", of_cluster)):
        (tmp_path / name).write_text(yaml.safe_dump(document))
    paths = f"{tmp_path}/missing:{tmp_path}/user:{tmp_path}/cluster"
    source = choose_source(
        run_local="1", kubeconfig=paths, context=None, namespace=None, environ={}
    )
    jobs = f"/apis/batch/v1/namespaces/{namespace_of(source)}/jobs"
    assert Api(lambda: load(source)).get(jobs)["items"] == []


def test_a_named_context_is_another_account(
    cluster: Cluster, hub_access: HubAccess, tmp_path: Path
) -> None:
    other = write_kubeconfig(
        tmp_path / "other", url=cluster.url, ca=cluster.ca, user={"token": "not-a-token"}
    )
    document = yaml.safe_load(other.read_text())
    document["users"].append({"name": "hub", "user": {"token": hub_access.token}})
    given = {"cluster": "test", "user": "hub", "namespace": hub_access.namespace}
    document["contexts"].append({"name": "hub", "context": given})
    other.write_text(yaml.safe_dump(document))
    jobs = f"/apis/batch/v1/namespaces/{hub_access.namespace}/jobs"
    with pytest.raises(NotAccepted):
        Api(lambda: load(Source(str(other), None, None))).get(jobs)
    source = Source(str(other), "hub", None)
    assert namespace_of(source) == hub_access.namespace
    assert Api(lambda: load(source)).get(jobs)["items"] == []


def _pod(cluster: Cluster, given: HubAccess, folder: Path) -> tuple[Path, dict[str, str]]:
    """What a pod with the hub's ServiceAccount has: the mounted folder, and the environment."""
    mounted = folder / "serviceaccount"
    mounted.mkdir()
    (mounted / "token").write_text(given.token)
    (mounted / "namespace").write_text(given.namespace)
    if cluster.ca is None:
        pytest.skip("the cluster has no authority of its own")
    (mounted / "ca.crt").write_bytes(cluster.ca.read_bytes())
    parts = urllib.parse.urlsplit(cluster.url)
    return mounted, {
        "KUBERNETES_SERVICE_HOST": str(parts.hostname),
        "KUBERNETES_SERVICE_PORT": str(parts.port),
    }


def _choose(folder: Path, environ: dict[str, str]) -> Source:
    return choose_source(
        run_local=None,
        kubeconfig=None,
        context=None,
        namespace=None,
        environ=environ,
        service_account=folder,
    )


def _expired(control_plane: ControlPlane, token: str) -> str:
    """The same token as the API server signed it, but an hour too old."""
    key = (control_plane.folder / "keys" / "service-account.key").read_text()
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    hour = 3600
    times = {name: int(time.time()) - 2 * hour for name in ("iat", "nbf")}
    expired = claims | times | {"exp": int(time.time()) - hour}
    return jwt.encode(expired, key, algorithm=header["alg"], headers={"kid": header["kid"]})
