"""Which environment variables a runner keeps, and which a run gets.

The runner starts itself anew with the kept ones only: what a process was
started with stays readable in /proc, and would be inherited by every run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from . import handover

_KEPT = {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
    "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "PROJ_DATA", "PROJ_LIB", "GDAL_DATA",
    "GDAL_DRIVER_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE", "NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS", "MPLCONFIGDIR", "MALLOC_ARENA_MAX",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}  # fmt: skip
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_RESTARTED = "XCUBE_HUB_RUNNER_ENVIRONMENT"
# The proxies are kept unless a run's network is restricted: a proxy would go round the guard.
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"}


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in environment.items()
        if key in _KEPT or key.startswith(("LC_", "DASK_"))
    }


def restart_clean(caches: Path, *, handed: handover.Handover | None = None) -> int | None:
    """Replace this process by one with a clean environment; returns in that one.

    Gives the file that `handed` is in, None without one.
    """
    pid, _, fd = os.environ.pop(_RESTARTED, "").partition(":")
    if pid == str(os.getpid()):
        return int(fd) if fd else None
    environment = _for_runner(os.environ, caches)
    number = handover.store(handed) if handed else ""
    environment[_RESTARTED] = f"{os.getpid()}:{number}"
    # -P: no folder that happens to be the current one may lend us a module.
    arguments = [sys.executable, "-P", "-m", "jobs.runner", *sys.argv[1:]]
    if handed:
        os.set_inheritable(int(number), True)
    return os.execve(sys.executable, arguments, environment)


def _for_runner(environment: Mapping[str, str], caches: Path) -> dict[str, str]:
    """The kept variables, and what the import of xcube needs on a machine that lacks it."""
    result = kept(environment)
    result.update(dict.fromkeys(_ONE_THREAD, "1"))
    # Without a writable folder numba refuses to import xcube's compiled functions.
    result.setdefault("NUMBA_CACHE_DIR", str(caches / ".cache" / "numba"))
    result.setdefault("MPLCONFIGDIR", str(caches / ".cache" / "matplotlib"))
    # A container's user may be in no list, and may write nowhere else.
    result.setdefault("HOME", str(caches))
    if not os.access(result.get("TMPDIR", "/tmp"), os.W_OK):
        result["TMPDIR"] = str(caches)
    # Our own place, which may be a zip file.
    result["PYTHONPATH"] = str(Path(__file__).absolute().parents[3])
    return result


def for_run(environment: Mapping[str, str], *, scratch: Path, extra: Mapping[str, str]) -> dict:
    """What a run sees: the kept variables, its own folders, then the workload's own."""
    result = kept(environment)
    result.pop("PYTHONPATH", None)
    folders = {
        "HOME": scratch,
        "TMPDIR": scratch / "tmp",
        "NUMBA_CACHE_DIR": scratch / "numba",
        "MPLCONFIGDIR": scratch / "matplotlib",
    }
    result.update({key: str(folder) for key, folder in folders.items()})
    result.update(dict.fromkeys(_ONE_THREAD, "1"))
    result.update(extra)
    return result
