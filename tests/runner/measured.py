"""A runner whose coverage is measured, where that of the tests is (tests/tiers.py).

The runner cleans its environment, and its own has no `coverage`. So it is started from a folder
that has the program by a link and, beside it, what Python imports first of all.
"""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIGURATION = Path(__file__).with_name("coverage.ini")

FIRST_IMPORT = """
import sys
sys.path.insert(0, {home!r})
import coverage
sys.path.remove({home!r})
coverage.Coverage(data_file={data!r}, config_file={configuration!r}, data_suffix=True,
                  auto_data=True).start()
"""


def program(folder: Path) -> Path:
    """Where a runner finds its program: in `folder` if it is measured, else in the checkout."""
    data = os.environ.get("COVERAGE_FILE")
    if data is None:
        return CHECKOUT
    import coverage

    folder.mkdir(exist_ok=True)
    link = folder / "jobs"
    if not link.exists():
        link.symlink_to(CHECKOUT / "jobs")
    (folder / "sitecustomize.py").write_text(
        FIRST_IMPORT.format(
            home=str(Path(coverage.__file__).parents[1]),
            data=f"{data}-runner",
            configuration=str(CONFIGURATION),
        )
    )
    return folder
