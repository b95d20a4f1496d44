"""Class rasters, maps among them: the files, and what their metadata say."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from pydantic import ValidationError
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.features import shapes
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.windows import Window
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from landcover.errors import ImageError, LandcoverError
from landcover.files import whole_file
from landcover.grid import Grid
from landcover.raster import BLOCK, open_raster, reason, stored_blocks
from landcover.scheme import BACKGROUND, ClassScheme

NO_PERCENT = 255
"""Nodata of a raster of percentages."""

SCHEME_TAG = "LANDCOVER_SCHEME"
"""Metadata item of a class raster: its scheme as JSON."""

MODEL_TAG = "LANDCOVER_MODEL_SHA256"
"""Metadata item of a map: the fingerprint of the model file that made it."""

VERSION_TAG, PRECISION_TAG, OPTIONS_TAG = "LANDCOVER_VERSION", "LANDCOVER_PRECISION", "LANDCOVER_OPTIONS"
"""Metadata items of a map: the version of this program, the number format of the network, and the options."""

CONTENT_TAG, CONFIDENCE = "LANDCOVER_CONTENT", "confidence"
"""Metadata item, and its value, of a raster of confidence: one that is no map."""

CELLS_FILE = "cells.gpkg"
"""The outlines of the cells of a map, among them."""


def confidence_path(map_path: Path) -> Path:
    """Where the confidence of a map goes: beside it."""
    return map_path.with_name(f"{map_path.stem}_confidence{'.vrt' if map_path.suffix == '.vrt' else '.tif'}")


def is_confidence(path: Path) -> bool:
    """Whether a file is there that this program wrote as the confidence of a map."""
    try:
        with open_raster(path) as dataset:
            return bool(dataset.tags().get(CONTENT_TAG) == CONFIDENCE)
    except ImageError:
        return False


class Target:
    """Writes windows of an open raster of one byte band, and counts pixels of the values that matter."""

    def __init__(self, dataset: DatasetWriter, values: Sequence[int] = ()) -> None:
        self._dataset = dataset
        self._nodata = int(dataset.nodata)
        self.pixels = dict.fromkeys(values, 0)
        self.total = 0
        """Of all that was written: what the file must add up to in the end."""

    def write(self, values: NDArray[np.uint8], window: Window) -> None:
        """`values` (rows, columns); no pixel is written twice."""
        self._dataset.write(values, 1, window=window)
        self.total += _sum(values, self._nodata)
        for value in self.pixels:
            self.pixels[value] += int(np.count_nonzero(values == value))


@contextmanager
def class_raster(
    path: Path, grid: Grid, scheme: ClassScheme, beside: Mapping[str, str] | None = None
) -> Iterator[Target]:
    """A new uint8 GeoTIFF of classes, nodata 0, with colours; names and metadata items, if there are any `beside`, in
    its sidecar, and a style for QGIS beside it.

    Blocks never written take no space. Raises LandcoverError where it cannot be written.
    """
    with ExitStack() as names:
        temporary = _names(names, path, scheme, beside)
        with _content(temporary, path, grid, BACKGROUND, {}, scheme) as target:
            yield target


@contextmanager
def map_rasters(
    path: Path,
    grid: Grid,
    scheme: ClassScheme,
    tags: Mapping[str, str],
    beside: Mapping[str, str],
    confidence: Path | None = None,
) -> Iterator[list[Target]]:
    """As `class_raster`, a Cloud Optimized GeoTIFF with mode overviews; and if asked for, one of confidence: 0 to 100
    per cent, NO_PERCENT where there is none. Both get their names when both are whole, the map last.

    `beside`: metadata items, of what the map is of. They stand in the sidecar, so that the map itself is the same for
    the same pixels.
    """
    with ExitStack() as names:
        temporary = _names(names, path, scheme, beside)
        with ExitStack() as contents:
            targets = [contents.enter_context(_content(temporary, path, grid, BACKGROUND, tags, scheme, "MODE"))]
            if confidence is not None:
                other = names.enter_context(whole_file(confidence))
                marked = {**tags, CONTENT_TAG: CONFIDENCE}
                content = _content(other, confidence, grid, NO_PERCENT, marked, None, "AVERAGE")
                targets.append(contents.enter_context(content))
            yield targets


def _names(names: ExitStack, path: Path, scheme: ClassScheme, items: Mapping[str, str] | None = None) -> Path:
    """The temporary file of a class raster, and what belongs beside it, named when the stack ends, the raster last."""
    temporary = names.enter_context(whole_file(path))
    beside = {path.with_name(path.name + ".aux.xml"): scheme.sidecar(items), path.with_suffix(".qml"): scheme.style()}
    for place, text in beside.items():
        names.enter_context(whole_file(place)).write_text(text, encoding="utf-8")
    return temporary


@contextmanager
def _content(
    file: Path,
    path: Path,
    grid: Grid,
    nodata: int,
    tags: Mapping[str, str],
    scheme: ClassScheme | None = None,
    overviews: str | None = None,
) -> Iterator[Target]:
    """Fill a file with one uint8 band that will have a name later on, `path`; with `overviews`, the way they are
    resampled, a Cloud Optimized one.

    What was written is read again: on a full disk GDAL loses blocks without a word. Raises LandcoverError then.
    """
    working = file.with_name(f"{file.name}.working") if overviews else file
    try:
        with _create(working, grid, nodata, quick=overviews is not None) as dataset:
            dataset.update_tags(**tags)
            if scheme is not None:
                dataset.update_tags(**{SCHEME_TAG: scheme.model_dump_json()})
                dataset.colorinterp = [ColorInterp.palette]
                dataset.write_colormap(1, scheme.colour_table())
            target = Target(dataset, scheme.values if scheme is not None else ())
            yield target
        if overviews:
            _copy_to_cog(working, file, path, overviews)
        if _total(file, nodata) != target.total:
            raise LandcoverError(f"{path}: could not be written whole: is the disk full?")
    finally:
        if overviews:
            working.unlink(missing_ok=True)


def _copy_to_cog(source: Path, target: Path, path: Path, overviews: str) -> None:
    options = {"BLOCKSIZE": BLOCK, "COMPRESS": "DEFLATE", "OVERVIEW_RESAMPLING": overviews, "BIGTIFF": "IF_SAFER",
               "NUM_THREADS": "ALL_CPUS", "SPARSE_OK": "YES"}  # fmt: skip
    try:
        rasterio.shutil.copy(source, target, driver="COG", **options)
    except CPLE_BaseError as error:
        raise LandcoverError(f"{path}: could not be written whole ({reason(error)}): is the disk full?") from None
    finally:
        for left in target.parent.glob(f"{target.name}.*.tmp"):
            left.unlink()


def _total(path: Path, nodata: int) -> int | None:
    """The sum of a byte raster's values but nodata, None if it cannot be read."""
    total = 0
    try:
        with rasterio.open(path) as dataset:
            for window in stored_blocks(dataset):
                total += _sum(dataset.read(1, window=window), nodata)
    except RasterioError:
        return None
    return total


def _sum(values: NDArray[np.uint8], nodata: int) -> int:
    whole = int(values.sum(dtype=np.int64))
    return whole - nodata * int(np.count_nonzero(values == nodata)) if nodata else whole


def _create(path: Path, grid: Grid, nodata: int, quick: bool) -> DatasetWriter:
    """`quick`: for a file that is soon copied."""
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint8",
        count=1,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        nodata=nodata,
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        compress="deflate",
        zlevel=1 if quick else 6,
        SPARSE_OK=True,
        BIGTIFF="IF_SAFER",
    )


def scheme_of(dataset: DatasetReader) -> ClassScheme | None:
    """The scheme that a class raster was written with, None for one that does not say."""
    text = dataset.tags().get(SCHEME_TAG)
    try:
        return ClassScheme.model_validate_json(text) if text else None
    except ValidationError:
        return None


def outlines(classes: DatasetReader) -> Iterator[tuple[BaseGeometry, int]]:
    """The patches of a class raster, pixels that touch along an edge, with their class values; 0 is left out."""
    band = rasterio.band(classes, 1)
    for outline, value in shapes(band, mask=band, transform=classes.transform):
        yield shape(outline), int(value)
