"""An area of interest: polygons that a map is limited to."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.features import geometry_mask
from rasterio.windows import Window
from shapely.geometry import box

from landcover.errors import OutsideArea
from landcover.grid import Grid
from landcover.vector import read_polygons


@dataclass(frozen=True)
class Area:
    """Polygons in the CRS of a grid. A pixel is inside if its centre is."""

    grid: Grid
    shapes: gpd.GeoSeries

    def touches(self, window: Window) -> bool:
        return len(self._near(window)) > 0

    def inside(self, window: Window) -> NDArray[np.bool_]:
        """Which pixels (rows, columns) of a window of the grid are inside."""
        part, near = self.grid.part(window), self._near(window)
        if not len(near):
            return np.zeros(part.shape, bool)
        return np.asarray(geometry_mask(self.shapes.iloc[near], part.shape, part.transform, invert=True))

    def _near(self, window: Window) -> NDArray[np.int64]:
        return np.asarray(self.shapes.sindex.query(box(*self.grid.box(window)), predicate="intersects"))


def polygons_digest(path: Path) -> str:
    """The fingerprint of the polygons in a file. Raises LabelError."""
    shapes = read_polygons(str(path), CRS.from_epsg(4326)).geometry
    return hashlib.sha256(b"".join(shapes.to_wkb())).hexdigest()


def read_area(path: Path, grid: Grid) -> Area:
    """The polygons in a file of any format and CRS. Raises LabelError, OutsideArea if none lies on the image."""
    area = Area(grid, read_polygons(str(path), grid.crs).geometry)
    if not area.touches(grid.whole):
        raise OutsideArea(f"{path}: no polygon lies on the image ({grid}): is its CRS the right one?")
    return area
