"""Where a guarded request may connect to."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import pytest

from jobs.runner.work.egress import Guard, NotAllowed, Policy, check_named, guarded
from tests.patience import wait_for

DENY = {"deny_private": True, "allow_networks": []}
NOTHING = {"request": {}, "stores": {}}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.5", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.5", "::ffff:127.0.0.1",
        "2002:7f00:1::", "64:ff9b::7f00:1", "::127.0.0.1", "not-an-address",
    ],
)  # fmt: skip
def test_private_addresses_are_denied(host):
    assert not Policy(DENY).allows(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(host):
    assert Policy(DENY).allows(host)


def test_an_allowed_network():
    policy = Policy({"deny_private": True, "allow_networks": ["127.0.0.0/8", "fc00::/7"]})
    assert policy.allows("127.0.0.1")
    assert policy.allows("::ffff:127.0.0.1")
    assert policy.allows("fc00::1")
    assert not policy.allows("10.0.0.1")


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_guards_sockets_and_asyncio_and_is_reverted(port):
    async def connect(host: str) -> None:
        await asyncio.open_connection(host, port)

    with guarded(DENY, **NOTHING):
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(PermissionError, match="not allowed"):
                socket.create_connection((host, port))
            with pytest.raises(PermissionError, match="not allowed"):
                asyncio.run(connect(host))
        with socket.socket() as sock, pytest.raises(PermissionError):
            sock.connect_ex(("127.0.0.1", port))
        with socket.socket() as sock, pytest.raises(PermissionError):
            sock.connect(("localhost", port))
        with socket.socket(socket.AF_UNIX) as sock, pytest.raises(PermissionError):
            sock.connect("/tmp/x")
    socket.create_connection(("127.0.0.1", port)).close()
    with guarded({"deny_private": True, "allow_networks": ["127.0.0.0/8"]}, **NOTHING):
        socket.create_connection(("127.0.0.1", port)).close()
    with guarded(None, **NOTHING):
        socket.create_connection(("127.0.0.1", port)).close()


def s3(url):
    return {"store_id": "s3", "store_params": {"storage_options": {"endpoint_url": url}}}


@pytest.mark.parametrize("place", ["input_config", "output_config"])
def test_addresses_that_a_request_names_itself_are_refused_at_once(place):
    request = {place: s3("http://169.254.169.254/latest")}
    with (
        pytest.raises(NotAllowed, match="169.254.169.254"),
        guarded(DENY, request=request, stores={}),
    ):
        pass


def test_the_very_endpoint_of_an_operators_store_may_be_reached_and_no_other_port(port):
    stores = {"minio": s3(f"http://127.0.0.1:{port}")}
    with guarded(DENY, request={}, stores=stores):
        socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(PermissionError):
            socket.create_connection(("127.0.0.1", port + 1))


def test_an_operators_endpoint_is_not_the_callers(port):
    stores = {"minio": s3(f"http://127.0.0.1:{port}")}
    request = {"input_config": s3(f"http://127.0.0.1:{port}")}
    with pytest.raises(NotAllowed), guarded(DENY, request=request, stores=stores):
        pass


def test_no_connection_slips_through_while_the_policy_is_replaced(port, monkeypatch):
    for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    guard, stop = Guard(), threading.Event()
    refused, passed = [], []

    def knock() -> None:
        while not stop.is_set():
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except PermissionError:
                refused.append(1)
            else:
                passed.append(1)

    guard.set(Policy(DENY))
    guard.install()
    thread = threading.Thread(target=knock)
    thread.start()
    try:
        for number in range(2_000):
            guard.set(Policy(DENY, operators_stores=[f"http://127.0.0.{2 + number % 9}:{port}"]))
        wait_for(lambda: len(refused) > 100)
    finally:
        stop.set()
        thread.join()
    assert not passed
    # Without a policy everything is allowed, and the environment is as before.
    guard.set(None)
    socket.create_connection(("127.0.0.1", port)).close()
    assert "GDAL_HTTP_PROXY" not in os.environ


def test_a_policy_that_is_made_under_another_one_finds_its_addresses(port, monkeypatch):
    for owner, name in ((socket.socket, "connect"), (socket.socket, "connect_ex")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(socket, "getaddrinfo", socket.getaddrinfo)
    guard = Guard()
    guard.set(Policy(DENY))
    guard.install()
    url = f"http://localhost:{port}"
    with pytest.raises(NotAllowed, match="localhost"):
        check_named([url], Policy(DENY))
    guard.set(Policy(DENY, operators_stores=[url]))
    socket.create_connection(("127.0.0.1", port)).close()
    guard.set(None)


def test_proxies_are_back_after_several_policies(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    guard = Guard()
    for policy in (Policy(DENY), Policy(DENY), Policy({"deny_private": False}), None):
        guard.set(policy)
        is_guarded = policy is not None and policy.is_active
        assert ("https_proxy" in os.environ) is not is_guarded
        assert ("GDAL_HTTP_PROXY" in os.environ) is is_guarded
    assert os.environ["https_proxy"] == "http://proxy.example.org:3128"
