"""Labels from a file of polygons, on a grid."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window
from shapely.geometry import box

from landcover.classfield import find_field
from landcover.grid import Grid
from landcover.owners import UNTOUCHED, Owners
from landcover.remap import Code, Remap, code_of
from landcover.vector import read_polygons


@dataclass(frozen=True)
class Polygons:
    """Polygons on the grid's CRS with the class value each stands for; a later one covers an earlier one."""

    path: str
    field: str
    frame: gpd.GeoDataFrame
    values: NDArray[np.uint8]
    codes: Mapping[Code, int]

    @property
    def owned(self) -> int:
        """How many polygons there are."""
        return len(self.values)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        left, bottom, right, top = self.frame.total_bounds.tolist()
        return left, bottom, right, top

    def windows(self, grid: Grid) -> Iterator[Window]:
        for bounds in self.frame.geometry.bounds.itertuples(index=False):
            yield grid.cover(tuple(bounds))

    def read(self, grid: Grid, window: Window) -> NDArray[np.uint8]:
        """Class values (rows, columns), UNTOUCHED where there is no polygon."""
        return self.read_owned(grid, window)[0]

    def read_owned(self, grid: Grid, window: Window) -> tuple[NDArray[np.uint8], Owners]:
        """As `read`, and which polygon each is of."""
        touched = np.sort(self.frame.sindex.query(box(*grid.box(window)))).astype(np.int64)
        part = grid.part(window)
        if not len(touched):
            return np.full(part.shape, UNTOUCHED, np.uint8), Owners(np.zeros(part.shape, np.int32), touched)
        shapes = zip(self.frame.geometry.iloc[touched], range(1, len(touched) + 1), strict=True)
        burnt = rasterize(shapes, part.shape, fill=0, transform=part.transform, dtype="int32")
        classes = np.concatenate([np.array([UNTOUCHED], np.uint8), self.values[touched]])[burnt]
        return classes, Owners(np.maximum(burnt - 1, 0), touched)


def open_polygons(path: str, grid: Grid, remap: Remap, field: str | None) -> Polygons:
    """Raises LabelError."""
    frame = read_polygons(path, grid.crs)
    columns = [str(c) for c in frame.columns if c != frame.geometry.name]
    field = find_field(path, frame, columns, remap, field)
    codes = [code_of(value) for value in frame[field]]
    values = [remap(code) for code in codes]
    return Polygons(
        path, field, frame[[frame.geometry.name]], np.array([v or 0 for v in values], np.uint8), Counter(codes)
    )
