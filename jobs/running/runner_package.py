"""The runner as one zip file, which a pod of any image with xcube can run.

It is an importable zip of the sources. The same sources always give the same bytes, because its
name contains a hash of its content.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

import jobs

MODULE = "jobs.runner"
"""The module to run with `python -m` if the zip is on the path."""
REQUIRES = "xcube"
"""Modules that the Python of the pod must be able to import."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can contain
_READABLE = 0o100644 << 16


@cache
def runner_zip() -> bytes:
    """`jobs/__init__.py` and `jobs/runner/*.py`."""
    folder = Path(jobs.__file__).parent
    sources = [folder / "__init__.py", *(folder / "runner").rglob("*.py")]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for source in sorted(sources):
            entry = zipfile.ZipInfo(str(source.relative_to(folder.parent)), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE
            entry.create_system = 3  # Unix, also on other systems
            archive.writestr(entry, source.read_bytes())
    return data.getvalue()
