"""The client library is imported by one thread, before the mirrors of the observer start.

Two threads that import it a few milliseconds apart meet in its circular imports: Python breaks the
deadlock by failing one of them, and from then on every import of it fails in that process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hubsite.configuration.reading import BASE_DIR
from tests.servers.kubernetes.api import write_kubeconfig
from tests.servers.ports import free_port

MAKES_AN_API = """
import sys, threading
from hubsite.engines.kubernetes.client import Api, Unavailable
from hubsite.engines.kubernetes.connection import Source, load, namespace_of
print("light" if "kubernetes" not in sys.modules else "heavy")
source = Source(sys.argv[1], None, None)
api = Api(lambda: load(source))
late = []

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "kubernetes":
            late.append(name)

sys.meta_path.insert(0, Finder())

def call():
    namespace_of(source)
    try:
        api.get("/version")
    except Unavailable:
        print("called")

thread = threading.Thread(target=call)
thread.start()
thread.join()
print(late)
"""


def test_threads_find_it_imported_and_who_makes_no_api_does_without(tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{free_port()}"
    kubeconfig = write_kubeconfig(tmp_path / "config", url=url, ca=None, user={"token": "t"})
    done = subprocess.run(
        [sys.executable, "-c", MAKES_AN_API, str(kubeconfig)],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["light", "called", "[]"], done.stderr
