"""Do the labels open, lie on the imagery, and show enough of every class?"""

from collections.abc import Sequence
from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.warp import transform_bounds
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from landcover.config import Config
from landcover.doctor.classes import Ground, check_classes, drawn_ground, pixel_ground
from landcover.doctor.finding import BROKEN, Finding, could_not, parted
from landcover.doctor.polygons import Drawn, check_overlaps, check_polygons, listed
from landcover.errors import LabelError
from landcover.grid import Grid
from landcover.labelpixels import Pixels
from landcover.labelpolygons import Polygons
from landcover.labelset import LabelSet, open_labels
from landcover.raster import grid_of, open_raster
from landcover.scene import Scene, usual_grid
from landcover.sources import HERE, RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.words import counted

ALL_OUTSIDE = "no label lies on the images"


def check_labels(config: Config, scenes: Sequence[Scene]) -> tuple[list[Finding], LabelSet | None]:
    """Findings on the labels, and the labels on the images' grid where nothing is wrong with them."""
    where = ", ".join(config.labels.source)
    try:
        paths = expand(config.labels.source, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    except LabelError as error:
        return [_none(where, error)], None
    grid, imagery = (_mosaic_grid(scenes), outlines(scenes)) if scenes else (None, None)
    found: list[Finding] = []
    ground = Ground()
    sources: list[Polygons | Pixels] = []
    for path in paths:
        try:
            if path.lower().endswith(RASTER_SUFFIXES):
                drawn, told = None, [] if grid is None else _placed(path, sides(path), imagery, grid)[0]
            else:
                told, drawn = check_polygons(path, config.remap, config.labels.field)
                if drawn is not None:
                    more, own = _check_drawn(drawn, config, imagery, grid)
                    told, ground = [*told, *more], ground + own
            found += told
            if grid is not None and all(f.severity != "error" for f in told):
                opened = open_labels([path], grid, config.remap, config.labels.field).sources
                sources += opened
                ground += pixel_ground([source for source in opened if isinstance(source, Pixels)], config.remap)
        except BROKEN as error:
            found.append(could_not("labels.open", path, error))
    if sources:
        # a stage fails only if all files are outside
        found = [replace(f, severity="warning") if f.what == ALL_OUTSIDE else f for f in found]
    pixel = None if grid is None else float(np.prod(grid.pixel_metres))
    found += check_classes(ground, config.scheme, pixel, where)
    if grid is None or not sources or any(f.severity == "error" for f in found):
        return found, None
    return found, LabelSet(grid, tuple(sources))


def _none(where: str, error: LabelError) -> Finding:
    what, mend = parted(str(error).removeprefix(f"{where}: "))
    plain = "draw polygons there (`landcover init` makes an empty file for it), or name labels in labels.source"
    why = "there is nothing to train on"
    return Finding("error", "labels.open", what, where, why, mend.replace(HERE, plain))


def _mosaic_grid(scenes: Sequence[Scene]) -> Grid:
    """The usual grid of the images, extended over all that share its CRS."""
    usual = usual_grid(scenes)
    inside = [scene.grid.bounds for scene in scenes if scene.grid.crs == usual.crs]
    low, high = np.min(inside, axis=0), np.max(inside, axis=0)
    return usual.part(usual.cover((low[0], low[1], high[2], high[3])))


def outlines(scenes: Sequence[Scene]) -> BaseGeometry:
    """Of all images together, in the usual CRS."""
    usual = usual_grid(scenes).crs
    return shapely.union_all([box(*transform_bounds(s.grid.crs, usual, *s.grid.bounds)) for s in scenes])


def sides(path: str) -> gpd.GeoDataFrame:
    """The outline of a raster."""
    with open_raster(path) as dataset:
        own = grid_of(dataset)
    return gpd.GeoDataFrame(geometry=[box(*own.bounds)], crs=own.crs.to_wkt())


def _check_drawn(
    drawn: Drawn, config: Config, imagery: BaseGeometry | None, grid: Grid | None
) -> tuple[list[Finding], Ground]:
    """Findings on where polygons lie, and what they show on the imagery."""
    if not len(drawn.frame):
        return [], Ground()
    pixel = 0.1 if grid is None else float(np.prod(grid.pixel_metres))
    found = list(check_overlaps(drawn, {c.value: c.name for c in config.scheme}, pixel))
    if grid is None:
        return found, drawn_ground(drawn, np.ones(len(drawn.frame), bool))
    told, inside = _placed(drawn.path, drawn.frame, imagery, grid)
    return [*found, *told], drawn_ground(drawn, inside)


def _placed(
    path: str, shapes: gpd.GeoDataFrame, imagery: BaseGeometry | None, grid: Grid
) -> tuple[list[Finding], NDArray[np.bool_]]:
    """A finding on shapes outside the imagery, and which (shapes,) are on it."""
    frame = shapes.to_crs(grid.crs.to_wkt())
    inside = frame.intersects(imagery).to_numpy()
    if inside.all():
        return [], inside
    ids = [int(i) for i in frame.index[~inside]]
    if not inside.any():
        places = [_lon_lat(where, frame.crs) for where in (frame.geometry, gpd.GeoSeries([imagery]))]
        return [
            Finding(
                "error", "labels.outside", ALL_OUTSIDE, path,
                f"the labels are around {places[0]}, the images around {places[1]} (longitude, latitude)",
                "see whether the labels have the CRS that they were drawn in; or name other images or labels",
                {"features": ids},
            )
        ], inside  # fmt: skip
    return [
        Finding(
            "warning", "labels.outside",
            f"{counted(len(ids), 'polygons')} of {len(frame):,} outside the images: {listed(ids)}", path,
            "nothing is learnt from them", "add the images below them, or leave them out", {"features": ids},
        )
    ], inside  # fmt: skip


def _lon_lat(shapes: gpd.GeoSeries, crs: CRS) -> str:
    left, bottom, right, top = shapes.total_bounds
    project = Transformer.from_crs(crs, 4326, always_xy=True)
    longitude, latitude = project.transform((left + right) / 2, (bottom + top) / 2)
    return f"{longitude:.3f}, {latitude:.3f}"
