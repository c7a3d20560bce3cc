"""Gets ready what the cluster for tests is made of, so that tests need not wait for it:

python -m tests.servers.kubernetes XCUBE_PYTHON
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from . import node, programs
from .images import prepare_images


def main(xcube_python: Path) -> int:
    started = time.monotonic()
    try:
        found = programs.programs(programs.PACKAGES, say=_say)
    except programs.ProgramsMissing as error:
        _say(str(error))
        return 1
    _say(f"Programs of Kubernetes: {', '.join(sorted({str(p.parent) for p in found.values()}))}")
    if lacking := node.lacks():
        _say(f"No real node: {lacking}.")
    else:
        _say(f"Images of the real node: {prepare_images(xcube_python, say=_say)}")
    _say(f"Ready after {time.monotonic() - started:.0f} s.")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
