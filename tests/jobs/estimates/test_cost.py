"""What a cube costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.estimates.cost import MAX_UNITS, CostError, CubeSize, Price
from jobs.estimates.cost import required_units as units_of_size


def required_units(descriptor: dict, prices: list[Price]) -> int:
    return units_of_size(CubeSize.of(descriptor), prices)


def descriptor(width=2048, height=2048, times=6, variables=2, names=("lon", "lat")) -> dict:
    return {
        "dims": {"time": times, names[1]: height, names[0]: width},
        "data_vars": {f"v{i}": {} for i in range(variables)},
    }


def test_the_example_of_the_service_we_replace():
    assert required_units(descriptor(), [Price(512 * 512, 512 * 512)]) == 192


@pytest.mark.parametrize(
    ("price", "units"),
    [
        (Price(), 192 + 12 * (4 + 1)),  # 1024 x 1024 pixels are 4 blocks, 512 x 512 one
        (Price(256 * 256, 512 * 512), 12 * 64),  # reading is dearer, and levels are not read
        (Price(output_pixels_per_punit=1000 * 1000), 192),
        (Price(output_punits_weight=2.0), 2 * (192 + 60)),
        (Price(free=True), 0),
    ],
)
def test_all_levels_of_a_pyramid_are_written(price, units):
    levels = (CubeSize(12, 1024, 1024), CubeSize(12, 512, 512))
    size = CubeSize(12, 2048, 2048, levels)
    assert units_of_size(size, [price]) == units
    assert size.cells == 12 * (2048**2 + 1024**2 + 512**2)


def test_projected_cubes_cost_the_same():
    assert required_units(descriptor(names=("x", "y")), [Price()]) == 192


@pytest.mark.parametrize(
    ("price", "units"),
    [
        (Price(768 * 768, 512 * 512), 192),  # writing is dearer than reading
        (Price(512 * 512, 512 * 512, 1.0, 2.0), 384),
        (Price(512 * 512, 512 * 512, 0.5, 0.25), 96),
        (Price(2048 * 2048 + 1, 2048 * 2048 + 1), 12),  # a started unit is a unit
        (Price(2048 * 2048 - 1, 2048 * 2048), 24),
        (Price(free=True), 0),
    ],
)
def test_the_dearer_of_reading_and_writing_counts(price, units):
    assert required_units(descriptor(), [price]) == units


@pytest.mark.parametrize(("variables", "units"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_half_units_round_to_even(variables, units):
    one_unit = Price(10**6, 10**6, 0.5, 0.5)
    assert required_units(descriptor(1, 1, 1, variables), [one_unit]) == units


def test_the_dearest_input_counts_so_that_a_free_one_makes_no_other_free():
    free, cheap, dear = Price(free=True), Price(10**7, 10**7), Price(10**5, 10**5)
    assert required_units(descriptor(), [free, cheap, dear]) == required_units(descriptor(), [dear])
    assert required_units(descriptor(), [free, free]) == 0


def test_a_cube_without_time_has_one():
    flat = descriptor(times=1)
    del flat["dims"]["time"]
    assert required_units(flat, [Price()]) == 32


def test_an_estimate_of_no_time_is_not_free():
    assert required_units(descriptor(times=0), [Price()]) == 32


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, "spatial"),
        ({"dims": None, "data_vars": None}, "spatial"),
        ({"dims": {"lon": 5, "time": 1}, "data_vars": {"v": {}}}, "spatial"),
        ({"dims": {"x": 5, "lat": None}, "data_vars": {"v": {}}}, "spatial"),
        (descriptor(variables=0), "variables"),
        ({"dims": {"lon": "wide", "lat": 1}, "data_vars": {"v": {}}}, "lon"),
        ({"dims": {"lon": float("inf"), "lat": 1}, "data_vars": {"v": {}}}, "lon"),
    ],
)
def test_a_descriptor_that_says_too_little_has_no_cost(broken, message):
    with pytest.raises(CostError, match=message):
        required_units(broken, [Price()])


def test_no_price_is_no_cost():
    with pytest.raises(CostError, match="price"):
        required_units(descriptor(), [])


sizes = st.integers(0, 10**7)
prices = st.builds(
    Price,
    st.integers(1, 10**7),
    st.integers(1, 10**7),
    st.floats(1e-6, 1e6),
    st.floats(1e-6, 1e6),
    st.booleans(),
)


@given(sizes, sizes, sizes, st.integers(1, 100), st.lists(prices, min_size=1, max_size=3))
def test_costs_fit_the_ledger_and_grow_with_the_inputs(width, height, times, variables, given_):
    cube = descriptor(width, height, times, variables)
    units = required_units(cube, given_)
    assert isinstance(units, int)
    assert 0 <= units <= MAX_UNITS < 2**63
    assert units >= required_units(cube, given_[:1])


def test_costs_beyond_the_ledger_are_cut():
    assert required_units(descriptor(10**200, 10**200), [Price(1, 1)]) == MAX_UNITS
