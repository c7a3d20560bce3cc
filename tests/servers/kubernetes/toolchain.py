"""Which Go builds the programs: the one that is installed, or the newer one that it fetches.

Since 1.21 Go fetches the version that a go.mod wants by itself. An older one, as Debian 12 has,
fetches it as the module that it is.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

FETCHES_BY_ITSELF = (1, 21)


class GoMissing(Exception):
    """The message says how to get it."""


def find_go(wanted: str) -> Path:
    """The go command for a module that wants this version, as 1.26.0."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not found:
        raise GoMissing("install Go (Debian: apt-get install golang-go)")
    version = _said(found, "env", "GOVERSION").removeprefix("go")
    if tuple(int(part) for part in version.split(".")[:2]) >= FETCHES_BY_ITSELF:
        return Path(found)
    return _fetch(found, wanted)


def _fetch(old: str, wanted: str) -> Path:
    system, machine = _said(old, "env", "GOOS", "GOARCH").split()
    module = f"golang.org/toolchain@v0.0.1-go{wanted}.{system}-{machine}"
    with tempfile.TemporaryDirectory() as empty:
        fetched = _said(old, "mod", "download", "-json", module, cwd=empty)
    folder = Path(json.loads(fetched)["Dir"])
    # Modules are unpacked without the right to run them.
    for program in (*folder.glob("bin/*"), *folder.glob("pkg/tool/*/*")):
        program.chmod(0o555)
    return folder / "bin" / "go"


def _said(go: str, *arguments: str, cwd: str | None = None) -> str:
    answer = subprocess.run([go, *arguments], cwd=cwd, capture_output=True, text=True)
    if answer.returncode != 0:
        raise GoMissing(f"`go {' '.join(arguments)}` failed: {answer.stderr or answer.stdout}")
    return answer.stdout
