"""A large image cut into cells, each an image of its own that sees its neighbours."""

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import product
from math import isqrt
from pathlib import Path

from rasterio.windows import Window

from landcover import __version__
from landcover.classify.mapper import Mapper
from landcover.errors import ConfigError
from landcover.grid import Grid, clip, cut, grow
from landcover.image import Image
from landcover.raster import BLOCK
from landcover.settings import ClassifySettings
from landcover.sourcecode import code_digest

CELL_TAG = "LANDCOVER_CELL_SHA256"
"""Metadata item of a cell's map: the fingerprint of all that it depends on."""

BYTES = 16
"""Memory of a worker for each pixel of a cell, by itself: with the 2.6 GB that are its own unless told otherwise a
quarter quad of 0.6 m fits into a cell, and a cell is minutes of work."""


@dataclass(frozen=True)
class Cell:
    """`image` shows `window` of a larger one; `out` is its map."""

    image: Image
    window: Window
    out: Path


def cell_side(settings: ClassifySettings) -> int:
    """Pixels a side."""
    if settings.cell != "auto":
        return settings.cell
    return max(1, isqrt(settings.memory // BYTES) // BLOCK) * BLOCK


def is_cut(grid: Grid, side: int) -> bool:
    return grid.height * grid.width > side * side


def cut_image(image: Image, side: int, halo: int, multiple: int, folder: Path) -> list[Cell]:
    """The cells that any file of the image touches, row by row. Raises ConfigError for a side that would put them
    otherwise into the network's pooling than the whole image."""
    if side % multiple:
        raise ConfigError(f"classify.cell {side}: must be a multiple of {multiple} for this model")
    found = []
    near = _layers_near(image, side, halo)
    for window in cut(image.grid.whole, side):
        numbers = near.get((window.row_off // side, window.col_off // side), [])
        layers = tuple(image.layers[number] for number in numbers)
        behind = tuple(image.behind[number] for number in numbers)
        part = part_of(replace(image, layers=layers, behind=behind), window, halo)
        if _touched(part):
            name = f"r{window.row_off:07d}_c{window.col_off:07d}.tif"
            found.append(Cell(part, window, folder / name))
    return found


def _layers_near(image: Image, side: int, halo: int) -> dict[tuple[int, int], list[int]]:
    """The layers, by their numbers, that may lie in a cell or its halo, by row and column of the cell: a mosaic of a
    state has thousands of both."""
    near: dict[tuple[int, int], list[int]] = {}
    for number, layer in enumerate(image.layers):
        at = grow(layer.window, halo)
        rows = range(int(at.row_off) // side, int(at.row_off + at.height - 1) // side + 1)
        columns = range(int(at.col_off) // side, int(at.col_off + at.width - 1) // side + 1)
        for cell in product(rows, columns):
            near.setdefault(cell, []).append(number)
    return near


def part_of(image: Image, window: Window, margin: int) -> Image:
    """The image in a window; what is read up to a margin beyond it is that of the whole image. It consists of the
    files that lie there: a change of another, or of a mosaic's own file, is no change to it."""
    seen = grow(window, margin)
    layers, behind = [], []
    for layer, files in zip(image.layers, image.behind, strict=True):
        at = layer.window
        own = Window(at.col_off - window.col_off, at.row_off - window.row_off, at.width, at.height)
        if _meet(at, seen):
            layers.append(replace(layer, window=own))
            behind.append(files)
    return replace(image, grid=image.grid.part(window), layers=tuple(layers), behind=tuple(behind), index=None)


def _meet(one: Window, other: Window) -> bool:
    shifted = Window(one.col_off - other.col_off, one.row_off - other.row_off, one.width, one.height)
    return clip(shifted, other.height, other.width) is not None


def _touched(part: Image) -> bool:
    return any(_meet(layer.window, part.grid.whole) for layer in part.layers)


def key_of(cell: Cell, settings: ClassifySettings, mapper: Mapper) -> str:
    """The fingerprint of what the map of a cell depends on: image, model, options, program."""
    named = {"collar", "confidence", "precision"} | ({"tile"} if mapper.card.blended else set())
    options = settings.model_dump(mode="json", include=named)
    about = [
        cell.image.fingerprint(), list(cell.window.flatten()), mapper.digest, mapper.code, mapper.area, mapper.halo,
        options, __version__, code_digest("classify.predict"), code_digest("classify.cells"), *mapper.engine,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
