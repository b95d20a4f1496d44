"""The tiles of a map, computed into a journal: reading ahead and writing behind while the network works."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.classify.area import Area
from landcover.classify.journal import Journal, Layers
from landcover.classify.mapper import Mapper
from landcover.classify.suitable import fits_in, too_bright
from landcover.classify.tiles import Tile, Tiling
from landcover.classify.workers import Behind, Stopwatch, ahead
from landcover.image import Cell, Image, ImageReader
from landcover.precision import Format
from landcover.progress import Progress
from landcover.raster import NO_PERCENT
from landcover.scheme import BACKGROUND

REMOTE_READERS = 4
"""Threads that read ahead from a network, so that one reads while another waits. From a disk one thread reads: tiles
share blocks of the file, which it decodes once."""

SMALL = 512
"""A tile with little to map is cut down to so many pixels a side; each new shape costs the network time and memory."""


@dataclass(frozen=True)
class Job:
    """What is to be mapped, and how."""

    image: Image
    mapper: Mapper
    tiling: Tiling
    precision: Format
    area: Area | None
    skip_bad: bool

    def tiles(self) -> Iterator[Tile]:
        """The tiles that the area of interest touches."""
        for tile in self.tiling.tiles(*self.image.grid.shape):
            if self.area is None or self.area.touches(tile.centre):
                yield tile


@dataclass
class Timing:
    """Seconds. Those of `read` and `write` pass in threads beside the model; `wait` is what the model waited for
    them, `finish` what making the GeoTIFFs took."""

    read: float = 0.0
    model: float = 0.0
    wait: float = 0.0
    write: float = 0.0
    finish: float = 0.0


@dataclass(frozen=True)
class Ready:
    """A tile that was read. `wanted` (rows, columns) of its centre are to be mapped: with data, and in the area.
    `pixels` and `valid` are of `part` of the centre and the halo around it."""

    tile: Tile
    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    part: tuple[slice, slice]
    unreadable: list[Cell]

    def layers(self, computed: Layers) -> Layers:
        """The tile's map, and its confidence, of what was computed for the part; nodata where nothing is wanted."""
        full = []
        for layer, nodata in zip(computed, (BACKGROUND, NO_PERCENT), strict=False):
            values = np.full(self.wanted.shape, nodata, np.uint8)
            rows, columns = values[self.part].shape
            np.copyto(values[self.part], layer[:rows, :columns], where=self.wanted[self.part])
            full.append(values)
        return full


def compute(job: Job, journal: Journal, progress: Progress) -> Timing:
    """Map the tiles that the journal lacks. Raises ImageError, LandcoverError."""
    reading, modelling, writing, whole = Stopwatch(), Stopwatch(), Stopwatch(), Stopwatch()
    done = journal.done()
    todo = [tile for tile in job.tiles() if tile.index not in done]
    readers = Readers(job, reading)

    def write(made: tuple[Ready, Layers | None]) -> None:
        ready, layers = made
        with writing():
            journal.add(ready.tile.index, None if layers is None else ready.layers(layers), ready.unreadable)
        advance(_megapixels(ready.tile))

    with (
        whole(), progress("classifying", sum(map(_megapixels, todo)), "Mpx") as advance, readers,
        Behind(write) as hand_over,
    ):  # fmt: skip
        waiting: list[Ready] = []
        for ready in readers.read(todo, 2 * job.tiling.batch + 1):
            if not ready.wanted.any():
                hand_over((ready, None))
                continue
            if waiting and (len(waiting) == job.tiling.batch or waiting[0].pixels.shape != ready.pixels.shape):
                _map(job, waiting, modelling, hand_over)
                waiting = []
            waiting.append(ready)
        if waiting:
            _map(job, waiting, modelling, hand_over)
        hand_over.finish()
    return Timing(reading.seconds, modelling.seconds, whole.seconds - modelling.seconds, writing.seconds)


def _map(job: Job, batch: list[Ready], watch: Stopwatch, hand_over: Behind[tuple[Ready, Layers | None]]) -> None:
    with watch():
        pixels, valid = _stack([r.pixels for r in batch]), _stack([r.valid for r in batch])
        layers = job.mapper.map(pixels, valid, job.precision)
    for number, ready in enumerate(batch):
        hand_over((ready, [layer[number] for layer in layers]))


def _stack(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return np.stack(arrays) if len(arrays) > 1 else arrays[0][None]


def _part(wanted: NDArray[np.bool_], tiling: Tiling, multiple: int) -> tuple[slice, slice]:
    """The rows and columns of a tile that are computed: those around what is wanted if they fit into SMALL."""
    sides = []
    for axis, whole in ((1, tiling.rows), (0, tiling.columns)):
        (there,) = np.nonzero(wanted.any(axis=axis))
        first = min(int(there[0]) // multiple * multiple, whole - SMALL) if len(there) else 0
        if whole <= SMALL or not len(there) or int(there[-1]) >= first + SMALL:
            return slice(0, tiling.rows), slice(0, tiling.columns)
        sides.append(slice(first, first + SMALL))
    return sides[0], sides[1]


class Readers:
    """Threads that read tiles ahead, each with a reader of its own."""

    def __init__(self, job: Job, watch: Stopwatch) -> None:
        self._job, self._watch = job, watch
        self._own = threading.local()
        self._opened: list[ImageReader] = []
        self._threads = ThreadPoolExecutor(REMOTE_READERS if job.image.remote else 1)

    def read(self, tiles: list[Tile], depth: int) -> Iterator[Ready]:
        """The tiles in order, up to `depth` of them read ahead. Raises ImageError."""
        return ahead(self._threads, self._read, tiles, depth)

    def __enter__(self) -> "Readers":
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for reader in self._opened:
            reader.close()

    def _read(self, tile: Tile) -> Ready:
        with self._watch():
            if not hasattr(self._own, "reader"):
                self._own.reader = ImageReader(self._job.image, self._job.skip_bad)
                self._opened.append(self._own.reader)
            pixels, valid = self._own.reader.read(tile.read)
            halo = self._job.tiling.halo
            wanted = valid[halo : halo + tile.centre.height, halo : halo + tile.centre.width]
            if self._job.area is not None:
                wanted = wanted & self._job.area.inside(tile.centre)
            rows, columns = part = _part(wanted, self._job.tiling, self._job.mapper.card.multiple)
            seen = (slice(rows.start, rows.stop + 2 * halo), slice(columns.start, columns.stop + 2 * halo))
            return Ready(tile, self._as_trained(pixels[seen]), valid[seen], wanted, part, self._own.reader.take_bad())

    def _as_trained(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels in the type that the model knows, if all of them fit in it."""
        card = self._job.mapper.card
        if not fits_in(card.dtype, str(pixels.dtype)) and (most := int(pixels.max())) > np.iinfo(card.dtype).max:
            raise too_bright(self._job.image, card, most)
        return pixels.astype(card.dtype, copy=False)


def _megapixels(tile: Tile) -> float:
    return tile.centre.height * tile.centre.width / 1e6
