"""Raster files: what is in one, reading it by window, writing class rasters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from pydantic import ValidationError
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile
from rasterio.windows import Window

from landcover import vrt
from landcover.errors import ImageError, LandcoverError
from landcover.files import whole_file
from landcover.grid import Grid, clip, cut
from landcover.scene import Scene, acquisition_date
from landcover.scheme import BACKGROUND, ClassScheme

BLOCK = 512
RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".img", ".jp2", ".png", ".jpg", ".jpeg", ".mrf")
IMAGE_TYPES = ("uint8", "uint16")
SCHEME_TAG = "LANDCOVER_SCHEME"
"""Metadata item of a class raster: its scheme as JSON."""

MODEL_TAG = "LANDCOVER_MODEL_SHA256"
"""Metadata item of a map: the fingerprint of the model file that made it."""


def describe(path: str | Path) -> Scene:
    """Open an image and read what it says of itself. Raises ImageError for one that cannot be mapped."""
    with open_raster(path) as dataset:
        _check_whole(dataset, path)
        grid = grid_of(dataset)
        dtypes = set(dataset.dtypes)
        if len(dtypes) > 1 or dataset.dtypes[0] not in IMAGE_TYPES:
            raise ImageError(
                f"{path}: pixels are {' and '.join(sorted(dtypes))}; images must be {' or '.join(IMAGE_TYPES)}: "
                "rescale it first (gdal_translate -ot Byte -scale)"
            )
        nodata = dataset.nodatavals
        declared = all(value is not None and value == value for value in nodata)
        return Scene(
            path=str(path),
            source=dataset.files[0] if dataset.files[0].startswith("/vsi") else str(Path(path).resolve()),
            grid=grid,
            bands=dataset.count,
            dtype=dataset.dtypes[0],
            nodata=tuple(nodata) if declared else None,
            masked=not declared and _has_mask(dataset),
            acquired=acquisition_date(Path(path).name),
        )


def _check_whole(dataset: DatasetReader, path: str | Path) -> None:
    """Raise ImageError for a GeoTIFF whose blocks lie beyond its end, before hours are spent on the others."""
    if dataset.driver != "GTiff" or not Path(path).is_file():
        return
    size = Path(path).stat().st_size
    shared = dataset.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL"
    for band in (1,) if shared else dataset.indexes:
        for (row, column), window in dataset.block_windows(band):
            offset, length = (
                int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band) or 0)
                for what in ("OFFSET", "SIZE")
            )
            if offset + length > size:
                raise ImageError(
                    f"{path}: is cut short: the block at column {window.col_off}, row {window.row_off} ends at byte "
                    f"{offset + length:,}, the file at {size:,}: copy it again"
                )


def _has_mask(dataset: DatasetReader) -> bool:
    """Whether the file has a mask of its own. An alpha band is none: band 4 of NAIP is often marked so."""
    return all(MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags for flags in dataset.mask_flag_enums)


def grid_of(dataset: DatasetReader) -> Grid:
    """The grid of an open raster. Raises ImageError without a CRS or with a rotated one."""
    if dataset.crs is None:
        raise ImageError(
            f"{dataset.name}: has no coordinate reference system: assign one (gdal_edit.py -a_srs EPSG:...)"
        )
    t = dataset.transform
    if t.b or t.d or t.a <= 0 or t.e >= 0:
        raise ImageError(f"{dataset.name}: is rotated or not north-up: warp it first (gdalwarp)")
    return Grid(dataset.crs, t, dataset.height, dataset.width)


@contextmanager
def open_raster(path: str | Path) -> Iterator[DatasetReader]:
    """Open any raster for reading. Raises ImageError for a file that is missing or none."""
    text = str(path)
    if "://" not in text and not text.startswith(("/vsi", "<")) and not Path(text).exists():
        raise ImageError(f"{path}: no such file")
    try:
        dataset = rasterio.open(path)
    except RasterioError as error:
        raise ImageError(f"{path}: cannot be opened as a raster ({_reason(error)})") from None
    with dataset:
        yield dataset


@contextmanager
def open_image(path: str | Path) -> Iterator[DatasetReader]:
    """Open an image so that its mask says where it has data and NIR is never taken for alpha: see `vrt.scene`.

    A mosaic that `landcover mosaic` wrote is opened as it is. Raises ImageError.
    """
    if is_mosaic(path):
        with open_raster(path) as dataset:
            yield dataset
        return
    with open_raster(vrt.scene(describe(path))) as dataset:
        yield dataset


def is_mosaic(path: str | Path) -> bool:
    """Whether this is a mosaic that `landcover mosaic` wrote."""
    try:
        with open(path, encoding="utf-8") as file:
            return vrt.MARK in file.read(4096)
    except (OSError, UnicodeDecodeError):
        return False


def read_bands(dataset: DatasetReader, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Pixels (rows, columns, bands) and where they are valid (rows, columns); outside the raster they are not.

    Raises ImageError, naming the window, if the file cannot be read there.
    """
    shape = (int(window.height), int(window.width))
    pixels = np.zeros((*shape, dataset.count), dataset.dtypes[0])
    valid = np.zeros(shape, bool)
    inside = clip(window, dataset.height, dataset.width)
    if inside is not None:
        part = _slices(inside, window)
        pixels[part] = np.moveaxis(_read(dataset, inside), 0, -1)
        valid[part] = _read(dataset, inside, mask=True) > 0
    return pixels, valid


def read_band(dataset: DatasetReader, window: Window, fill: int = BACKGROUND) -> NDArray[Any]:
    """Band 1 (rows, columns) of a window that may reach beyond the raster, where it is `fill`."""
    values = np.full((int(window.height), int(window.width)), fill, dataset.dtypes[0])
    inside = clip(window, dataset.height, dataset.width)
    if inside is not None:
        values[_slices(inside, window)] = _read(dataset, inside, band=1)
    return values


