"""Where on the globe a grid lies, as GeoJSON has it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely import Polygon, get_coordinates
from shapely.geometry.polygon import orient

from landcover.errors import ImageError
from landcover.grid import METRES_A_DEGREE, Grid, name_of

SEGMENTS = 32
"""Parts that each edge is brought over in: straight lines on a map are bent on the globe."""

EXACT = 0.25
"""Points that are less than this share of a pixel off the line between their neighbours are left out."""

DECIMALS = 7
"""Of degrees: a centimetre on the ground."""


def footprint(grid: Grid, name: object) -> tuple[dict[str, Any], list[float]]:
    """Outline and bounding box [west, south, east, north] of a grid in WGS 84 longitude and latitude.

    The ring is counter-clockwise and closed, as RFC 7946 asks. `name`: what the grid is of, for messages. Raises
    ImageError where the CRS is not of this globe, or the outline holds a pole or crosses the antimeridian: GeoJSON
    would have it cut there.
    """
    try:
        # CRS84 is WGS 84 with longitude first
        project = Transformer.from_crs(CRS.from_wkt(grid.crs.to_wkt()), "OGC:CRS84", always_xy=True)
        x, y = project.transform(*_outline(grid), errcheck=True)
    except ProjError as error:
        reason = " ".join(str(error).split())[:100]
        raise ImageError(
            f"{name}: {name_of(grid.crs)} cannot be brought to longitude and latitude ({reason}): assign the CRS that "
            "it has (gdal_edit.py -a_srs EPSG:...)"
        ) from None
    longitudes = np.where(np.abs(x) > 180, (x + 180) % 360 - 180, x)
    if np.abs(np.diff(longitudes)).max() > 180 or np.abs(y).max() > 90:
        raise ImageError(f"{name}: lies across the antimeridian or a pole: cut it there (gdalwarp -te) for STAC")
    ring = np.stack([longitudes, y], axis=1)
    tolerance = EXACT * min(grid.pixel_metres) / METRES_A_DEGREE
    outline = get_coordinates(orient(Polygon(ring), 1.0).simplify(tolerance))
    # + 0.0: there is no -0 in a document for people
    corners = np.round(outline, DECIMALS) + 0.0
    bounds = [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]
    return {"type": "Polygon", "coordinates": [corners.tolist()]}, bounds


def _outline(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y of points along the four edges, in the CRS of the grid; the last is the first."""
    steps = np.linspace(0, 1, SEGMENTS + 1)[:-1]
    there, zero, one = steps, np.zeros(SEGMENTS), np.ones(SEGMENTS)
    columns = grid.width * np.concatenate([zero, there, one, 1 - there, [0.0]])
    rows = grid.height * np.concatenate([there, one, 1 - there, zero, [0.0]])
    t = grid.transform
    return t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
