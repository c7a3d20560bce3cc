"""The name of the pyramid that a job may write beside its cube.

What is in it: jobs/runner/work/levels.py.
"""

from __future__ import annotations

CUBE_ENDING = ".zarr"


def levels_name(data_id: str) -> str:
    """The name of the pyramid beside the cube `data_id`, whose name ends with .zarr."""
    return f"{data_id[: -len(CUBE_ENDING)]}.levels"
