"""What is accepted here is accepted by the real xcube server, and what it serves then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.xcube_server.color_bars import COLOR_BARS
from services.xcube_server.configuration import check_configuration
from services.xcube_server.payload import server_configuration
from tests.servers import forks

from .examples import FULL

IMPORTS = """
import json, sys
from xcube.server.server import Server
from xcube.server.webservers.tornado import TornadoFramework
from xcube.util.cmaps import ColormapRegistry
from xcube.webapi.datasets.controllers import get_datasets
"""
SERVER = """
config = json.loads(open(sys.argv[1]).read())
server = Server(TornadoFramework(), config)
server.config_schema.validate_instance(config)
context = server.ctx.get_api_ctx("datasets")
found = get_datasets(context, details=True, base_url="http://x") if sys.argv[2:] else {}
print(json.dumps({
    "ids": [entry["Identifier"] for entry in context.get_dataset_configs()],
    "datasets": found.get("datasets"),
    "styles": {name: list(style) for name, style in context._cm_styles.items()},
    "bars": sorted(ColormapRegistry().colormaps),
    "custom": sorted(set(context.colormap_registry.colormaps) - set(ColormapRegistry().colormaps)),
}, default=str))
"""
"""Prints what xcube's server makes of the configuration in a file."""

RunServer = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run_server(xcube_python: Path, tmp_path_factory: Any) -> Iterator[RunServer]:
    """Runs `SERVER` in a fork: to import the server takes seconds of processor time."""
    server = forks.Forks(xcube_python, IMPORTS)
    file = tmp_path_factory.mktemp("server") / "config.json"

    def run(config: dict[str, Any], *options: str) -> dict[str, Any]:
        file.write_text(json.dumps(config))
        done = server.run("-c", IMPORTS + SERVER, file, *options)
        return json.loads(done.stdout.splitlines()[-1])

    yield run
    server.close()


@pytest.fixture
def cubes(tmp_path: Path, demo_cube: Path) -> Path:
    """The folder of @cubes with a cube in it; that of @mine is empty for the user `ada`."""
    shutil.copytree(demo_cube, tmp_path / "cubes" / "demo.zarr")
    (tmp_path / "users" / "ada").mkdir(parents=True)
    return tmp_path / "cubes"


def test_the_full_example_is_accepted_by_xcube_itself(run_server, stores, cubes) -> None:
    checked = check_configuration(FULL)
    config = server_configuration(checked, stores(), None, "ada")
    seen = run_server(config)
    assert seen["ids"] == ["a~demo.zarr", "one", "k"]
    assert set(seen["styles"]["warm"]) == {"sst", "chl", "class", "rgb"}
    assert seen["custom"] == ["classes", "mine", "steps"]
    assert set(seen["bars"]) == COLOR_BARS


def test_it_serves_a_cube_with_the_title_and_colors_of_its_configuration(
    run_server, stores, cubes
) -> None:
    checked = check_configuration(
        {
            "datasets": [
                {
                    "identifier": "d",
                    "path": "demo.zarr",
                    "store_instance_id": "@cubes",
                    "title": "Seas",
                    "style": "s",
                    "variables": ["chl"],
                }
            ],
            "styles": [
                {
                    "identifier": "s",
                    "color_mappings": {"chl": {"color_bar": "thermal", "value_range": [0, 9]}},
                }
            ],
        }
    )
    seen = run_server(server_configuration(checked, stores(), None, "ada"), "details")
    (dataset,) = seen["datasets"]
    (variable,) = dataset["variables"]
    assert (dataset["id"], dataset["title"], variable["name"]) == ("d", "Seas", "chl")
    assert (variable["colorBarName"], variable["colorBarMax"]) == ("thermal", 9)
