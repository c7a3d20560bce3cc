"""Cate's app in a real browser: hub, worker, runner, edge, and a stand-in of Cate's web API.

`APP` makes the calls of Cate's app 3 and of its first web UI in their order and with their options
(`ServiceProvisionAPI`, `ServiceInfoAPI`, `WebAPIClient` of github.com/CCI-Tools/cate-app), from a
page of another origin than the hub and the edge.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.benchmarks.hub import Hub
from tests.patience import PATIENCE_S, wait_for
from tests.servers.browser import chromium

from .people import Person
from .plain_browser import Browser

pytestmark = pytest.mark.processes

MEMORY = """
import django; django.setup()
from services.models import ServiceProfile
assert ServiceProfile.objects.filter(name="cate").update(memory_bytes=256 << 20) == 1
"""
APP = """
window.first = {
    async op(base, method, username, token) {
        const url = new URL(`${base}//user/{username}/webapi`.replace('{username}', username));
        const headers = [['Accept', 'application/json'], ['Authorization', `Bearer ${token}`]];
        const response = await fetch(url.toString(), {method, mode: 'cors', headers});
        if (!response.ok) throw new Error(response.status);
        const object = await response.json();
        if (object.status !== 'ok') throw new Error(object.message);
        return object.result;
    },
    async count(base) {
        return (await (await fetch(`${base}//webapi/count`)).json()).result.running_pods;
    },
};
window.cate = {
    async op(api, method, username, token) {
        const headers = [['Accept', 'application/json']];
        if (token) headers.push(['Authorization', `Bearer ${token}`]);
        const url = new URL(`${api}/users/${username}/webapis`).toString();
        const response = await fetch(url, {method, headers, mode: 'cors'});
        if (!response.ok) throw new Error(response.status);
        return response.json();
    },
    async launch(api, username, token) {
        const count = (await (await fetch(`${api}/webapis`, {mode: 'cors'})).json()).running_pods;
        if (count >= 50) throw new Error('Too many concurrent users.');
        const {serverUrl} = await this.op(api, 'POST', username, token);
        const phases = [];
        for (;;) {
            const status = await this.op(api, 'GET', username, token);
            phases.push(status.phase);
            if (status.phase === 'Running') break;
            await new Promise((resolve) => setTimeout(resolve, 200));  // 2 s in the app
        }
        return {serverUrl, phases: [...new Set(phases)], count};
    },
    url(serverUrl, ws, path) {
        const url = new URL(serverUrl);
        const protocol = ws ? (url.protocol === 'https:' ? 'wss:' : 'ws:') : url.protocol;
        return `${protocol}//${url.host}${url.pathname}/${path}`;
    },
    async connect(serverUrl) {
        const response = await fetch(new URL(serverUrl + '/').toString());
        if (!response.ok) throw new Error(response.status);
        const info = (await response.json()).content;
        this.id = 0; this.jobs = {}; this.progress = []; this.closed = null;
        this.socket = new WebSocket(this.url(serverUrl, true, 'api'));
        this.socket.onmessage = (event) => {
            const message = JSON.parse(event.data);
            if ('progress' in message) { this.progress.push(message.progress); return; }
            this.jobs[message.id](message);
            delete this.jobs[message.id];
        };
        this.socket.onclose = (event) => { this.closed = event.code; };
        await new Promise((resolve, reject) => {
            this.socket.onopen = resolve; this.socket.onerror = () => reject(new Error('socket'));
        });
        return info;
    },
    call(method, params) {
        const id = this.id++;
        this.socket.send(JSON.stringify({jsonrpc: '2.0', id, method, params}));
        return new Promise((resolve) => { this.jobs[id] = resolve; });
    },
    tile(serverUrl, resource) {
        return new Promise((resolve) => {
            const image = new Image();
            image.onload = () => resolve(image.naturalWidth);
            image.onerror = () => resolve(0);
            const path = `ws/res/tile/${encodeURIComponent('/mine')}/${resource}/0/0/0.png?var=sst`;
            image.src = this.url(serverUrl, false, path);
        });
    },
    async upload(serverUrl, name, text) {
        const body = new FormData();
        body.append('dir', 'mine');
        body.append('files', new File([text], name), name);
        const options = {mode: 'cors', method: 'POST', body};
        return (await fetch(serverUrl + '/files/upload', options)).json();
    },
};
"""
STATUS = "(url) => fetch(url + '/').then((it) => it.status)"
STEP = """async ([op, resource, args]) => (await cate.call('set_workspace_resource',
    ['/mine', op, args, resource, false]))"""


class Pages(http.server.BaseHTTPRequestHandler):
    """Where the app comes from: an origin of its own."""

    def do_GET(self) -> None:
        body = f"<!doctype html><title>Cate</title><script>{APP}</script>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def hub(whole_hub: Hub) -> Hub:
    whole_hub.python("-c", MEMORY)
    return whole_hub


def user(hub: Hub, email: str) -> Person:
    """A user who only has a token, as in the app."""
    return Person(hub, email, hub.new_user(email), Browser())


@pytest.fixture(scope="module")
def owner(hub: Hub) -> Person:
    return user(hub, "ann.lee@example.org")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """The app in a browser, at an origin of its own."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
    server.shutdown()


