"""What is said of a configuration that cannot be used."""

from __future__ import annotations

from pathlib import Path


class ConfigurationError(ValueError):
    """Settings cannot be used; each line of the message is a sentence that says what to set."""


def unusable_folder(folder: Path, error: OSError) -> str:
    """The sentence for a data folder that is read-only, somebody else's, or no folder."""
    return (
        f"XCUBE_HUB_DATA_DIR={folder}: the hub cannot keep its files there ({error.strerror}); "
        "set it to a folder that the hub's own user may read and write."
    )
