"""The images of the real node, made here of what this machine has, and unpacked once for all runs.

There is one layer: BusyBox (so there is a /bin/sh), Python and the xcube environment at its own
path, which is a Conda environment's too. Its images differ in what is on their PATH:

    localhost/xcube:test         the environment: `python` imports xcube
    localhost/xcube-conda:test   not the environment, as in the public image of xcube
    localhost/pause:test         what a pod's sandbox runs
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from . import containerd
from .programs import Say, cache

XCUBE, XCUBE_CONDA, PAUSE = (f"localhost/{name}:test" for name in ("xcube", "xcube-conda", "pause"))
CONDA_ENVIRONMENT = Path("/opt/conda/envs/xcube")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
ABOUT_PYTHON = """
import json, sys, sysconfig
print(json.dumps([sys._base_executable, sysconfig.get_path("stdlib")]))
"""


def copy_images(xcube_python: Path, root: Path, *, say: Say) -> None:
    """Make `root` a root folder of containerd's with the images in it."""
    with _made(xcube_python, say=say) as folder:
        containerd.copy_root(folder, root)


def prepare_images(xcube_python: Path, *, say: Say) -> Path:
    """Make the images beforehand; the answer is where they are."""
    with _made(xcube_python, say=say) as folder:
        return folder


def images_cache() -> Path:
    return cache() / "node-images"


@contextlib.contextmanager
def _made(xcube_python: Path, *, say: Say) -> Iterator[Path]:
    """The folder with the images, which nobody removes meanwhile."""
    environment = xcube_python.parent.parent.resolve()
    folder = _folder(environment)
    with _locked(folder):
        if not folder.exists():
            _make(folder, environment, say=say)
        yield folder


def _folder(environment: Path) -> Path:
    """Named by all that the images depend on."""
    digest = hashlib.sha256(f"{environment} {containerd.version()}".encode())
    for source in (__file__, containerd.__file__):
        digest.update(Path(source).read_bytes())
    return images_cache() / digest.hexdigest()[:12]


