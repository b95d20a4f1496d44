"""Features of pixels, from their own values and those around them: one function for training and for maps.

Bands; of images in the order R, G, B, NIR the normalised difference vegetation index (Rouse et al. 1974, NASA SP-351 I:
309-317) and the water index of McFeeters (1996, International Journal of Remote Sensing 17:1425-1432); brightness, the
mean of the bands; and, in squares of several sizes around a pixel, mean and standard deviation of each band and of
brightness, and the vegetation index of the means.

Sums over squares are whole numbers, differences of summed-area tables (Crow 1984, SIGGRAPH 18:207-212). They are exact,
so that the features of a pixel are the same to the last bit in whatever window they are computed, if it reaches as far
as the largest square.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

RADII = (2, 5, 12, 25)
"""Pixels from the middle of a square to its sides, as far as chips are large enough: 3 to 31 m in NAIP images."""

TOGETHER = 4096
"""Pixels whose features are laid side by side at a time."""

NAIP = ("red", "green", "blue", "nir")
RED, GREEN, NIR = 0, 1, 3


def radii_of(size: int) -> tuple[int, ...]:
    """Those of RADII that leave at least half the width of a chip of `size` pixels a side to learn from."""
    return tuple(radius for radius in RADII if 4 * radius <= size)


def feature_names(bands: int, radii: Sequence[int]) -> list[str]:
    """What the features are, in their order."""
    naip = bands == len(NAIP)
    own = list(NAIP) if naip else [f"band {number + 1}" for number in range(bands)]
    indices = ["ndvi", "ndwi"] if naip else []
    summed = [*own, *(["brightness"] if bands > 1 else [])]
    names = [*own, *indices, *summed[bands:]]
    for radius in radii:
        names += [f"{kind} of {name}, {radius} px" for name in summed for kind in ("mean", "deviation")]
        names += [f"ndvi of means, {radius} px"] if naip else []
    return names


def features(
    pixels: NDArray[Any], valid: NDArray[np.bool_], radii: Sequence[int], margin: int = 0
) -> NDArray[np.float32]:
    """(rows, columns, features) of the pixels `margin` or more from the edge of pixels (rows, columns, bands) of uint8
    or uint16 and valid (rows, columns).

    Local means and deviations are of valid pixels alone. What lies beyond the edge counts as not valid: a margin of
    the largest radius leaves nothing out.
    """
    planes = [plane.astype(np.float32) for plane in _planes(pixels, valid, radii, margin)]
    return _side_by_side([plane.ravel() for plane in planes]).reshape(*planes[0].shape, len(planes))


def features_at(
    pixels: NDArray[Any],
    valid: NDArray[np.bool_],
    radii: Sequence[int],
    margin: int,
    places: NDArray[np.bool_] | tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float32]:
    """As `features`, (pixels, features) of some places alone: a mask (rows, columns), or rows and columns, in what is
    within the margin."""
    return _side_by_side([plane[places].astype(np.float32) for plane in _planes(pixels, valid, radii, margin)])


def _side_by_side(features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(pixels, features) of arrays (pixels,)."""
    made = np.empty((len(features[0]), len(features)), np.float32)
    for first in range(0, len(made), TOGETHER):
        # to leave the processor's caches with each feature would take as long as computing it
        part = slice(first, first + TOGETHER)
        for number, values in enumerate(features):
            made[part, number] = values[part]
    return made


def _with_margin(array: NDArray[Any], margin: int, wanted: int) -> NDArray[Any]:
    """With so many pixels more or less on every side, the new ones 0."""
    if margin >= wanted:
        inside = slice(margin - wanted, wanted - margin or None)
        return array[inside, inside]
    around = (wanted - margin,) * 2
    return np.pad(array, (around, around, *[(0, 0)] * (array.ndim - 2)))


def _planes(
    pixels: NDArray[Any], valid: NDArray[np.bool_], radii: Sequence[int], margin: int
) -> Iterator[NDArray[Any]]:
    """Each feature (rows, columns), in the order of `feature_names`."""
    reach, bands = max(radii), pixels.shape[-1]
    pixels, valid = (_with_margin(array, margin, reach) for array in (pixels, valid))
    shape = pixels.shape[0] - 2 * reach, pixels.shape[1] - 2 * reach
    most = int(np.iinfo(pixels.dtype).max) * max(bands, 1)
    # a table may overflow, for differences come out right modulo its size, as long as no sum over a square does
    kind = np.uint32 if (2 * reach + 1) ** 2 * most**2 < 2**32 else np.uint64
    whole = bool(valid.all())
    if not whole:
        pixels = np.where(valid[..., None], pixels, 0)
    layers = [pixels[..., band].astype(kind) for band in range(bands)]
    if bands > 1:
        layers.append(np.sum(layers, axis=0, dtype=kind))
    inside = slice(reach, -reach)
    own = [layer[inside, inside].astype(np.float64) for layer in layers]
    yield from own[:bands]
    if bands == len(NAIP):
        yield _index(own[NIR], own[RED])
        yield _index(own[GREEN], own[NIR])
    if bands > 1:
        yield own[-1] / bands
    tables = [(_table(layer), _table(layer * layer)) for layer in layers]
    known = None if whole else _table(valid.astype(np.uint32))
    for radius in radii:
        number: Any = (2 * radius + 1) ** 2 if known is None else np.maximum(_sums(known, radius, reach, shape), 1)
        sums = []
        for layer, (first, second) in enumerate(tables):
            total, squares = (_sums(table, radius, reach, shape) for table in (first, second))
            scale = bands if layer == bands else 1
            yield total / (number * scale)
            # n² times the variance: whole numbers, which float64 holds exactly where pixels are uint8
            yield np.sqrt(np.maximum(number * squares - total * total, 0)) / (number * scale)
            sums.append(total)
        if bands == len(NAIP):
            yield _index(sums[NIR], sums[RED])


def _index(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normalised difference; 0 where both are."""
    return (one - other) / np.maximum(one + other, 1)


def _table(values: NDArray[Any]) -> NDArray[Any]:
    """The sums of all that is above and to the left, (rows + 1, columns + 1)."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1), values.dtype)
    inner = table[1:, 1:]
    np.cumsum(values, axis=1, dtype=values.dtype, out=inner)
    for above, row in pairwise(inner):
        # row by row: many times as fast as NumPy's own down the columns
        row += above
    return table


def _sums(table: NDArray[Any], radius: int, reach: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Over the square around each pixel that is at least `reach` from the edge."""
    (top, bottom), (left, right) = (
        (slice(first, first + side), slice(last, last + side))
        for side in shape
        for first, last in [(reach - radius, reach + radius + 1)]
    )
    made = table[bottom, right] - table[top, right]
    made -= table[bottom, left]
    made += table[top, left]
    return made.astype(np.float64)
