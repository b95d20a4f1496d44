"""How many chips there will be, by labels looked at every few pixels and the outlines of images, whose pixels are not
read."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry import box

from landcover.grid import Grid
from landcover.labelset import LabelSet
from landcover.prepare.candidates import Filters, count_windows, strips_of, touching, window_sums
from landcover.prepare.mosaic import boundary
from landcover.prepare.split import DROPPED, split
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings, SplitSettings

SAMPLES = 32
"""A chip is looked at in about so many rows and columns."""


@dataclass(frozen=True)
class Expected:
    """`windows` that pass the filters, and the `chips` of them that train or validate: what lies between the two sides
    is left out."""

    windows: int
    chips: int


def expected_chips(
    labels: LabelSet, scenes: Sequence[Window], scheme: ClassScheme, settings: ChipSettings, sides: SplitSettings
) -> Expected:
    """By the same filters and the same split as the chips. `labels` are on the grid of the mosaic, `scenes` the windows
    of the images on it; what they hold of no data is not known."""
    grid, size = labels.grid, settings.size
    step = max(1, size // SAMPLES)
    side = size // step
    # by samples, not by the pixels that they stand for, whose rounded numbers may come to less than all of a chip
    filters, tree = Filters(settings, side), shapely.STRtree([_shape(scene) for scene in scenes])
    rows: list[tuple[int, ...]] = []
    pixels: list[NDArray[np.int64]] = []
    for number, outline in enumerate(boundary(grid, scenes)):
        for corner, strips in strips_of(grid.cover(outline.bounds), settings):
            first, last = strips[0][0], strips[-1][0]
            whole = Window(first.col_off, first.row_off, first.width, last.row_off + size - first.row_off)
            near = [scenes[n] for n in tree.query(_shape(whole))]
            seen = Samples(labels, whole, near, step)
            if not seen.classes.any():
                continue
            for strip, columns in strips:
                if not seen.classes[seen.rows(strip, side)].any():
                    continue
                columns = columns[touching(grid, strip, columns, size, outline)]
                counts, filled = seen.counted(strip, columns, side, scheme.values)
                for index in np.flatnonzero(filters.passing(counts.sum(axis=1), filled)):
                    rows.append((number, strip.row_off, int(columns[index]), *corner))
                    pixels.append(counts[index] * step**2)
    if not rows:
        return Expected(0, 0)
    order = sorted(range(len(rows)), key=rows.__getitem__)
    found = np.array(rows, np.int64)[order]
    chosen = split(
        found[:, [2, 1]] - found[:, 3:], size, found[:, [0, 3, 4]], np.array(pixels)[order], scheme, sides
    ).sides
    return Expected(len(rows), int((chosen != DROPPED).sum()))


class Samples:
    """Labels in a window of their grid, at every `step`-th pixel, 0 where there is no image."""

    def __init__(self, labels: LabelSet, whole: Window, images: Sequence[Window], step: int) -> None:
        part = labels.grid.part(whole)
        transform = part.transform @ Affine.scale(step)
        coarse = Grid(part.crs, transform, ceil(part.height / step), ceil(part.width / step))
        self._whole, self._step = whole, step
        self.valid = np.zeros(coarse.shape, bool)
        for image in images:
            rows = self._inside(image.row_off - whole.row_off, image.height)
            self.valid[rows, self._inside(image.col_off - whole.col_off, image.width)] = True
        self.classes = LabelSet(coarse, labels.near(whole)).read(coarse.whole) * self.valid

    def _inside(self, start: int, length: int) -> slice:
        """The samples whose middle is in a stretch of pixels."""
        first, end = self._first(np.array([start, start + length])).tolist()
        return slice(first, end)

    def _first(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first samples whose middle is not before these pixels."""
        return np.maximum(np.ceil(starts / self._step - 0.5), 0).astype(np.int64)

    def rows(self, strip: Window, side: int) -> slice:
        """Of a strip that is `side` samples high."""
        (top,) = self._first(np.array([strip.row_off - self._whole.row_off])).tolist()
        return slice(top, top + side)

    def counted(
        self, strip: Window, columns: NDArray[np.int64], side: int, values: tuple[int, ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of windows of `side` samples at columns of a strip, the samples of each class (windows, classes), and those
        of images (windows,). None of them is beyond the edge of its window, where there may be no image."""
        rows, start = self.rows(strip, side), self._first(columns - self._whole.col_off)
        return count_windows(self.classes[rows], start, side, values), window_sums(self.valid[rows], start, side)


def _shape(window: Window) -> shapely.Polygon:
    return box(window.col_off, window.row_off, window.col_off + window.width, window.row_off + window.height)
