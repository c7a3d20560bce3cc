"""Where the programs of the cluster come from.

From `KUBEBUILDER_ASSETS` if they are there, else built from Go modules (`go/*/go.mod` pins the
versions), once per machine, into the user's cache. `make kubernetes` does so beforehand.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from .toolchain import GoMissing, find_go

MODULES = Path(__file__).resolve().parent / "go"
KUBERNETES = "k8s.io/kubernetes/cmd"
PACKAGES = {
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": ("kubernetes", f"{KUBERNETES}/kube-apiserver"),
    "kube-controller-manager": ("kubernetes", f"{KUBERNETES}/kube-controller-manager"),
    "kube-scheduler": ("kubernetes", f"{KUBERNETES}/kube-scheduler"),
    "kwok": ("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "kubelet": ("kubernetes", f"{KUBERNETES}/kubelet"),
}
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

Say = Callable[[str], None]


class ProgramsMissing(Exception):
    """The message says how to get them."""


def programs(names: Iterable[str], *, say: Say) -> dict[str, Path]:
    """The paths of these programs, by name; builds what is not there, which takes minutes."""
    found = {name: path for name in names if (path := _given(name) or _built(name))}
    wanted = [name for name in names if name not in found]
    return found | build(wanted, say=say) if wanted else found


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xcube-hub"


def build(names: Iterable[str], *, say: Say) -> dict[str, Path]:
    """Build programs; another test run that wants to do the same waits for this one."""
    go = _go()
    bin_folder().mkdir(parents=True, exist_ok=True)
    with (bin_folder().parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another process, which builds the programs of Kubernetes …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        return {name: _built(name) or _build(go, name, say=say) for name in names}


def bin_folder() -> Path:
    digest = hashlib.sha256()
    for file in sorted(MODULES.glob("*/go.*")):
        digest.update(file.read_bytes())
    return cache() / f"kubernetes-{digest.hexdigest()[:12]}" / "bin"


def _given(name: str) -> Path | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return _if_program(Path(assets) / name) if assets else None


def _built(name: str) -> Path | None:
    return _if_program(bin_folder() / name)


def _if_program(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) else None


def _go() -> Path:
    wanted = re.search(r"^go (\S+)$", _go_mod("kubernetes"), re.MULTILINE)
    assert wanted
    try:
        return find_go(wanted[1])
    except GoMissing as error:
        raise ProgramsMissing(
            f"Kubernetes has to be built for these tests, once: {error}, then `make kubernetes`;"
            " or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver,"
            " kube-controller-manager and kube-scheduler, or TEST_KUBECONFIG to a cluster"
        ) from error


def _build(go: Path, name: str, *, say: Say) -> Path:
    module, package = PACKAGES[name]
    say(f"Building {name} (once on this machine; all of them take about 12 minutes) …")
    started = time.monotonic()
    new = bin_folder() / f".{name}.new"
    command = [str(go), "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    command += ["-ldflags", _ldflags(module), "-o", str(new), package]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    built = subprocess.run(
        command, cwd=MODULES / module, env=environment, capture_output=True, text=True
    )
    if built.returncode != 0:
        raise ProgramsMissing(f"{name} could not be built:\n{built.stderr[-4000:]}")
    path = new.rename(bin_folder() / name)
    say(f"Built {name} in {time.monotonic() - started:.0f} s: {path}")
    return path


def _ldflags(module: str) -> str:
    """Kubernetes reads its own version from what the linker was told."""
    if module != "kubernetes":
        return "-s -w"
    required = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.\d+", _go_mod(module))
    assert required
    version, (major, minor) = required[0].split()[1], required.groups()
    place = "k8s.io/component-base/version"
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {place}.{key}={value}" for key, value in values.items())])


def _go_mod(module: str) -> str:
    return (MODULES / module / "go.mod").read_text()
