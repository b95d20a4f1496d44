"""Windows of the mosaic that may become chips: those with labels enough, and image data."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from landcover.errors import LabelError
from landcover.grid import Grid, steps
from landcover.image import Image
from landcover.parallel import Each, one_by_one
from landcover.prepare.labelled import Labelled, Squares, labelled_squares
from landcover.progress import Progress
from landcover.raster import open_raster
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings

SEGMENT = 8192
"""Labels are counted in strips of one chip's height and at most this many columns."""

ROWS = 64
"""At most so many strips, one below the other, are counted in one go, which reads each pixel once."""

Strip = tuple[Window, NDArray[np.int64]]
"""One chip high; and the columns at which chips start in it."""


@dataclass(frozen=True)
class Candidates:
    """Chips of `size` pixels a side that passed the filters, n of them; how many were seen, and how many each took.

    `windows` (n, 2): column and row, counted from the corner of the chip's region; `regions` (n, 3): its number, and
    column and row of its corner on the grid; `pixels` (n, classes): labelled ones. Places are rounded by up to `slack`
    pixels against one another; `placed` is False where nobody knows them.
    """

    grid: Grid
    size: int
    windows: NDArray[np.int64]
    regions: NDArray[np.int64]
    pixels: NDArray[np.int64]
    seen: int
    filtered: dict[str, int]
    slack: int = 0
    placed: bool = True

    @property
    def corners(self) -> NDArray[np.int64]:
        """(n, 2) column and row on the grid."""
        return self.windows + self.regions[:, 1:]


