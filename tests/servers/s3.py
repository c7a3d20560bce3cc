"""A real HTTP server that speaks S3 (moto), on loopback."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_S

from .missing import missing
from .ports import free_port

PYTHON = Path(__file__).resolve().parent.parent.parent / ".s3" / "bin" / "python"


@contextmanager
def s3_server(*buckets: str) -> Iterator[str]:
    """The URL of an S3 server that has these buckets; any key and secret will do."""
    if not os.access(PYTHON, os.X_OK):
        missing("the S3 server is not installed: `make test` installs it")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url)
        for bucket in buckets:
            urllib.request.urlopen(
                urllib.request.Request(f"{url}/{bucket}", method="PUT"), timeout=PATIENCE_S
            ).close()
        yield url
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_S)


def _wait(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the S3 server did not start within 60 s")
