"""A request in words, whatever it holds."""

from __future__ import annotations

import pytest

from jobs.pages.request_in_words import MOST_CHARACTERS, in_words
from tests.jobs.factories import cubegen_request


def words(request) -> dict[str, str]:
    return {one.title: one.text for one in in_words(request)}


def test_a_request_as_a_person_would_say_it():
    said = words(cubegen_request("a.zarr"))
    assert said["Data"] == "demo.zarr in @demo"
    assert said["Variables"] == "sst, chl"
    assert said["Area"] == "0° to 40° east, 0° to 40° north"
    assert said["Times"] == "2020-01-01 to 2020-01-06"
    assert said["Time step"] == "1 day"
    assert said["Written to"] == "a.zarr in @cubes"


def test_what_is_left_open_is_as_in_the_dataset():
    said = words({"input_configs": [{"data_id": "a", "store_id": "@s"}, {"data_id": "b"}]})
    assert (said["Data 1"], said["Data 2"]) == ("a in @s", "b")
    assert said["Variables"] == "all of the dataset"
    assert said["Resolution"] == "that of the dataset"


@pytest.mark.parametrize(
    ("cube", "title", "text"),
    [
        ({"crs": "EPSG:3035", "bbox": [1, 2, 3, 4]}, "Area", "x from 1 to 3, y from 2 to 4"),
        ({"spatial_res": [0.5, 1]}, "Resolution", "0.5 × 1"),
        ({"time_range": ["2020-01-01", None]}, "Times", "from 2020-01-01 on"),
        ({"time_range": [None, "2020-01-01"]}, "Times", "until 2020-01-01"),
        ({"time_period": "8D"}, "Time step", "8 days"),
        ({"time_period": "M"}, "Time step", "1 month"),
        ({"time_period": "odd"}, "Time step", "odd"),
        ({"tile_size": [512, 256]}, "Tile size", "512 × 256"),
        ({"chunks": {"time": 1}}, "Also asked for", "chunks"),
        ({"variable_names": [f"v{n}" for n in range(40)]}, "Variables", "and 10 more"),
    ],
)  # fmt: skip
def test_parts_of_a_request(cube, title, text):
    assert text in words({"cube_config": cube})[title]


@pytest.mark.parametrize(
    "request_",
    [
        None, [], 7, {}, {"cube_config": 7, "output_config": [], "input_config": "x"},
        {"cube_config": {"bbox": [None] * 4, "variable_names": {}, "time_range": "x", "crs": 3}},
        {"cube_config": {"bbox": [float("nan"), 1e308, True, "x"], "spatial_res": {}}},
        {"input_configs": [7] * 10**5, "cube_config": {"x" * 10**6: 1}},
        {"cube_config": {"variable_names": ["v" * 10**6] * 100, "time_period": "9" * 5000 + "D"}},
    ],
)  # fmt: skip
def test_odd_requests_break_nothing(request_):
    assert all(len(one.text) <= MOST_CHARACTERS for one in in_words(request_))
