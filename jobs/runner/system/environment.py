"""The environment variables that a runner keeps, and those that a run gets.

The runner restarts itself with the kept variables only, because the initial environment of a
process stays readable in /proc and every run would inherit it.
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
# Proxies are kept unless the network of a run is restricted: a proxy would bypass the check.
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"}


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in environment.items()
        if key in _KEPT or key.startswith(("LC_", "DASK_"))
    }


def restart_clean(caches: Path, *, handed: handover.Handover | None = None) -> int | None:
    """Replace this process by one with a clean environment; returns in the new one.

    Returns the number of the file that holds `handed`, None without one.
    """
    pid, _, fd = os.environ.pop(_RESTARTED, "").partition(":")
    if pid == str(os.getpid()):
        return int(fd) if fd else None
    environment = _for_runner(os.environ, caches)
    number = handover.store(handed) if handed else ""
    environment[_RESTARTED] = f"{os.getpid()}:{number}"
    # -P: never import a module from the current folder.
    arguments = [sys.executable, "-P", "-m", "jobs.runner", *sys.argv[1:]]
    if handed:
        os.set_inheritable(int(number), True)
    return os.execve(sys.executable, arguments, environment)


def _for_runner(environment: Mapping[str, str], caches: Path) -> dict[str, str]:
    """The kept variables, and defaults that the import of xcube needs."""
    result = kept(environment)
    result.update(dict.fromkeys(_ONE_THREAD, "1"))
    # Without a writable folder numba refuses to import xcube's compiled functions.
    result.setdefault("NUMBA_CACHE_DIR", str(caches / ".cache" / "numba"))
    result.setdefault("MPLCONFIGDIR", str(caches / ".cache" / "matplotlib"))
    # The user of a container may have no entry in passwd, and no other writable folder.
    result.setdefault("HOME", str(caches))
    if not os.access(result.get("TMPDIR", "/tmp"), os.W_OK):
        result["TMPDIR"] = str(caches)
    # Where this program is, which may be a zip file.
    result["PYTHONPATH"] = str(Path(__file__).absolute().parents[3])
    return result


def for_run(environment: Mapping[str, str], *, scratch: Path, extra: Mapping[str, str]) -> dict:
    """The environment of a run: the kept variables, its folders, then its workload's own."""
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
