"""A network namespace for a node and its pods, joined to this machine by one pair of interfaces.

Routes, addresses and rules of the node stay in it. It has no way out: pods reach this machine's
end of the pair, and nothing else.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import subprocess
from pathlib import Path

NAMESPACES = Path("/run/netns")


@dataclasses.dataclass(frozen=True)
class Network:
    """Its addresses are a free /24 of 10.200.0.0/16: a /30 for the pair, a /26 for the pods."""

    name: str
    link: str
    host_address: str
    node_address: str
    pods: str

    @property
    def within(self) -> tuple[str, ...]:
        """The command that runs another in there (`ip netns exec` would hide the cgroups)."""
        return ("nsenter", f"--net={NAMESPACES / self.name}")

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self)))


def read_network(path: Path) -> Network:
    return Network(**json.loads(path.read_text()))


def make_network() -> Network:
    name = f"xcube-hub-{os.getpid()}"
    _ip("netns", "add", name)
    try:
        network = _join(name)
    except BaseException:
        _ip("netns", "del", name)
        raise
    try:
        _configure(network)
    except BaseException:
        remove_network(network)
        raise
    return network


def remove_network(network: Network) -> None:
    """At once: the link's end takes its routes along, the namespace's end all that was in it."""
    if Path("/sys/class/net", network.link).exists():
        _ip("link", "del", network.link)
    if (NAMESPACES / network.name).exists():
        _ip("netns", "del", network.name)


def _join(name: str) -> Network:
    taken = [
        ipaddress.ip_address(address["local"])
        for interface in json.loads(_ip("-json", "-4", "address"))
        for address in interface["addr_info"]
    ]
    for number in range(1, 256):
        addresses = ipaddress.ip_network(f"10.200.{number}.0/24")
        link = f"xcube-hub-{number}"
        if any(address in addresses for address in taken):
            continue
        try:
            # The link's name is what two test runs at the same instant fight for.
            _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        except subprocess.CalledProcessError as error:
            if "File exists" in error.stderr:
                continue
            raise
        return Network(
            name=name,
            link=link,
            host_address=str(addresses[1]),
            node_address=str(addresses[2]),
            pods=f"{addresses[64]}/26",
        )
    raise RuntimeError("no /24 of 10.200.0.0/16 is free")


def _configure(network: Network) -> None:
    _ip("address", "add", f"{network.host_address}/30", "dev", network.link)
    _ip("link", "set", network.link, "up")
    inside = ("-n", network.name)
    _ip(*inside, "address", "add", f"{network.node_address}/30", "dev", "eth0")
    for device in ("lo", "eth0"):
        _ip(*inside, "link", "set", device, "up")
    _ip("route", "add", network.pods, "via", network.node_address)
    forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
    subprocess.run([*network.within, "sh", "-c", forward], check=True)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
