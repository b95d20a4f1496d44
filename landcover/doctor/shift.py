"""How far labels lie off the image, from edges alone: pixels and arrays, no files."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

REACH = 24
"""The largest shift that is looked for, in pixels."""

MARGIN = 4
"""So many pixels beside those without data are left out: the edge there is none of the ground's."""

AROUND = 41
"""Edges are measured against the mean of so many pixels around, so that a roof does not count more than a field."""

NEIGHBOURHOOD = 6
"""Within so many pixels of the best shift others are as good for the same reason."""

LEAST_EDGES = 50
"""Pixels of label edges in a window from which on it says anything."""

LEAST_WINDOWS, LEAST_HEIGHT, LEAST_AGREEMENT = 3, 5.0, 0.8
"""What an answer needs: windows; how far the best shift stands out, in deviations of the others; and in what share of
samples of the windows it is the best. Unrelated images and labels reach 4.8 and 0.7 at most, related ones fall short
with fewer than ten polygons."""

SAMPLES = 100


@dataclass(frozen=True)
class Match:
    """How well the edges of a window fit for each shift (2 * REACH + 1 rows, and columns): a sum, of so many pixels."""

    fit: NDArray[np.float64]
    pixels: NDArray[np.float64]
    edges: int


@dataclass(frozen=True)
class Shift:
    """Pixels that labels have to be moved by, (down, right), to lie on the image, with the standard error of each."""

    rows: float
    columns: float
    row_error: float
    column_error: float

    @property
    def length(self) -> float:
        return float(np.hypot(self.rows, self.columns))

    @property
    def error(self) -> float:
        return float(np.hypot(self.row_error, self.column_error))


def match_edges(image: NDArray[np.number], valid: NDArray[np.bool_], classes: NDArray[np.integer]) -> Match | None:
    """Compare the edges of an image (rows, columns, bands) with those between classes (rows, columns), for each shift.

    The strength of the image's edges is cross-correlated with the labels' edges, those that run down and those that
    run across by themselves: a field's edge fits no ridge of furrows. None where there are hardly any edges.
    """
    inner = ndimage.binary_erosion(valid, iterations=MARGIN, border_value=0)
    upright, level = (edges & inner for edges in _label_edges(classes))
    number = int(np.count_nonzero(upright)) + int(np.count_nonzero(level))
    if number < LEAST_EDGES:
        return None
    across, down = _image_edges(image, valid, inner)
    shape = [fft.next_fast_len(n + REACH, real=True) for n in classes.shape]

    def spectrum(values: NDArray[np.generic]) -> NDArray[np.complex64]:
        return fft.rfft2(values.astype(np.float32), shape)

    columns, rows = np.conj(spectrum(upright)), np.conj(spectrum(level))
    fit = fft.irfft2(spectrum(across) * columns + spectrum(down) * rows, shape)
    pixels = fft.irfft2(spectrum(inner) * (columns + rows), shape)
    shifts = np.ix_(np.arange(-REACH, REACH + 1), np.arange(-REACH, REACH + 1))
    return Match(fit[shifts].astype(float), pixels[shifts].astype(float), number)


def _label_edges(classes: NDArray[np.integer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels (rows, columns) on both sides of an edge that runs down, and of one that runs across."""
    upright, level = np.zeros(classes.shape, bool), np.zeros(classes.shape, bool)
    change = classes[:, 1:] != classes[:, :-1]
    upright[:, 1:] |= change
    upright[:, :-1] |= change
    change = classes[1:] != classes[:-1]
    level[1:] |= change
    level[:-1] |= change
    return upright, level


def _image_edges(
    image: NDArray[np.number], valid: NDArray[np.bool_], inner: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How strongly the bands change across and down (rows, columns), against the surroundings."""
    across, down = np.zeros(valid.shape, np.float32), np.zeros(valid.shape, np.float32)
    for band in np.moveaxis(image, -1, 0):
        values = band.astype(np.float32)
        values -= values[valid].mean()
        values[~valid] = 0
        across += ndimage.gaussian_filter(values, 1, order=(0, 1)) ** 2
        down += ndimage.gaussian_filter(values, 1, order=(1, 0)) ** 2
    strength = np.sqrt(across + down) + 1e-6
    there = ndimage.uniform_filter(inner.astype(np.float32), AROUND)
    usual = ndimage.uniform_filter(np.where(inner, strength, 0), AROUND) / np.maximum(there, 1e-3) + 1e-6
    return np.where(inner, across / strength / usual, 0), np.where(inner, down / strength / usual, 0)


def estimate_shift(matches: Sequence[Match], seed: int = 0) -> Shift | None:
    """The shift that fits best over all windows, None where the edges do not tell: the best is no better than others,
    or not the best of most samples of the windows, or at the end of what was looked for."""
    if len(matches) < LEAST_WINDOWS:
        return None
    fits, pixels = np.stack([m.fit for m in matches]), np.stack([m.pixels for m in matches])
    mean = fits.sum(axis=0) / np.maximum(pixels.sum(axis=0), 1)
    row, column = _peak(mean)
    rows, columns = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    others = mean[np.hypot(rows - row, columns - column) > NEIGHBOURHOOD]
    height = (mean.max() - others.mean()) / max(others.std(), 1e-12)
    if height < LEAST_HEIGHT or max(abs(row), abs(column)) > REACH - 1:
        return None
    random = np.random.default_rng(seed)
    sampled = []
    for _ in range(SAMPLES):
        chosen = random.integers(0, len(matches), len(matches))
        sampled.append(_peak(fits[chosen].sum(axis=0) / np.maximum(pixels[chosen].sum(axis=0), 1)))
    places = np.array(sampled)
    near = np.hypot(*(places - (row, column)).T) < NEIGHBOURHOOD / 2
    if near.mean() < LEAST_AGREEMENT:
        return None
    errors = places[near].std(axis=0)
    return Shift(row, column, float(errors[0]), float(errors[1]))


def _peak(surface: NDArray[np.float64]) -> tuple[float, float]:
    """Where a surface over shifts is highest (rows, columns), between pixels by a parabola."""
    i, j = (int(n) for n in np.unravel_index(np.argmax(surface), surface.shape))
    return _between(surface[:, j], i) - REACH, _between(surface[i], j) - REACH


def _between(values: NDArray[np.float64], at: int) -> float:
    if not 0 < at < len(values) - 1:
        return float(at)
    before, here, after = values[at - 1 : at + 2]
    bend = before - 2 * here + after
    return float(at if bend == 0 else at + 0.5 * (before - after) / bend)
