"""Maps of networks that look farther than any halo: overlapping tiles, added up with weights that taper to their
edges."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landcover.classify.compute import Job, Readers, Timing, as_trained, megapixels, stack
from landcover.classify.journal import Journal, Layers
from landcover.classify.tiles import Tile, Tiling
from landcover.classify.workers import Behind, Stopwatch
from landcover.classraster import NO_PERCENT
from landcover.grid import clip, within
from landcover.imagereader import Cell, ImageReader
from landcover.progress import Progress
from landcover.scheme import BACKGROUND


@dataclass(frozen=True)
class Look:
    """A tile, and the window that was read for it. `wanted` (rows, columns) of its centre are to be mapped: with data,
    and in the area."""

    tile: Tile
    read: Window
    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    unreadable: list[Cell]


@dataclass
class Open:
    """The centre of a tile that is not done: sums (rows, columns, classes) of weighted probabilities, None as long as
    there are none, and how many tiles that bear on it are still to come."""

    tile: Tile
    left: int
    sums: NDArray[np.float32] | None = None
    wanted: NDArray[np.bool_] | None = None
    unreadable: tuple[Cell, ...] = ()


Made = tuple[Look, NDArray[np.float32] | None]
"""A tile and its probabilities (rows, columns, classes), None for one without data."""


def compute_blended(job: Job, journal: Journal, progress: Progress) -> Timing:
    """Map the centres that the journal lacks. A centre is done with all tiles that reach into it; of what a killed run
    had added up of others, the tiles are computed again. Raises ImageError, LandcoverError."""
    reading, modelling, writing, whole = Stopwatch(), Stopwatch(), Stopwatch(), Stopwatch()
    done = journal.done()
    wanted = {tile.index: tile for tile in job.tiles() if tile.index not in done}
    readers = Readers(job, reading, _look)
    with whole(), progress("classifying", sum(map(megapixels, wanted.values())), "Mpx") as advance, readers:
        for strip in _strips(job):
            sums = Sums(job, journal, [tile for tile in strip if tile.index in wanted], strip)

            def add(made: Made, sums: "Sums" = sums) -> None:
                with writing():
                    advance(sums.add(*made))

            with Behind(add) as hand_over:
                waiting: list[Look] = []
                for look in readers.read(sums.tiles, 2 * job.tiling.batch + 1):
                    if not look.valid.any():
                        hand_over((look, None))
                        continue
                    waiting.append(look)
                    if len(waiting) == job.tiling.batch:
                        _score(job, waiting, modelling, hand_over)
                        waiting = []
                if waiting:
                    _score(job, waiting, modelling, hand_over)
                hand_over.finish()
    return Timing(reading.seconds, modelling.seconds, whole.seconds - modelling.seconds, writing.seconds)


def _look(job: Job, tile: Tile, reader: ImageReader) -> Look:
    read = inside(tile.read, *job.image.grid.shape, job.mapper.card.multiple)
    pixels, valid = reader.read(read)
    wanted = valid[within(tile.centre, read)]
    if job.area is not None:
        wanted = wanted & job.area.inside(tile.centre)
    return Look(tile, read, as_trained(job, pixels), valid, wanted, reader.take_bad())


def inside(read: Window, height: int, width: int, multiple: int) -> Window:
    """What is read for a tile, no larger than the image, and moved into it where it would reach beyond its edges by
    more than a stride of the network: what lies there is ground that is none, and the network would weigh it."""

    def fitted(start: int, length: int, extent: int) -> tuple[int, int]:
        whole = int(-(-extent // multiple) * multiple)
        length = min(int(length), whole)
        # both are multiples of the stride
        return min(max(int(start), 0), whole - length), length

    row, rows = fitted(read.row_off, read.height, height)
    column, columns = fitted(read.col_off, read.width, width)
    return Window(column, row, columns, rows)


def _score(job: Job, batch: list[Look], watch: Stopwatch, hand_over: Behind[Made]) -> None:
    with watch():
        pixels, valid = stack([look.pixels for look in batch]), stack([look.valid for look in batch])
        scores = job.mapper.scores(pixels, valid, job.precision)
    for look, score in zip(batch, scores, strict=True):
        hand_over((look, score))


def _strips(job: Job) -> Iterator[list[Tile]]:
    """All tiles, in strips from top to bottom so narrow that the sums of those that are open fit in memory."""
    tiling, (height, width) = job.tiling, job.image.grid.shape
    across = -(-width // tiling.columns)
    tiles = list(tiling.tiles(height, width))
    for first in range(0, across, tiling.strip):
        yield [tile for tile in tiles if first <= tile.index % across < first + tiling.strip]


def taper(tiling: Tiling) -> NDArray[np.float32]:
    """(rows, columns) how much a pixel that is read counts: along each axis the weights of two tiles that share it add
    up to 1."""
    ramps = []
    for inside in (tiling.rows, tiling.columns):
        place = np.arange(inside + 2 * tiling.halo) + 0.5
        shared = max(2 * tiling.halo, 1)
        ramps.append(np.clip(np.minimum(place, place[::-1]) / shared, 0, 1))
    return np.outer(*ramps).astype(np.float32)


class Sums:
    """Adds up tiles, a strip of the image, and gives centres to the journal as they are done."""

    def __init__(self, job: Job, journal: Journal, wanted: list[Tile], strip: list[Tile]) -> None:
        self._journal, self._shape = journal, job.image.grid.shape
        self._weights = taper(job.tiling)
        self._values = np.array([value for value in job.mapper.card.outputs if value], np.uint8)
        self._confidence = job.mapper.settings.confidence
        self._across = -(-job.image.grid.width // job.tiling.columns)
        self._reach = 1 if job.tiling.halo else 0
        number = job.tiling.number(*self._shape)
        bearing = {tile.index: self._around(tile.index, number) for tile in wanted}
        needed = {index for around in bearing.values() for index in around}
        self.tiles = [tile for tile in _all(job) if tile.index in needed]
        """Those that bear on a centre that is wanted, also from beside the strip and from outside the area."""
        self._open = {tile.index: Open(tile, len(bearing[tile.index])) for tile in wanted}
        self._bearing = bearing

    def _around(self, index: int, number: int) -> list[int]:
        """The tiles that reach into the centre of one."""
        row, column = divmod(index, self._across)
        steps = range(-self._reach, self._reach + 1)
        return [
            (row + down) * self._across + column + right
            for down in steps
            for right in steps
            if 0 <= column + right < self._across and 0 <= (row + down) * self._across + column + right < number
        ]

    def add(self, look: Look, scores: NDArray[np.float32] | None) -> float:
        """A tile; the megapixels that are done with it."""
        done = 0.0
        own = look.tile.index
        for index in self._around(own, 1 << 62):
            centre = self._open.get(index)
            if centre is None:
                continue
            if index == own:
                centre.wanted, centre.unreadable = look.wanted, tuple(look.unreadable)
            if scores is not None:
                self._add(centre, look, scores)
            centre.left -= 1
            if not centre.left:
                self._journal.add(index, self._layers(centre), centre.unreadable)
                done += megapixels(centre.tile)
                del self._open[index]
        return done

    def _add(self, centre: Open, look: Look, scores: NDArray[np.float32]) -> None:
        """The part of a tile that lies in a centre."""
        at, read = centre.tile.centre, look.tile.read
        shared = clip(Window(at.col_off - read.col_off, at.row_off - read.row_off, at.width, at.height), read.height,
                      read.width)  # fmt: skip
        if shared is None:
            return
        part = (slice(shared.row_off, shared.row_off + shared.height),
                slice(shared.col_off, shared.col_off + shared.width))  # fmt: skip
        if centre.sums is None:
            centre.sums = np.zeros((at.height, at.width, len(self._values)), np.float32)
        ground = Window(read.col_off + shared.col_off, read.row_off + shared.row_off, shared.width, shared.height)
        centre.sums[within(ground, at)] += self._weights[part][..., None] * scores[within(ground, look.read)]

    def _layers(self, centre: Open) -> Layers | None:
        """The map of a centre, and its confidence; nodata where nothing is wanted."""
        if centre.sums is None or centre.wanted is None or not centre.wanted.any():
            return None
        best = centre.sums.argmax(axis=-1)
        layers = [np.where(centre.wanted, self._values[best], BACKGROUND).astype(np.uint8)]
        if self._confidence:
            # probabilities of one tile add up to 1: those of several to the sum of their weights
            share = 100 * centre.sums.max(axis=-1) / centre.sums.sum(axis=-1)
            layers.append(np.where(centre.wanted, np.round(share), NO_PERCENT).astype(np.uint8))
        return layers


def _all(job: Job) -> Iterator[Tile]:
    return job.tiling.tiles(*job.image.grid.shape)
