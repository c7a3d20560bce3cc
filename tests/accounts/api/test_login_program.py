"""The sign-in program that the hub hands out, against a real server; the wheel by pip's rules."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import stat
import zipfile

import pytest
from django.test import Client as HttpClient

from accounts.api import device_views
from accounts.models import AccessToken, DeviceRequest
from accounts.programs import xcube_hub_login as program
from accounts.tokens import device_flow
from hubsite.web import addresses
from tests.accounts.factories import make_user


@pytest.fixture
def hub(live_server, monkeypatch, tmp_path):
    class Site:
        public_url = live_server.url

    for module in (device_views, addresses):
        monkeypatch.setattr(module, "hub", Site)
    monkeypatch.setattr(device_flow, "INTERVAL_S", 0)
    monkeypatch.setattr(program.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return live_server.url


class Person:
    """Reads what the program shows, and decides in a browser."""

    def __init__(self, decision: str) -> None:
        self.user = make_user(permissions=["manage:cubegens"])
        self.decision, self.read = decision, []

    def __call__(self, line: str) -> None:
        self.read.append(line)
        if "and compare the code" in line:
            browser = HttpClient()
            browser.force_login(self.user)
            code = DeviceRequest.objects.get().user_code
            form = {"user_code": code, "decision": self.decision, "name": "laptop", "days": "1"}
            page = browser.post("/device", {**form, "scopes": ["manage:cubegens"]})
            assert page.status_code == 200


def test_login_keeps_the_token_for_oneself_and_logout_revokes_it(hub, tmp_path, capsys):
    person = Person("approve")
    token = program.login(hub + "/", show=person, open_browser=False)
    row = AccessToken.objects.get(user=person.user)
    assert (row.name, row.revoked_at) == ("laptop", None)

    file = tmp_path / "xcube-hub" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())[hub]["access_token"] == token

    asked_no_one = program.login(f"{hub}/api/v2/", show=pytest.fail)
    assert asked_no_one == token
    assert program.main(["token", hub]) == 0
    assert capsys.readouterr().out.strip() == token

    assert program.main(["logout", hub]) == 0
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert json.loads(file.read_text()) == {}
    assert program.main(["token", hub]) == 1
    assert "no token is saved" in capsys.readouterr().err


def test_a_denied_login_says_so_and_keeps_nothing(hub, tmp_path):
    with pytest.raises(program.LoginError, match="denied"):
        program.login(hub, show=Person("deny"), open_browser=False)
    assert not (tmp_path / "xcube-hub" / "tokens.json").exists()


@pytest.mark.parametrize(
    "url", ["http://hub.example.org", "ftp://x", "https://", "https://a:b@x", "https://x?y", ""]
)
def test_a_token_is_never_asked_for_over_an_unsafe_address(url):
    with pytest.raises(program.LoginError):
        program.login(url, show=pytest.fail)


def test_endpoints_elsewhere_are_refused(hub, monkeypatch):
    class Elsewhere:
        public_url = "https://evil.example.org"

    monkeypatch.setattr(addresses, "hub", Elsewhere)
    with pytest.raises(program.LoginError, match="use that address"):
        program.login(hub, show=pytest.fail, open_browser=False)


def test_the_hub_hands_out_the_program_and_a_wheel_with_a_command(client):
    from accounts.pages.login_program import SOURCE, files

    source = client.get("/programs/xcube_hub_login.py")
    assert source.content == SOURCE.read_bytes()
    again = client.get("/programs/xcube_hub_login.py", headers={"If-None-Match": source["ETag"]})
    assert again.status_code == 304
    (name,) = [name for name in files() if name.endswith(".whl")]
    wheel = zipfile.ZipFile(io.BytesIO(client.get(f"/programs/{name}").content))
    info = name.removesuffix("-py3-none-any.whl") + ".dist-info"
    record = list(csv.reader(io.StringIO(wheel.read(f"{info}/RECORD").decode())))
    assert {row[0] for row in record} == set(wheel.namelist())
    for path, digest, size in record[:-1]:
        content = wheel.read(path)
        right = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={right}", str(len(content)))
    assert b"xcube-hub = xcube_hub_login:main" in wheel.read(f"{info}/entry_points.txt")
    assert client.get("/programs/other.py").status_code == 404
