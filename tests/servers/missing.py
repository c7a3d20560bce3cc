"""What a test says where something it needs cannot be had: skipped here, failed in CI."""

import os
from typing import NoReturn

import pytest


def missing(how_to_get_it: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(how_to_get_it)
    pytest.skip(how_to_get_it)