@dataclass
class Filters:
    """What keeps a chip from the training, and how many it kept so far."""

    settings: ChipSettings
    size: int
    unlabelled: int = 0
    background: int = 0
    nodata: int = 0

    def passing(self, labelled: NDArray[np.int64], filled: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which chips pass (n,), by their pixels with a label and with image data."""
        area = self.size**2
        none, gaps = labelled == 0, filled < (1 - self.settings.max_nodata) * area
        sparse = labelled < (1 - self.settings.max_background) * area
        self.unlabelled += int(none.sum())
        self.background += int((sparse & ~none).sum())
        self.nodata += int((gaps & ~sparse & ~none).sum())
        return np.asarray(~none & ~sparse & ~gaps)

    @property
    def taken(self) -> dict[str, int]:
        """How many each filter took; a chip is counted once."""
        return {"no label": self.unlabelled, "max_background": self.background, "max_nodata": self.nodata}

    def check_any(self, passed: int, seen: int, what: str) -> None:
        """Raise LabelError if none passed of the windows or chips that were seen."""
        if not passed:
            raise LabelError(
                f"no chip passes the filters: of {seen:,} {what} {self.unlabelled:,} hold no label, "
                f"{self.background:,} more than chips.max_background = {self.settings.max_background:g} background, "
                f"{self.nodata:,} more than chips.max_nodata = {self.settings.max_nodata:g} without data"
            )


@dataclass(frozen=True)
class Stretch:
    """Strips of the region of a number, whose corner is at a column and row of the grid, from top to bottom."""

    number: int
    corner: tuple[int, int]
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Counting:
    """What chips of `size` hold: of a stretch, for each strip, pixels of each class value (windows, classes), and those
    with image data (windows,); 0 where no label is near."""

    image: Image
    labels: Path
    squares: Squares
    size: int
    values: tuple[int, ...]
    together: ClassVar[int] = 1

    def __call__(self, stretch: Stretch) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        with self.image.open() as image, open_raster(self.labels) as classes:
            ground = Labelled(image, classes, self.squares)
            return [self._counted(ground, *strip) for strip in stretch.strips]

    def _counted(
        self, ground: Labelled, strip: Window, columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        size = self.size
        counts, filled = np.zeros((len(columns), len(self.values)), np.int64), np.zeros(len(columns), np.int64)
        for run in self.squares.runs(strip, columns, size):
            start = int(columns[run[0]])
            labels, valid = ground.read(Window(start, strip.row_off, int(columns[run[-1]]) + size - start, size))
            counts[run] = count_windows(labels, columns[run] - start, size, self.values)
            filled[run] = window_sums(valid, columns[run] - start, size)
        return counts, filled


def find_candidates(
    image: Image,
    labels: Path,
    outlines: "gpd.GeoSeries",
    settings: ChipSettings,
    scheme: ClassScheme,
    progress: Progress,
    each: Each = one_by_one,
) -> Candidates:
    """The windows of an image and its labels, both on one grid, that pass the filters. Raises LabelError for none.

    Windows start at the corner of each outline of touching images, stride by stride; the last ones are drawn back to
    the edge. `each`: who counts what is in them.
    """
    grid, size, filters = image.grid, settings.size, Filters(settings, settings.size)
    with open_raster(labels) as classes:
        squares = labelled_squares(classes)
    rows: list[tuple[int, ...]] = []
    pixels: list[NDArray[np.int64]] = []
    seen = 0
    all_strips = [Stretch(n, *s) for n, o in enumerate(outlines) for s in strips_of(grid.cover(o.bounds), settings)]
    with progress("looking for chips", sum(len(s.strips) for s in all_strips), "strips") as advance:
        stretches = []
        for stretch in all_strips:
            near = []
            for window, columns in stretch.strips:
                columns = columns[touching(grid, window, columns, size, outlines.iloc[stretch.number])]
                seen += len(columns)
                if squares.runs(window, columns, size):
                    near.append((window, columns))
                else:
                    filters.unlabelled += len(columns)
            advance(len(stretch.strips) - len(near))
            if near:
                stretches.append(replace(stretch, strips=tuple(near)))
        counting = Counting(image, labels, squares, size, scheme.values)
        for stretch, counted in zip(stretches, each(counting, stretches), strict=True):
            for (window, columns), (counts, filled) in zip(stretch.strips, counted, strict=True):
                for index in np.flatnonzero(filters.passing(counts.sum(axis=1), filled)):
                    rows.append((stretch.number, window.row_off, int(columns[index]), *stretch.corner))
                    pixels.append(counts[index])
            advance(len(stretch.strips))
    if not rows and min(grid.shape) < size:
        raise LabelError(
            f"{image.path}: has {grid.width} x {grid.height} px, which holds no chip of {size}: set chips.size to less"
        )
    filters.check_any(len(rows), seen, "windows")
    # region by region, from top to bottom, from left to right
    order = sorted(range(len(rows)), key=rows.__getitem__)
    found = np.array(rows, np.int64)[order]
    return Candidates(
        grid, size,
        found[:, [2, 1]] - found[:, 3:],
        found[:, [0, 3, 4]],
        np.array(pixels, np.int64)[order],
        seen, filters.taken,
    )  # fmt: skip


def touching(
    grid: Grid, strip: Window, columns: NDArray[np.int64], size: int, outline: BaseGeometry
) -> NDArray[np.bool_]:
    """Which windows of a strip meet the outline of their region: its bounding box may hold other regions."""
    x, y = grid.pixel_size
    left, _, _, top = grid.bounds
    start, upper = left + columns * x, top - strip.row_off * y
    return np.asarray(shapely.intersects(shapely.box(start, upper - size * y, start + size * x, upper), outline))


def strips_of(region: Window, settings: ChipSettings) -> Iterator[tuple[tuple[int, int], tuple[Strip, ...]]]:
    """The corner of a region, and strips of it."""
    corner = (int(region.col_off), int(region.row_off))
    size, stride = settings.size, settings.stride
    columns = np.array(steps(corner[0], corner[0] + int(region.width), size, stride))
    rows = steps(corner[1], corner[1] + int(region.height), size, stride)
    for start in range(0, len(columns), max(1, SEGMENT // stride)):
        part = columns[start : start + max(1, SEGMENT // stride)]
        width = int(part[-1] - part[0]) + size
        for top in range(0, len(rows), ROWS):
            yield corner, tuple((Window(int(part[0]), row, width, size), part) for row in rows[top : top + ROWS])


def count_windows(
    labels: NDArray[np.uint8], columns: NDArray[np.int64], size: int, values: tuple[int, ...]
) -> NDArray[np.int64]:
    """Pixels of each class value (windows, classes) in windows of a strip (size, n) that start at columns."""
    return np.stack([window_sums(labels == value, columns, size) for value in values], axis=1)


def window_sums(there: NDArray[np.bool_], columns: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """How many are there (windows,) in windows of a strip (size, n) that start at columns."""
    # most strips show few of the classes, and data everywhere
    if not there.any():
        return np.zeros(len(columns), np.int64)
    if there.all():
        return np.full(len(columns), len(there) * size, np.int64)
    sums = np.concatenate([[0], np.cumsum(there.sum(axis=0, dtype=np.int64))])
    return np.asarray(sums[columns + size] - sums[columns])
