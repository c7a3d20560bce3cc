"""A real Keycloak, on loopback, as the identity provider of tests.

It comes from Maven, once per machine, into the user's cache. Its database is in memory; realms,
clients and people are made by its admin REST API.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from tests.patience import PATIENCE_S

from .logs import show_on_failure
from .missing import missing
from .ports import free_port

VERSION = "26.4.5"
ADMIN, ADMIN_PASSWORD = "admin", uuid.uuid4().hex
START_WITHIN_S = 600  # ten seconds of work, on a machine that may have much else to do

_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_BUILD = ("build", "--db=dev-mem", "--features-disabled=persistent-user-sessions")
_START = (
    "start",
    "--optimized",
    "--http-enabled=true",
    "--hostname-strict=false",
    "--http-host=127.0.0.1",
    "--cache=local",
)


def installed() -> Path:
    """The folder of the built Keycloak; fetched and built if it is not there."""
    for program in ("mvn", "java"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed: apt-get install maven default-jre-headless")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xcube-hub"
    folder = cache / f"keycloak-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"keycloak-{VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".built").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(cache, folder)
    return folder


def _install(cache: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
        fetched = subprocess.run(
            ["mvn", "-q", "-B", _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={scratch}"],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=900,
        )
        if fetched.returncode:
            missing(f"Maven cannot fetch Keycloak: {fetched.stdout[-400:]}")
        with zipfile.ZipFile(next(Path(scratch).glob("*.zip"))) as archive:
            archive.extractall(scratch)
        unpacked = Path(scratch) / f"keycloak-{VERSION}"
        for script in (unpacked / "bin").glob("*.sh"):
            script.chmod(0o755)
        unpacked.rename(folder)
    subprocess.run(
        [folder / "bin" / "kc.sh", *_BUILD], check=True, capture_output=True, timeout=300
    )
    (folder / ".built").touch()


class Keycloak:
    """A running server, and its admin REST API."""

    def __init__(self, url: str, process: subprocess.Popen) -> None:
        self.url = url
        self._process = process
        self._http = requests.Session()
        self._http.trust_env = False
        self._token_ends_at = 0.0

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask `/admin/realms…`; raises if it is refused."""
        if time.monotonic() > self._token_ends_at:
            answer = self._http.post(
                f"{self.url}/realms/master/protocol/openid-connect/token",
                data={
                    "grant_type": "password",
                    "client_id": "admin-cli",
                    "username": ADMIN,
                    "password": ADMIN_PASSWORD,
                },
                timeout=PATIENCE_S,
            )
            answer.raise_for_status()
            self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            self._token_ends_at = time.monotonic() + 30
        answer = self._http.request(
            method, f"{self.url}/admin/realms{path}", timeout=PATIENCE_S, **options
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def make_realm(self, name: str) -> Realm:
        self.call("POST", "", json={"realm": name, "enabled": True, "sslRequired": "none"})
        return Realm(self, name)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and answers nothing: the worst way to be down."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._process.pid, signal.SIGCONT)


class Realm:
    """One issuer: its clients, people, roles and keys."""

    def __init__(self, server: Keycloak, name: str) -> None:
        self.server, self.name = server, name
        self.issuer = f"{server.url}/realms/{name}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.server.call(method, f"/{self.name}{path}", **options)

    def make_client(self, client_id: str, *, secret: str, hub_url: str, audience: str) -> None:
        """The hub: browsers sign in with it, and its access tokens are for `audience`.

        Realm roles go into ID tokens too, where Keycloak puts them into access tokens only.
        """
        roles = {
            "multivalued": "true",
            "claim.name": "realm_access.roles",
            "jsonType.label": "String",
            "id.token.claim": "true",
            "access.token.claim": "true",
        }
        self.call(
            "POST",
            "/clients",
            json={
                "clientId": client_id,
                "secret": secret,
                "publicClient": False,
                "standardFlowEnabled": True,
                "directAccessGrantsEnabled": True,
                "redirectUris": [f"{hub_url}/oidc/callback/"],
                "attributes": {
                    "post.logout.redirect.uris": f"{hub_url}/signed-out/",
                    "pkce.code.challenge.method": "S256",
                },
                "protocolMappers": [
                    {
                        "name": "audience",
                        "protocol": "openid-connect",
                        "protocolMapper": "oidc-audience-mapper",
                        "config": {
                            "included.custom.audience": audience,
                            "access.token.claim": "true",
                        },
                    },
                    {
                        "name": "roles",
                        "protocol": "openid-connect",
                        "protocolMapper": "oidc-usermodel-realm-role-mapper",
                        "config": roles,
                    },
                ],
            },
        )

    def make_person(self, name: str, *, email: str, password: str, verified: bool = True) -> str:
        """Somebody's account; returns its id, which becomes the subject."""
        self.call(
            "POST",
            "/users",
            json={
                "username": name,
                "email": email,
                "emailVerified": verified,
                "enabled": True,
                "firstName": name.title(),
                "lastName": "Example",
                "credentials": [{"type": "password", "value": password, "temporary": False}],
            },
        )
        return self.call("GET", "/users", params={"username": name, "exact": "true"}).json()[0][
            "id"
        ]

    def change_person(self, subject: str, **fields: Any) -> None:
        self.call("PUT", f"/users/{subject}", json=fields)

    def make_role(self, name: str) -> None:
        self.call("POST", "/roles", json={"name": name})

    def give_role(self, subject: str, name: str) -> None:
        self._move_role("POST", subject, name)

    def take_role(self, subject: str, name: str) -> None:
        self._move_role("DELETE", subject, name)

    def _move_role(self, method: str, subject: str, name: str) -> None:
        role = self.call("GET", f"/roles/{name}").json()
        self.call(method, f"/users/{subject}/role-mappings/realm", json=[role])

    def end_sessions(self, subject: str) -> None:
        """As an administrator does, or as time does."""
        self.call("POST", f"/users/{subject}/logout")

    def sessions(self, subject: str) -> list[dict]:
        return self.call("GET", f"/users/{subject}/sessions").json()

    def rotate_keys(self) -> None:
        """A new RS256 key signs from now on, and the old ones are published no more."""
        old = self.call("GET", "/components", params={"type": "org.keycloak.keys.KeyProvider"})
        self._make_key("rsa-generated", "RS256")
        for component in old.json():
            if component["providerId"] == "rsa-generated":
                self.call("DELETE", f"/components/{component['id']}")

    def sign_with_es256(self) -> None:
        self._make_key("ecdsa-generated", "ES256")
        self.call("PUT", "", json={"realm": self.name, "defaultSignatureAlgorithm": "ES256"})

    def _make_key(self, kind: str, algorithm: str) -> None:
        realm_id = self.call("GET", "").json()["id"]
        config: dict[str, list[str]] = {
            "priority": [str(int(time.time()))],
            "enabled": ["true"],
            "active": ["true"],
        }
        if kind == "rsa-generated":
            config |= {"algorithm": [algorithm], "keySize": ["2048"]}
        else:
            config |= {"ecdsaEllipticCurveKey": ["P-256"]}
        self.call(
            "POST",
            "/components",
            json={
                "name": f"{kind}-{uuid.uuid4().hex[:6]}",
                "providerId": kind,
                "providerType": "org.keycloak.keys.KeyProvider",
                "parentId": realm_id,
                "config": config,
            },
        )

    def token(self, client_id: str, secret: str, name: str, password: str) -> dict[str, str]:
        """Access and ID token of a person, as a program gets them."""
        answer = requests.post(
            f"{self.issuer}/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": client_id,
                "client_secret": secret,
                "username": name,
                "password": password,
                "scope": "openid email",
            },
            timeout=PATIENCE_S,
        )
        assert answer.ok, answer.text
        return answer.json()


@contextlib.contextmanager
def keycloak() -> Iterator[Keycloak]:
    """A Keycloak with nothing in it but its own realm."""
    program = installed()
    port = free_port()
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        folder = Path(scratch) / "keycloak"
        shutil.copytree(program, folder, copy_function=os.link, symlinks=True)
        log = (Path(scratch) / "log").open("wb")
        show_on_failure(log.name)
        process = subprocess.Popen(
            [folder / "bin" / "kc.sh", *_START, f"--http-port={port}"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": scratch,
                "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
                "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",  # a quick start
                "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
            },
            stdout=log,
            stderr=log,
            process_group=0,
        )
        try:
            server = Keycloak(f"http://127.0.0.1:{port}", process)
            _wait(server, process, Path(log.name))
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=PATIENCE_S)
            log.close()


def _wait(server: Keycloak, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{server.url}/realms/master", timeout=5).status_code == 200:
                return
        time.sleep(0.3)
    raise RuntimeError(f"Keycloak did not start:\n{log.read_text(errors='replace')[-3000:]}")