@contextlib.contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _make(folder: Path, environment: Path, *, say: Say) -> None:
    say("Making the images of the real node (once on this machine, about a minute) …")
    started = time.monotonic()
    _remove_older(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as name:
        scratch = Path(name)
        layer, archive = scratch / "layer.tar", scratch / "images.tar"
        _write_layer(layer, environment, skeleton=scratch / "skeleton")
        paths = {
            XCUBE: f"{environment}/bin:{SYSTEM_PATH}",
            XCUBE_CONDA: SYSTEM_PATH,
            PAUSE: SYSTEM_PATH,
        }
        _write_archive(archive, layer, paths=paths)
        layer.unlink()
        containerd.import_images(archive, root=scratch / "root", state=scratch / "state")
        (scratch / "root").rename(folder)
    say(f"Made the images in {time.monotonic() - started:.0f} s: {folder}")


def _remove_older(folder: Path) -> None:
    """They have 2.5 GB each. Copies in use keep their files."""
    for lock in folder.parent.glob("*.lock"):
        older = lock.with_suffix("")
        if older != folder:
            with contextlib.suppress(BlockingIOError), _locked(older, wait=False):
                shutil.rmtree(older, ignore_errors=True)
                lock.unlink()


def _write_layer(layer: Path, environment: Path, *, skeleton: Path) -> None:
    """A tar file of the root folder: first the skeleton, made for this, then what is there."""
    python = environment / "bin" / "python"
    about = subprocess.run(
        [python, "-c", ABOUT_PYTHON], check=True, capture_output=True, text=True
    ).stdout
    base_python, standard_library = (Path(text) for text in json.loads(about))
    trees = (environment, standard_library)
    _make_skeleton(skeleton, environment)
    for file in (base_python, *_libraries([base_python, _busybox()], trees)):
        _copy(file, skeleton)
    for tree in trees:
        (skeleton / _inside(tree.parent)).mkdir(parents=True, exist_ok=True)
    unwanted = ("site-packages", "dist-packages", "test", "idlelib", "config-*")
    excluded = [f"--exclude={_inside(standard_library)}/{name}" for name in unwanted]
    # Times are kept: compiled modules are valid only for the time of their source.
    command = ["tar", "--numeric-owner", "--owner=0", "--group=0", "--mode=a+rX", "--create"]
    command += ["--anchored", *excluded, f"--file={layer}"]
    command += [f"--directory={skeleton}", ".", "--directory=/", *map(_inside, trees)]
    subprocess.run(command, check=True)


def _make_skeleton(skeleton: Path, environment: Path) -> None:
    conda = skeleton / _inside(CONDA_ENVIRONMENT)
    for folder in ("bin", "etc", "dev", "proc", "sys", conda.parent):
        (skeleton / folder).mkdir(parents=True)
    (skeleton / "tmp").mkdir()
    (skeleton / "tmp").chmod(0o1777)
    conda.symlink_to(environment)
    (skeleton / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (skeleton / "etc" / "group").write_text("root:x:0:\n")
    (skeleton / "etc" / "nsswitch.conf").write_text("hosts: files dns\n")
    busybox = _busybox()
    shutil.copy(busybox, skeleton / "bin" / "busybox")
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout
    for name in set(listed.split()) - {"busybox"}:
        (skeleton / "bin" / name).symlink_to("busybox")


def _busybox() -> Path:
    found = shutil.which("busybox")
    assert found, "node.lacks() names it"
    return Path(found)


def _libraries(programs: Iterable[Path], trees: Iterable[Path]) -> set[Path]:
    """The system's shared libraries that programs and Python's modules need, by what ldd says."""
    modules = [str(path) for tree in trees for path in tree.rglob("*.so*") if path.is_file()]
    # ldd ends with 1 if one is static, or of no use before another has been loaded.
    command = ["ldd", *map(str, programs), *modules]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    found = {Path(path) for path in re.findall(r"(?:=>|^)\s+(/\S+) \(0x", said, re.MULTILINE)}
    return {path for path in found if not any(path.is_relative_to(tree) for tree in trees)}


def _copy(file: Path, skeleton: Path) -> None:
    target = skeleton / _inside(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


def _inside(path: Path) -> str:
    """The path as seen from the root folder."""
    return str(path.relative_to("/"))


def _write_archive(archive: Path, layer: Path, *, paths: dict[str, str]) -> None:
    """An OCI archive with these images, which are all made of the one layer."""
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    layer_kind = "application/vnd.oci.image.layer.v1.tar"
    described = {
        "mediaType": layer_kind,
        "digest": f"sha256:{digest}",
        "size": layer.stat().st_size,
    }
    with tarfile.open(archive, "w") as tar:
        tar.add(layer, f"blobs/sha256/{digest}")
        manifests = []
        for reference, path in paths.items():
            config = {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Env": [f"PATH={path}"], "Cmd": ["/bin/sleep", "2147483647"]},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            }
            manifest = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": _add_blob(tar, config, kind="config"),
                "layers": [described],
                # Two manifests alike would be one.
                "annotations": {"io.containerd.image.name": reference},
            }
            annotations = {"io.containerd.image.name": reference}
            added = _add_blob(tar, manifest, kind="manifest")
            manifests.append({**added, "annotations": annotations})
        _add(tar, "index.json", {"schemaVersion": 2, "manifests": manifests})
        _add(tar, "oci-layout", {"imageLayoutVersion": "1.0.0"})


def _add_blob(tar: tarfile.TarFile, document: dict[str, Any], *, kind: str) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    size = _add(tar, f"blobs/sha256/{digest}", document)
    media_type = f"application/vnd.oci.image.{kind}.v1+json"
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _add(tar: tarfile.TarFile, name: str, document: dict[str, Any]) -> int:
    data = json.dumps(document).encode()
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
    return len(data)
