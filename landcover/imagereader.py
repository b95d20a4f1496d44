"""Pixels of an aerial image and where they have data, by window."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landcover.errors import ImageError
from landcover.grid import clip, cut, within
from landcover.raster import connect, grid_of, read_window
from landcover.scene import ZEROS, Gaps, Layer

if TYPE_CHECKING:
    from landcover.image import Image

OPEN_FILES = 32
"""So many files of a mosaic are held open at a time."""

CELL = 256
"""Where part of a file cannot be read, it is given up in cells of this many pixels a side."""

Cell = tuple[str, int, int]
"""Part of a file: its path, and the column and row of the corner."""


class ImageReader:
    """Reads windows of an image; opens the files of a mosaic as windows touch them."""

    def __init__(self, image: "Image", skip_bad: bool = False) -> None:
        self.image = image
        self._bad: set[Cell] = set()
        self._skip_bad = skip_bad
        self._open: OrderedDict[str, DatasetReader] = OrderedDict()

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Pixels (rows, columns, bands) and where they are valid (rows, columns); beyond the image they are not.

        What is not valid is 0. Raises ImageError, naming the window, if a file cannot be read there.
        """
        shape = (int(window.height), int(window.width))
        pixels = np.zeros((*shape, self.image.bands), self.image.dtype)
        valid = np.zeros(shape, bool)
        for layer in self.image.layers:
            self._lay(layer, window, pixels, valid)
        return pixels, valid

    def read_valid(self, window: Window) -> NDArray[np.bool_]:
        """Where (rows, columns) the image has data."""
        return self.read(window)[1]

    def take_bad(self) -> list[Cell]:
        """The cells that could not be read since the last call. There are none but with skip_bad."""
        taken, self._bad = sorted(self._bad), set()
        return taken

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def _lay(self, layer: Layer, window: Window, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> None:
        """Put a layer where those above it have no data."""
        at = layer.window
        inside = clip(
            Window(window.col_off - at.col_off, window.row_off - at.row_off, window.width, window.height),
            at.height, at.width,
        )  # fmt: skip
        if inside is None:
            return
        row, column = inside.row_off + at.row_off - window.row_off, inside.col_off + at.col_off - window.col_off
        part = (slice(row, row + inside.height), slice(column, column + inside.width))
        if valid[part].all():
            return
        values, there = self._values(layer, inside)
        new = there if not valid[part].any() else there & ~valid[part]
        whole = bool(new.all())
        for band, value in enumerate(values):
            # band by band: half the time of all bands at once
            np.copyto(pixels[part][..., band], value, where=True if whole else new)
        valid[part] |= there

    def _values(self, layer: Layer, inside: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values (bands, rows, columns) of a layer and where they are data; with skip_bad what can be read of it."""
        dataset = self._dataset(layer)
        if not self._skip_bad:
            return read_data(dataset, layer.gaps, inside)
        # cells are read whole, so that what is given up does not depend on the window
        top, left = inside.row_off // CELL * CELL, inside.col_off // CELL * CELL
        bottom = min(-(-(inside.row_off + inside.height) // CELL) * CELL, layer.window.height)
        right = min(-(-(inside.col_off + inside.width) // CELL) * CELL, layer.window.width)
        whole = Window(left, top, right - left, bottom - top)
        place = within(inside, whole)
        try:
            values, there = read_data(dataset, layer.gaps, whole)
        except ImageError:
            values = np.zeros((self.image.bands, whole.height, whole.width), self.image.dtype)
            there = np.zeros((whole.height, whole.width), bool)
            for cell in cut(whole, CELL):
                part = within(cell, whole)
                try:
                    values[:, part[0], part[1]], there[part] = read_data(dataset, layer.gaps, cell)
                except ImageError:
                    self._bad.add((layer.path, cell.col_off, cell.row_off))
        return values[:, place[0], place[1]], there[place]

    def _dataset(self, layer: Layer) -> DatasetReader:
        path = layer.path
        if path not in self._open:
            while len(self._open) >= OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            dataset = connect(path)
            try:
                self._check_as_told(dataset, layer)
            except ImageError:
                dataset.close()
                raise
            self._open[path] = dataset
        self._open.move_to_end(path)
        return self._open[path]

    def _check_as_told(self, dataset: DatasetReader, layer: Layer) -> None:
        """A mosaic's files may have been replaced since it was made."""
        image, own = self.image, grid_of(dataset)
        alike = (dataset.count, set(dataset.dtypes)) == (image.bands, {image.dtype})
        if not alike or not image.grid.aligned(own) or image.grid.place(own) != layer.window:
            raise ImageError(
                f"{layer.path}: is another image than when {image.path} was made: run `landcover mosaic --overwrite`"
            )


def read_data(dataset: DatasetReader, gaps: Gaps, inside: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values (bands, rows, columns) of a window inside an open file, and where (rows, columns) they are data. Raises
    ImageError where it cannot be read."""
    values = read_window(dataset, inside)
    if gaps is None:
        return values, np.ones(values.shape[1:], bool)
    if gaps == ZEROS:
        return values, np.asarray(values.any(axis=0))
    if isinstance(gaps, tuple):
        told = [band != nodata for band, nodata in zip(values, gaps, strict=True)]
        return values, np.asarray(np.any(told, axis=0))
    return values, read_window(dataset, inside, mask=True) > 0