class App:
    """The app of one user."""

    def __init__(self, page: Page, owner: Person) -> None:
        self.page = page
        self.owner = owner
        self.api = f"{owner.hub.url}/api/v2"
        self.user = [self.api, owner.email, owner.api.token]

    def launch(self) -> dict[str, Any]:
        return self.page.evaluate("(user) => cate.launch(...user)", self.user)

    def op(self, method: str) -> Any:
        return self.page.evaluate("([m, a, ...who]) => cate.op(a, m, ...who)", [method, *self.user])

    def connect(self, url: str) -> dict[str, Any]:
        """It may sleep: a start may take longer than the edge holds a request on a busy machine."""
        wait_for(lambda: self.page.evaluate(STATUS, url) != 503, "answer of Cate")
        return self.page.evaluate("(url) => cate.connect(url)", url)

    def call(self, method: str, *params: Any) -> dict[str, Any]:
        return self.page.evaluate(
            "([method, params]) => cate.call(method, params)", [method, params]
        )

    def step(self, op: str, resource: str, **values: Any) -> dict[str, Any]:
        args = {name: {"value": value} for name, value in values.items()}
        return self.page.evaluate(STEP, [op, resource, args])

    def until_closed(self) -> int:
        return self.page.wait_for_function("cate.closed").json_value()

    @property
    def container(self) -> dict[str, Any]:
        return self.op("GET")["container_statuses"][0]


@pytest.fixture
def app(page: Page, owner: Person) -> App:
    return App(page, owner)


def instance_of(url: str) -> str:
    return url.partition("://")[2].partition(".")[0]


def test_the_app_from_its_launch_to_the_logout(app, hub):
    launched = app.launch()
    url = launched["serverUrl"]
    assert launched["phases"][-1] == "Running"
    info = app.connect(url)
    assert (info["name"], info["user_root_mode"]) == ("cate-webapi", True)
    assert app.call("new_workspace", "/mine", "a test")["response"]["base_dir"] == "/mine"
    assert app.step("wait", "res_1", seconds=0.1)["response"][1] == "res_1"
    assert app.page.evaluate("cate.progress.length") == 2
    assert app.page.evaluate("(url) => cate.tile(url, 'res_1')", url) == 1
    uploaded = app.page.evaluate("(url) => cate.upload(url, 'a.txt', 'x'.repeat(300000))", url)
    assert uploaded["status"] == "success"
    kept = hub.folder / "services" / ".workspaces"
    kept = kept if kept.exists() else next(hub.folder.rglob(".workspaces"))
    assert next(kept.rglob("a.txt")).stat().st_size == 300_000

    # It sleeps, and the app's next request wakes it with its files.
    app.owner.call("POST", f"/xcube/{instance_of(url)}/sleep")
    assert app.until_closed() >= 1000
    wait_for(lambda: app.op("GET")["phase"] == "Succeeded", "sleep")
    app.connect(url)
    assert app.call("list_workspace_names")["response"] == ["mine"]
    wait_for(lambda: app.op("GET")["phase"] == "Running", "wake")

    # Another launch ends what runs and begins anew; the files stay.
    again = app.launch()
    assert again["count"] == 1 and again["serverUrl"] != url
    assert app.until_closed() >= 1000
    app.connect(again["serverUrl"])
    assert app.call("list_workspace_names")["response"] == ["mine"]

    assert app.op("DELETE") is True
    assert app.until_closed() >= 1000
    assert app.op("GET") == {"phase": "Unknown"}
    assert app.op("DELETE") is True
    refused = app.page.evaluate("(url) => fetch(url + '/').then((it) => it.status)", url)
    assert refused in (401, 403, 404, 410)
    unsigned = "([a, u]) => cate.op(a, 'DELETE', u).catch((error) => error.message)"
    assert app.page.evaluate(unsigned, app.user[:2]) == "401"


def test_an_end_for_memory_is_shown_to_the_app(app):
    url = app.launch()["serverUrl"]
    app.connect(url)
    app.call("new_workspace", "/mine")
    app.page.evaluate(
        "(step) => { cate.call('set_workspace_resource', step); }",  # which is never answered
        ["/mine", "allocate", {"bytes": {"value": 600 << 20}}, "res_1", False],
    )
    assert app.until_closed() >= 1000
    ended = wait_for(lambda: app.container["last_state"]["terminated"], "end in the status")
    assert (ended["reason"], ended["exit_code"]) == ("OOMKilled", 137)
    assert "memory" in ended["message"]
    wait_for(lambda: app.op("GET")["phase"] == "Running", "next start")
    assert app.container["last_state"]["terminated"]["reason"] == "OOMKilled"
    app.connect(url)
    assert app.call("list_workspace_names")["response"] == ["mine"]
    assert app.op("DELETE") is True


def test_the_first_web_ui_and_another_user(app, page, hub):
    base, who = hub.url, [app.owner.email, app.owner.api.token]
    op = (
        "([base, method, ...who]) => first.op(base, method, ...who).catch((error) => error.message)"
    )
    url = page.evaluate(op, [base, "POST", *who])["serverUrl"]
    wait_for(lambda: page.evaluate(op, [base, "GET", *who])["phase"] == "Running", "start")
    assert page.evaluate("(base) => first.count(base)", base) == 1
    app.connect(url)
    assert app.call("keep_alive")["response"] is None

    guest = user(hub, "ann.lee2@example.org")
    for method in ("GET", "POST", "DELETE"):
        assert page.evaluate(op, [base, method, who[0], guest.api.token]) == "403"
    bare = url.partition("/.xcube-hub")[0]
    status = """([url, token]) => fetch(url + '/', token ? {headers: {Authorization: token}} : {})
        .then((it) => it.status)"""
    assert page.evaluate(status, [bare, None]) == 401
    assert page.evaluate(status, [bare, f"Bearer {guest.api.token}"]) in (403, 404)
    assert page.evaluate(status, [bare, f"Bearer {app.owner.api.token}"]) == 200
    assert app.call("keep_alive")["response"] is None
    assert page.evaluate(op, [base, "DELETE", *who]) is True
    assert page.evaluate("(base) => first.count(base)", base) == 0
