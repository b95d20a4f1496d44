"""Raster files: opening them, reading by window; chips, which are small ones."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from landcover.errors import ImageError
from landcover.grid import Grid, clip
from landcover.scheme import BACKGROUND

BLOCK = 512
CACHE = 128 * 2**20
"""Bytes of decoded blocks that GDAL keeps where large images are read; by itself it takes a twentieth of all memory."""

MASKED = (
    "a mask, in the file or beside it, says where it has data; of classes a value says so: "
    "gdalwarp -dstnodata 255 makes such a raster of it"
)
"""What is wrong with a class raster that has a mask."""


def grid_of(dataset: DatasetReader) -> Grid:
    """The grid of an open raster. Raises ImageError without a CRS or with a rotated one."""
    if dataset.crs is None:
        raise ImageError(
            f"{dataset.name}: has no coordinate reference system: assign one (gdal_edit.py -a_srs EPSG:...), "
            "unless the file was cut short"
        )
    t = dataset.transform
    if t.b or t.d or t.a <= 0 or t.e >= 0:
        raise ImageError(f"{dataset.name}: is rotated or not north-up: warp it first (gdalwarp)")
    return Grid(dataset.crs, t, dataset.height, dataset.width)


def has_mask(dataset: DatasetReader) -> bool:
    """Whether a mask of its own, in the file or beside it, says where an open raster has data. An alpha band is none:
    band 4 of NAIP is often marked so."""
    return all(MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags for flags in dataset.mask_flag_enums)


def bounded_cache() -> rasterio.Env:
    """A context in which GDAL keeps no more than CACHE, in all threads."""
    return rasterio.Env(GDAL_CACHEMAX=CACHE)


@contextmanager
def open_raster(path: str | Path) -> Iterator[DatasetReader]:
    """Open any raster for reading. Raises ImageError for a file that is missing or none."""
    with connect(path) as dataset:
        yield dataset


def connect(path: str | Path) -> DatasetReader:
    """As `open_raster`, for one that the caller closes."""
    text = str(path)
    if "://" not in text and not text.startswith(("/vsi", "<")) and not Path(text).exists():
        raise ImageError(f"{path}: no such file")
    if Path(text).is_file() and Path(text).stat().st_size == 0:
        raise ImageError(f"{path}: is empty: copy it again")
    try:
        return rasterio.open(path)
    except RasterioError as error:
        raise ImageError(f"{path}: cannot be opened as a raster ({reason(error)})") from None


class OpenInThreads:
    """Files that stay open until the end of the context, each thread with its own, as GDAL needs it."""

    def __init__(self) -> None:
        self._local = local()
        self._open = ExitStack()

    def __enter__(self) -> "OpenInThreads":
        return self

    def __exit__(self, *problem: object) -> None:
        self._open.close()

    def __reduce__(self) -> tuple[type["OpenInThreads"], tuple[()]]:
        """In another process it has files of its own."""
        return OpenInThreads, ()

    def __call__(self, path: str | Path) -> DatasetReader:
        """The file, open in this thread. Raises ImageError."""
        opened: dict[str, DatasetReader] = self._local.__dict__.setdefault("opened", {})
        if str(path) not in opened:
            opened[str(path)] = self._open.enter_context(closing(connect(path)))
        return opened[str(path)]


def read_band(dataset: DatasetReader, window: Window, fill: int = BACKGROUND) -> NDArray[Any]:
    """Band 1 (rows, columns) of a window that may reach beyond the raster, where it is `fill`."""
    inside = clip(window, dataset.height, dataset.width)
    if inside == window:
        return read_window(dataset, inside, band=1)
    values = np.full((int(window.height), int(window.width)), fill, dataset.dtypes[0])
    if inside is not None:
        row, column = inside.row_off - window.row_off, inside.col_off - window.col_off
        part = (slice(row, row + inside.height), slice(column, column + inside.width))
        values[part] = read_window(dataset, inside, band=1)
    return values


def read_window(dataset: DatasetReader, window: Window, band: int | None = None, mask: bool = False) -> NDArray[Any]:
    """All bands (bands, rows, columns), one band, or the mask (rows, columns) of a window inside the raster.

    Raises ImageError, naming the window, if the file cannot be read there.
    """
    try:
        if mask:
            return np.asarray(dataset.read_masks(1, window=window))
        return np.asarray(dataset.read(band, window=window))
    except RasterioError as error:
        raise ImageError(
            f"{dataset.name}: cannot be read at column {window.col_off}, row {window.row_off} "
            f"({reason(error)}): is the file whole?"
        ) from None


def stored_blocks(dataset: DatasetReader) -> Iterator[Window]:
    """The blocks of band 1 that a file holds; those that a sparse GeoTIFF leaves out are nodata, or 0."""
    for (row, column), window in dataset.block_windows(1):
        if dataset.driver != "GTiff" or dataset.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1):
            yield window


def read_thinned(dataset: DatasetReader, side: int) -> NDArray[Any]:
    """All bands (bands, rows, columns), at most `side` pixels a side: every n-th pixel, or an overview's. Raises
    ImageError."""
    step = max(1, -(-max(dataset.height, dataset.width) // side))
    shape = (dataset.count, -(-dataset.height // step), -(-dataset.width // step))
    try:
        return np.asarray(dataset.read(out_shape=shape))
    except RasterioError as error:
        raise ImageError(f"{dataset.name}: cannot be read ({reason(error)}): is the file whole?") from None


def reason(error: BaseException) -> str:
    """The first thing that went wrong, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200].rstrip(".")


def read_label_chip(path: Path) -> NDArray[np.uint8]:
    """Band 1 (rows, columns) of a byte chip of `chip_bytes`. GDAL takes twice as long to open a small file."""
    with Image.open(path) as chip:
        return np.asarray(chip)


def chip_bytes(pixels: NDArray[Any], grid: Grid) -> bytes:
    """A small GeoTIFF of pixels (rows, columns, bands), as the content of its file."""
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
        return bytes(memory.read())
