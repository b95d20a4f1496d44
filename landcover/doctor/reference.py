"""Is there something to assess a map with, and is it apart from the labels?"""

from collections.abc import Iterator

from rasterio.windows import Window

from landcover.config import Config
from landcover.doctor.finding import BROKEN, Finding, could_not
from landcover.doctor.polygons import check_polygons
from landcover.errors import LabelError
from landcover.labelset import open_labels
from landcover.raster import grid_of, open_raster
from landcover.reference import find_reference
from landcover.sources import RASTER_SUFFIXES, VECTOR_SUFFIXES, expand
from landcover.vector import count_features, holds_points, read_as_is
from landcover.words import counted

SIDE = 8192
"""Of a raster, the codes in so many rows and columns of its middle are looked at."""

CHECK = "reference.file"


def check_reference(config: Config) -> Iterator[Finding]:
    """Findings on the reference; it is needed last, and may be points that are drawn from the map."""
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
            found = list(_looked_at(path, config, mend))
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


def _looked_at(path: str, config: Config, mend: str) -> Iterator[Finding]:
    """Of one file, by what `assess` does with it. Raises what a broken one does."""
    if path.lower().endswith(RASTER_SUFFIXES):
        _check_raster(path, config)
        yield Finding("ok", CHECK, "a raster", path)
        return
    number = count_features(path)
    if not number:
        told = "nothing is drawn in it yet"
        yield Finding("warning", CHECK, told, path, "assess has nothing to compare with", mend)
        return
    if holds_points(path):
        if read_as_is(path).crs is None:
            raise LabelError(f"{path}: has no coordinate reference system: assign one (ogr2ogr -a_srs EPSG:...)")
        found: list[Finding] = []
    else:
        found, _ = check_polygons(path, config.remap, config.assess.field or config.labels.field, "reference")
    yield from found or [Finding("ok", CHECK, counted(number, "features"), path)]


def _check_raster(path: str, config: Config) -> None:
    """Raise LandcoverError for a raster that cannot be a reference, by its own grid: which image it is of, the map
    tells."""
    with open_raster(path) as dataset:
        grid = grid_of(dataset)
    width, height = min(SIDE, grid.width), min(SIDE, grid.height)
    middle = Window((grid.width - width) // 2, (grid.height - height) // 2, width, height)
    open_labels([path], grid.part(middle), config.remap)
