"""Statistics of the bands of chips, exact, counted while the chips are written."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.histogram import byte_counts


@dataclass(frozen=True)
class BandStatistics:
    """Of one band over `number` pixels: least and highest value, mean, and the sum of squared deviations from it."""

    low: int
    high: int
    mean: float
    squares: float
    number: int

    @property
    def deviation(self) -> float:
        """The standard deviation of the pixels as they are, not as a sample of others."""
        return float(np.sqrt(self.squares / self.number)) if self.number else 0.0


@dataclass(frozen=True)
class Occurring:
    """The values that occur, and how often, in each band: of a chip of 16-bit pixels a small part of what there may
    be."""

    dtype: np.dtype[Any]
    bands: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]


class BandCounts:
    """How often each value occurs in each band. It takes as much memory for a million chips as for one, and adding up
    counts rounds nothing."""

    def __init__(self, bands: int, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self._counts = np.zeros((bands, np.iinfo(self.dtype).max + 1), np.int64)

    def add(self, image: NDArray[Any]) -> None:
        """Count an image (rows, columns, bands) of unsigned whole numbers."""
        for band, counts in enumerate(self._counts):
            values = image[..., band]
            byte = values.dtype == np.uint8
            counts += byte_counts(values) if byte else np.bincount(values.ravel(), minlength=len(counts))

    def occurring(self) -> "Occurring":
        return Occurring(self.dtype, tuple((at := np.flatnonzero(c), c[at]) for c in self._counts))

    def take(self, other: "Occurring") -> None:
        """Add what was counted of a chip."""
        for counts, (at, number) in zip(self._counts, other.bands, strict=True):
            counts[at] += number

    def __len__(self) -> int:
        return len(self._counts)

    def __add__(self, other: "BandCounts") -> "BandCounts":
        both = BandCounts(len(self._counts), self.dtype.name)
        both._counts += self._counts + other._counts
        return both

    def statistics(self) -> tuple[BandStatistics, ...]:
        """A band each; all 0 where nothing was counted."""
        return tuple(_statistics(counts) for counts in self._counts)


def _statistics(counts: NDArray[np.int64]) -> BandStatistics:
    present = np.flatnonzero(counts).tolist()
    if not present:
        return BandStatistics(0, 0, 0.0, 0.0, 0)
    # Python's whole numbers have no end: the squares of many 16-bit pixels pass 64 bits
    pairs = [(value, int(counts[value])) for value in present]
    number = sum(n for _, n in pairs)
    total = sum(value * n for value, n in pairs)
    squares = sum(value * value * n for value, n in pairs)
    return BandStatistics(present[0], present[-1], total / number, (squares * number - total**2) / number, number)
