"""Labels as the scheme's classes on a grid, from polygons or rasters in any CRS: for training and for assessing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry import box

from landcover.errors import LabelError
from landcover.grid import Grid, clip, cut
from landcover.labelpixels import Pixels, open_pixels
from landcover.labelpolygons import Polygons, open_polygons
from landcover.owners import UNTOUCHED, Owners
from landcover.remap import NODATA, Code, Remap
from landcover.scheme import BACKGROUND
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand

CELL = 1024
"""Labels are made in cells of this many pixels a side, always the same ones, so that a map has one answer."""


@dataclass(frozen=True)
class LabelSet:
    """Sources of labels over a grid; where two overlap, the later one holds."""

    grid: Grid
    sources: tuple[Polygons | Pixels, ...]

    def cells(self) -> list[Window]:
        """The cells of the grid that any label touches, row by row."""
        touched: set[tuple[int, int]] = set()
        for source in self.sources:
            for window in source.windows(self.grid):
                inside = clip(window, *self.grid.shape)
                if inside is not None:
                    touched.update((c.row_off // CELL, c.col_off // CELL) for c in cut(inside, CELL))
        corners = (Window(column * CELL, row * CELL, CELL, CELL) for row, column in sorted(touched))
        return [inside for cell in corners if (inside := clip(cell, *self.grid.shape)) is not None]

    @cached_property
    def _bounds(self) -> shapely.STRtree:
        return shapely.STRtree([box(*source.bounds) for source in self.sources])

    def near(self, window: Window) -> tuple[Polygons | Pixels, ...]:
        """The sources that may lie in a window of the grid, in their order: of a state there are thousands."""
        return tuple(self.sources[number] for number in np.sort(self._bounds.query(box(*self.grid.box(window)))))

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Class values (rows, columns) in a window of the grid, 0 where nothing is labelled."""
        classes = np.full((int(window.height), int(window.width)), BACKGROUND, np.uint8)
        for source in self.near(window):
            part = source.read(self.grid, window)
            np.copyto(classes, part, where=part != UNTOUCHED)
        return classes

    def read_owned(self, window: Window) -> tuple[NDArray[np.uint8], Owners]:
        """As `read`, and what each label belongs to; the polygons of a second file are numbered after the first's."""
        classes, owners = self.sources[0].read_owned(self.grid, window)
        classes[classes == UNTOUCHED] = BACKGROUND
        start = self.sources[0].owned
        for source in self.sources[1:]:
            part, others = source.read_owned(self.grid, window)
            there = part != UNTOUCHED
            np.copyto(classes, part, where=there)
            owners = owners.covered(others, there, start)
            start += source.owned
        return classes, owners


def open_labels(
    sources: Sequence[str],
    grid: Grid,
    remap: Remap,
    field: str | None = None,
    counted: Mapping[str, Mapping[int, int]] | None = None,
) -> LabelSet:
    """Find, check and reclassify the labels for a grid. Raises LabelError.

    Codes that neither the scheme nor the remap table knows stop here, all of them listed with their counts. `counted`:
    how often each value occurs on the grid, of rasters that were read already.
    """
    known = counted or {}
    paths = expand(sources, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    opened: list[Polygons | Pixels] = []
    unknown: Counter[Code] = Counter()
    unit = "features"
    for path in paths:
        if path.lower().endswith(RASTER_SUFFIXES):
            source: Polygons | Pixels = open_pixels(path, grid, remap, known.get(path))
            unit = "pixels"
        else:
            source = open_polygons(path, grid, remap, field)
        unknown.update({code: n for code, n in source.codes.items() if remap(code) is None and code != NODATA})
        if isinstance(source, Polygons) and NODATA in source.codes and NODATA not in remap.exact:
            unknown["(no value)"] += source.codes[NODATA]
        opened.append(source)
    if unknown:
        listed = ", ".join(
            f"{code} ({n:,} {unit}{remap.scheme.meant(code)})"
            for code, n in sorted(unknown.items(), key=lambda i: str(i[0]))
        )
        raise LabelError(
            f"{paths[0] if len(paths) == 1 else 'the labels'}: codes that are neither in scheme nor in "
            f"labels.reclassify: {listed}"
        )
    labels = LabelSet(grid, tuple(opened))
    if not labels.cells():
        raise LabelError(
            f"{', '.join(sources)}: no label lies on the image ({grid}, {_rounded(grid.bounds)}): "
            "is the CRS of the labels the one they were drawn in?"
        )
    return labels


def _rounded(bounds: tuple[float, float, float, float]) -> str:
    return "left {:.6g}, bottom {:.7g}, right {:.6g}, top {:.7g}".format(*bounds)
