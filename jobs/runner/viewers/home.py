"""The private folder of a viewer: its home, its temporary files, its caches."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..system import environment

_EMPTIED = "tmp"


def enter(home: Path, extra: Mapping[str, str]) -> None:
    """Make it the home of this process, with an environment that names nothing else."""
    shutil.rmtree(home / _EMPTIED, ignore_errors=True)
    for folder in (home, home / _EMPTIED, home / "numba", home / "matplotlib"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chdir(home)
    clean = environment.for_run(os.environ, scratch=home, extra=extra)
    os.environ.clear()
    os.environ.update(clean)
    tempfile.tempdir = None
