"""How much ground the pixels of a grid cover."""

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Proj, Transformer
from pyproj.enums import WktVersion

from landcover.grid import Grid

DISTORTED = 0.01
"""The areas of a projected CRS are taken as they are up to this share off the truth: those of UTM zones are up to 0.2 %
off, and are what other programs print."""


def pixel_areas(grid: Grid) -> NDArray[np.float64]:
    """(rows,) square metres of a pixel in each row, on the ellipsoid of the CRS.

    Exact in a geographic CRS. In a projected one the plane's own, unless that is over 1 % off in the middle, as in web
    Mercator: then corrected row by row by the scale of area in the middle column.
    """
    crs = CRS.from_wkt(grid.crs.to_wkt())
    x, y = grid.pixel_size
    if crs.is_geographic:
        return _of_degrees(crs, grid)
    factor = float(grid.crs.linear_units_factor[1])
    plane = x * y * factor**2
    scale = _scale(crs, grid)
    if abs(scale[len(scale) // 2] - 1) <= DISTORTED:
        return np.full(grid.height, plane)
    return plane / scale


def distortion(grid: Grid) -> float:
    """How many times as large as the ground the plane of a projected CRS is in the middle of the grid."""
    crs = CRS.from_wkt(grid.crs.to_wkt())
    return 1.0 if crs.is_geographic else float(_scale(crs, grid)[grid.height // 2])


def _of_degrees(crs: CRS, grid: Grid) -> NDArray[np.float64]:
    """By a cylinder of equal area around the same ellipsoid."""
    body = crs.ellipsoid
    assert body is not None
    cylinder = CRS.from_dict({"proj": "cea", "a": body.semi_major_metre, "b": body.semi_minor_metre})
    project = Transformer.from_crs(crs.geodetic_crs, cylinder, always_xy=True)
    edges = np.clip(grid.transform.f + grid.transform.e * np.arange(grid.height + 1), -90, 90)
    across, _ = project.transform([0.0, grid.pixel_size[0]], [0.0, 0.0])
    _, up = project.transform(np.zeros(len(edges)), edges)
    return np.asarray(-np.diff(up) * (across[1] - across[0]))


def _scale(crs: CRS, grid: Grid) -> NDArray[np.float64]:
    """(rows,) plane over ground."""
    rows = grid.transform.f + grid.transform.e * (np.arange(grid.height) + 0.5)
    column = grid.transform.c + grid.transform.a * grid.width / 2
    plane = Proj(crs.to_wkt(WktVersion.WKT2_2019))
    longitudes, latitudes = plane(np.full(len(rows), column), rows, inverse=True)
    return np.asarray(plane.get_factors(longitudes, latitudes).areal_scale)
