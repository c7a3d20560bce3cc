"""What a cube costs, in processing units, from its estimated size and its inputs' prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_UNITS = 2**62  # fits a BigInteger column, with room for sums


class CostError(ValueError):
    """The dataset descriptor is not enough for a price; the message says what is missing."""


@dataclass(frozen=True)
class Price:
    """The price of reading from a store, and of writing what was read.

    One unit reads `input_pixels_per_punit` pixels and writes `output_pixels_per_punit`.
    """

    input_pixels_per_punit: int = 512 * 512
    output_pixels_per_punit: int = 512 * 512
    input_punits_weight: float = 1.0
    output_punits_weight: float = 1.0
    free: bool = False

    def as_json(self) -> dict[str, Any]:
        """As the stores file has it."""
        return {
            "scheme": "free" if self.free else "punits",
            "input_pixels_per_punit": self.input_pixels_per_punit,
            "output_pixels_per_punit": self.output_pixels_per_punit,
            "input_punits_weight": self.input_punits_weight,
            "output_punits_weight": self.output_punits_weight,
        }

    def units(
        self, *, width: int, height: int, layers: int, levels: Sequence[CubeSize] = ()
    ) -> int:
        """Units of `layers` images (times x variables) of `width` x `height` pixels.

        `levels` are written too, but not read.
        """
        if self.free:
            return 0
        pixels = width * height
        read = layers * -(-pixels // self.input_pixels_per_punit)
        written = layers * -(-pixels // self.output_pixels_per_punit) + sum(
            level.images * -(-level.width * level.height // self.output_pixels_per_punit)
            for level in levels
        )
        try:
            cost = max(read * self.input_punits_weight, written * self.output_punits_weight)
        except OverflowError:
            return MAX_UNITS
        return MAX_UNITS if cost >= MAX_UNITS or math.isnan(cost) else round(cost)


@dataclass(frozen=True)
class CubeSize:
    """`images` 2-D arrays (variables x times x other dimensions) of `width` x `height` pixels.

    `levels` are the smaller images of a pyramid that is written beside the cube.
    """

    images: int
    width: int
    height: int
    levels: tuple[CubeSize, ...] = ()

    @classmethod
    def of(cls, descriptor: Mapping) -> CubeSize:
        """The size according to xcube's `dataset_descriptor`.

        A dimension of length 0 counts as 1: if the period is longer than the time range, xcube
        estimates 0 time steps, but writes one. Raises CostError if the descriptor has no spatial
        dimensions or no variables.
        """
        dims = descriptor.get("dims") or {}
        width = _length(dims, "lon", "x")
        height = _length(dims, "lat", "y")
        if width is None or height is None:
            raise CostError("the cube has no spatial dimensions lon, lat or x, y")
        variables = len(descriptor.get("data_vars") or ())
        if variables == 0:
            raise CostError("the cube has no variables")
        return cls(variables * (_length(dims, "time") or 1), width, height)

    @property
    def cells(self) -> int:
        """The number of values, at most what fits a BigInteger column."""
        cells = self.images * self.width * self.height + sum(level.cells for level in self.levels)
        return min(cells, MAX_UNITS)


def required_units(size: CubeSize, prices: Sequence[Price]) -> int:
    """The processing units that a cube of this size costs.

    The highest price of all inputs counts. (The old service used the first input only, so a
    cheap first input made an expensive second one cheap.) Half units round to even, as in the
    old service.
    """
    if not prices:
        raise CostError("no input has a price")
    return max(
        price.units(width=size.width, height=size.height, layers=size.images, levels=size.levels)
        for price in prices
    )


def _length(dims: Mapping, *names: str) -> int | None:
    for name in names:
        if dims.get(name) is not None:
            try:
                return max(int(dims[name]), 1)
            except (TypeError, ValueError, OverflowError):
                raise CostError(f"the length of dimension {name} is not a number") from None
    return None
