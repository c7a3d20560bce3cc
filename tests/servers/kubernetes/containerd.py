"""containerd, configured to keep everything in folders of a test run's own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.patience import PATIENCE_S

CONFIGURATION = """
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{state}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  # Some machines (containers, small VMs) do not let root lower a score.
  restrict_oom_score_adj = true
  # So that the clean-up finds the pods' network namespaces.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{state}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{state}/runc"
"""


def version() -> str:
    said = subprocess.run(["containerd", "--version"], check=True, capture_output=True, text=True)
    return said.stdout.strip()


def configure(*, root: Path, state: Path, pause: str = "") -> Path:
    """Write the configuration; the answer is its path."""
    for folder in (root, state):
        folder.mkdir(parents=True, exist_ok=True)
    path = state / "containerd.toml"
    path.write_text(CONFIGURATION.format(root=root, state=state, pause=pause))
    return path


def answers(state: Path) -> bool:
    return subprocess.run([*_ctr(state), "version"], capture_output=True).returncode == 0


def import_images(archive: Path, *, root: Path, state: Path) -> None:
    """Unpack an OCI archive into a new root folder."""
    configuration = configure(root=root, state=state)
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(
            ["containerd", "--config", str(configuration)],
            stdout=log,
            stderr=log,
            umask=0o022,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(state):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"containerd did not start: {(state / 'log').read_text()}")
            time.sleep(0.1)
        command = [*_ctr(state), "images", "import", str(archive)]
        subprocess.run(command, check=True, capture_output=True)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE_S)


def copy_root(unpacked: Path, root: Path) -> None:
    """A root folder of one's own in no time: files are linked, which nobody changes in place."""
    subprocess.run(["cp", "--archive", "--link", str(unpacked), str(root)], check=True)
    for database in root.glob("*/*.db"):  # its own, none of an image's
        copy = database.with_suffix(".copy")
        copy.write_bytes(database.read_bytes())
        os.replace(copy, database)


def _ctr(state: Path) -> list[str]:
    return ["ctr", "--address", str(state / "containerd.sock"), "--namespace", "k8s.io"]
