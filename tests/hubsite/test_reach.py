"""Calls for users reach public addresses only, however a private one is written or hidden."""

from __future__ import annotations

import importlib
import socket
import sys

import pytest

from hubsite.http_client import NotTaken, call
from hubsite.reach import NotPublic, Reach
from tests.servers.silent import silent_server

PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::80ff:fffe",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
]
PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NO_ADDRESS = ["", "localhost", "0177.0.0.1", "0x7f.1", "2130706433", "127.1", "1.2.3.4.5"]


@pytest.mark.parametrize("literal", [*PRIVATE, *NO_ADDRESS])
def test_what_is_not_public_is_refused(literal):
    assert not Reach().allows(literal)


@pytest.mark.parametrize("literal", PUBLIC)
def test_what_is_public_is_allowed(literal):
    assert Reach().allows(literal)


def test_an_allowed_network_opens_that_network_only():
    reach = Reach(["10.1.0.0/16", "fd00::/8"])
    assert reach.allows("10.1.2.3") and reach.allows("::ffff:10.1.2.3") and reach.allows("fd00::1")
    assert not reach.allows("10.2.0.1") and not reach.allows("127.0.0.1")


def test_runs_and_the_hub_agree_on_what_is_public():
    """The runner has this rule too, because it imports nothing of the hub."""
    egress = importlib.import_module("jobs.runner.work.egress")
    policy = egress.Policy({"deny_private": True})
    for literal in [*PRIVATE, *PUBLIC]:
        assert policy.allows(literal) == Reach().allows(literal), literal
    assert "jobs.runner.work.egress" in sys.modules


@pytest.fixture
def names(monkeypatch):
    """A name server: each question takes the next answer of that name."""
    answers: dict[str, list[str]] = {}
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def answer(host, port, *args, **options):
        asked.append(host)
        if host not in answers:
            return resolve(host, port, *args, **options)
        found = answers[host]
        literal = found.pop(0) if len(found) > 1 else found[0]
        return resolve(literal, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    answers["asked"] = asked
    return answers


def test_a_name_that_points_to_a_private_address_is_not_called(names):
    with silent_server() as server:
        port = server.address.partition(":")[2]
        names["evil.example.org"] = ["127.0.0.1"]
        for host in ("evil.example.org", "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"):
            with pytest.raises(NotTaken, match="no public address"):
                call("GET", f"http://{host}:{port}/", timeout_s=60, most_bytes=9, reach=Reach())
        assert server.connections == []


def test_a_name_that_changes_its_address_is_asked_once(names, monkeypatch):
    """DNS rebinding: the address that was checked is the one that is connected to."""
    reach = Reach()
    monkeypatch.setattr(socket.socket, "connect", lambda sock, address: went.append(address[0]))
    went: list[str] = []
    names["evil.example.org"] = ["93.184.215.14", "127.0.0.1"]
    reach.connect("evil.example.org", 443, 1).close()
    assert went == ["93.184.215.14"]
    with pytest.raises(NotPublic):
        reach.connect("evil.example.org", 443, 1)
    assert went == ["93.184.215.14"]


def test_a_name_without_an_address_is_refused_in_the_same_words(names):
    names["db.internal"] = ["10.0.0.5"]
    with pytest.raises(NotPublic) as private:
        Reach().connect("db.internal", 443, 1)
    with pytest.raises(NotPublic) as none:
        Reach().connect("does-not-exist.invalid", 443, 1)
    assert str(private.value) == str(none.value)


def test_a_proxy_is_not_asked_because_it_would_connect_itself(monkeypatch):
    with silent_server() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(NotTaken, match="no public address"):
            call("GET", "http://10.0.0.1/", timeout_s=60, most_bytes=9, reach=Reach())
        assert proxy.connections == []