def read_valid(dataset: DatasetReader, window: Window) -> NDArray[np.bool_]:
    """Where (rows, columns) the raster has data; beyond its edges it has none."""
    valid = np.zeros((int(window.height), int(window.width)), bool)
    inside = clip(window, dataset.height, dataset.width)
    if inside is not None:
        valid[_slices(inside, window)] = _read(dataset, inside, mask=True) > 0
    return valid


def _slices(inside: Window, window: Window) -> tuple[slice, slice]:
    row, column = inside.row_off - window.row_off, inside.col_off - window.col_off
    return slice(row, row + inside.height), slice(column, column + inside.width)


def _read(dataset: DatasetReader, window: Window, band: int | None = None, mask: bool = False) -> NDArray[Any]:
    try:
        if mask:
            return np.asarray(dataset.read_masks(1, window=window))
        return np.asarray(dataset.read(band, window=window))
    except RasterioError as error:
        # an image seen through a VRT goes by the name of its file
        name = dataset.files[0] if dataset.name.startswith("<") and dataset.files else dataset.name
        raise ImageError(
            f"{name}: cannot be read at column {window.col_off}, row {window.row_off} "
            f"({_reason(error)}): is the file whole?"
        ) from None


def _reason(error: BaseException) -> str:
    """The first thing that went wrong, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200].rstrip(".")


class ClassWriter:
    """Writes windows of an open class raster, and counts the pixels of each value that it wrote."""

    def __init__(self, dataset: DatasetWriter) -> None:
        self._dataset = dataset
        self.counts = np.zeros(256, np.int64)

    def write(self, classes: NDArray[np.uint8], window: Window) -> None:
        """`classes` (rows, columns); no pixel is written twice."""
        self._dataset.write(classes, 1, window=window)
        self.counts += np.bincount(classes.ravel(), minlength=256)


@contextmanager
def class_raster(
    path: Path, grid: Grid, scheme: ClassScheme, tags: Mapping[str, str] | None = None, cog: bool = False
) -> Iterator[ClassWriter]:
    """A new uint8 GeoTIFF of classes, nodata 0, with colours and, in its sidecar, names.

    Blocks never written take no space. With `cog` it becomes a Cloud Optimized GeoTIFF with mode overviews. What was
    written is read again before the file gets its name: on a full disk GDAL loses blocks without a word. Raises
    LandcoverError then.
    """
    sidecar = path.with_name(path.name + ".aux.xml")
    with whole_file(path) as temporary, whole_file(sidecar) as names, rasterio.Env():
        names.write_text(scheme.sidecar(), encoding="utf-8")
        working = temporary.with_name(f"{temporary.name}.working") if cog else temporary
        try:
            with _create(working, grid, scheme) as dataset:
                dataset.update_tags(**{SCHEME_TAG: scheme.model_dump_json()}, **(tags or {}))
                writer = ClassWriter(dataset)
                yield writer
            if cog:
                _copy_to_cog(working, temporary, path)
            if not _holds(temporary, writer.counts):
                raise LandcoverError(f"{path}: could not be written whole: is the disk full?")
        finally:
            if cog:
                working.unlink(missing_ok=True)


def _copy_to_cog(source: Path, target: Path, path: Path) -> None:
    options = {"BLOCKSIZE": BLOCK, "COMPRESS": "DEFLATE", "OVERVIEW_RESAMPLING": "MODE", "BIGTIFF": "IF_SAFER"}
    try:
        rasterio.shutil.copy(source, target, driver="COG", **options)
    except CPLE_BaseError as error:
        raise LandcoverError(f"{path}: could not be written whole ({_reason(error)}): is the disk full?") from None
    finally:
        for left in target.parent.glob(f"{target.name}.*.tmp"):
            left.unlink()


def _holds(path: Path, counts: NDArray[np.int64]) -> bool:
    """Whether a class raster can be read and holds so many pixels of each value but 0."""
    found = np.zeros(256, np.int64)
    try:
        with rasterio.open(path) as dataset:
            for window in cut(Window(0, 0, dataset.width, dataset.height), 4 * BLOCK):
                found += np.bincount(dataset.read(1, window=window).ravel(), minlength=256)
    except RasterioError:
        return False
    return bool((found[1:] == counts[1:]).all())


def _create(path: Path, grid: Grid, scheme: ClassScheme) -> DatasetWriter:
    dataset = rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint8",
        count=1,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        nodata=BACKGROUND,
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        compress="deflate",
        SPARSE_OK=True,
        BIGTIFF="IF_SAFER",
    )
    dataset.colorinterp = [ColorInterp.palette]
    dataset.write_colormap(1, scheme.colour_table())
    return dataset


def scheme_of(dataset: DatasetReader) -> ClassScheme | None:
    """The scheme that a class raster was written with, None for one that does not say."""
    text = dataset.tags().get(SCHEME_TAG)
    try:
        return ClassScheme.model_validate_json(text) if text else None
    except ValidationError:
        return None


def write_chip(path: Path, pixels: NDArray[Any], grid: Grid) -> None:
    """A small GeoTIFF of pixels (rows, columns, bands). Raises OSError on a full disk."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            dtype=pixels.dtype,
            count=pixels.shape[2],
            crs=grid.crs,
            transform=grid.transform,
            height=grid.height,
            width=grid.width,
            compress="deflate",
            zlevel=1,
            photometric="RGB" if pixels.shape[2] >= 3 else "MINISBLACK",
            alpha="unspecified",
        ) as dataset:
            dataset.write(np.moveaxis(pixels, -1, 0))
        path.write_bytes(memory.read())
