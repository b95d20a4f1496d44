"""Is there something to assess a map with, and is it apart from the labels?"""

from collections.abc import Iterator, Sequence

import geopandas as gpd
from rasterio.windows import Window

from landcover.config import Config
from landcover.doctor.finding import BROKEN, Finding, could_not
from landcover.doctor.labels import outlines, sides
from landcover.doctor.polygons import check_polygons
from landcover.errors import LabelError
from landcover.labelset import open_labels
from landcover.raster import grid_of, open_raster
from landcover.reference import find_reference
from landcover.scene import Scene, usual_grid
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.vector import count_features, holds_points, read_as_is
from landcover.words import counted

SIDE = 8192
"""Of a raster, the codes in so many rows and columns of its middle are looked at."""

CHECK = "reference.file"


def check_reference(config: Config, scenes: Sequence[Scene] = ()) -> Iterator[Finding]:
    """Findings on the reference; it is needed last, and may be points that are drawn from the map. It may be of the
    `scenes` of the mosaic, or of other images that are mapped."""
    where = ", ".join(config.assess.reference)
    mend = "draw polygons there, apart from the labels, or let `landcover points` draw points from the map"
    try:
        paths = expand(config.assess.reference, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError)
    except LabelError:
        yield Finding("warning", CHECK, "no reference yet", where, "assess has nothing to compare with", mend)
        return
    labels, broken = _labels(config), False
    for path in paths:
        if path in labels:
            yield Finding(
                "warning", CHECK, "is the labels as well", path, "a map is flattered by what it was trained on",
                "draw other polygons to assess with",
            )  # fmt: skip
            continue
        try:
            found = list(_looked_at(path, config, scenes, mend))
        except BROKEN as error:
            found = [could_not(CHECK, path, error)]
        broken |= any(told.severity == "error" for told in found)
        yield from found
    if not broken:
        # what is wrong with several together
        find_reference(config.assess.reference, ())


def _labels(config: Config) -> set[str]:
    try:
        return set(expand(config.labels.source, (*VECTOR_SUFFIXES, *RASTER_SUFFIXES), LabelError))
    except LabelError:
        # which is told where the labels are looked at
        return set()


def _looked_at(path: str, config: Config, scenes: Sequence[Scene], mend: str) -> Iterator[Finding]:
    """Of one file, by what `assess` does with it. Raises what a broken one does."""
    if path.lower().endswith(RASTER_SUFFIXES):
        _check_raster(path, config)
        yield Finding("ok", CHECK, "a raster" + _lying(sides(path), scenes), path)
        return
    number = count_features(path)
    if not number:
        told = "nothing is drawn in it yet"
        yield Finding("warning", CHECK, told, path, "assess has nothing to compare with", mend)
        return
    if holds_points(path):
        shapes = read_as_is(path)
        if shapes.crs is None:
            raise LabelError(f"{path}: has no coordinate reference system: assign one (ogr2ogr -a_srs EPSG:...)")
        found: list[Finding] = []
    else:
        found, drawn = check_polygons(path, config.remap, config.assess.field or config.labels.field, "reference")
        shapes = gpd.GeoDataFrame() if drawn is None else drawn.frame
    yield from found or [Finding("ok", CHECK, counted(number, "features") + _lying(shapes, scenes), path)]


def _lying(shapes: gpd.GeoDataFrame, scenes: Sequence[Scene]) -> str:
    """Where they lie, if it is not all on the images of the mosaic: the end of a sentence."""
    if not scenes:
        return ""
    inside = shapes.to_crs(usual_grid(scenes).crs.to_wkt()).intersects(outlines(scenes))
    if inside.all():
        return ""
    if not inside.any():
        return ", outside the images of the mosaic: for maps of other images"
    return f", {int((~inside).sum()):,} of them outside the images of the mosaic"


def _check_raster(path: str, config: Config) -> None:
    """Raise LandcoverError for a raster that cannot be a reference, by its own grid: which image it is of, the map
    tells."""
    with open_raster(path) as dataset:
        grid = grid_of(dataset)
    width, height = min(SIDE, grid.width), min(SIDE, grid.height)
    middle = Window((grid.width - width) // 2, (grid.height - height) // 2, width, height)
    open_labels([path], grid.part(middle), config.remap)
