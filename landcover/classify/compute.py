"""The tiles of a map, computed into a journal: reading ahead and writing behind while the network works."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from landcover.classify.area import Area
from landcover.classify.journal import Journal, Layers
from landcover.classify.mapper import Mapper
from landcover.classify.suitable import fits_in, too_bright
from landcover.classify.tiles import Tile, Tiling
from landcover.classify.workers import Behind, Stopwatch
from landcover.classraster import NO_PERCENT
from landcover.errors import ModelError
from landcover.image import Image
from landcover.imagereader import Cell, ImageReader
from landcover.parallel import ahead
from landcover.precision import Format
from landcover.progress import Progress
from landcover.scheme import BACKGROUND

REMOTE_READERS = 4
"""Threads that read ahead from a network, so that one reads while another waits. From a disk one thread reads: tiles
share blocks of the file, which it decodes once."""

SMALL = 512
"""A tile with little to map is mapped in squares of so many pixels a side; each new shape would cost the network time
and memory."""

WORTH = 0.8
"""Squares are worth while if they are at most this share of the work of the whole tile."""

Seen = TypeVar("Seen")
"""What is read of a tile."""

Part = tuple[slice, slice]
"""Rows and columns of the centre of a tile."""


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
    `parts` of the centre hold all of them where that is less work than the whole tile; else there are none."""

    tile: Tile
    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    wanted: NDArray[np.bool_]
    parts: list[Part]
    unreadable: list[Cell]

    def layers(self, computed: Sequence[tuple[Part, Layers]]) -> Layers:
        """The tile's map, and its confidence, of what was computed; nodata where nothing is wanted."""
        full = [np.full(self.wanted.shape, nodata, np.uint8) for nodata in (BACKGROUND, NO_PERCENT)]
        for part, layers in computed:
            for values, layer in zip(full, layers, strict=False):
                rows, columns = values[part].shape
                np.copyto(values[part], layer[:rows, :columns], where=self.wanted[part])
        return full[: len(computed[0][1])]


Made = tuple[Ready, list[tuple[Part, Layers]]]
"""A tile, and what was computed of it."""


def compute(job: Job, journal: Journal, progress: Progress) -> Timing:
    """Map the tiles that the journal lacks. Raises ImageError, LandcoverError."""
    reading, modelling, writing, whole = Stopwatch(), Stopwatch(), Stopwatch(), Stopwatch()
    done = journal.done()
    todo = [tile for tile in job.tiles() if tile.index not in done]
    readers = Readers(job, reading, _ready)

    def write(made: Made) -> None:
        ready, computed = made
        with writing():
            journal.add(ready.tile.index, ready.layers(computed) if computed else None, ready.unreadable)
        advance(megapixels(ready.tile))

    with (
        whole(), progress("classifying", sum(map(megapixels, todo)), "Mpx") as advance, readers,
        Behind(write) as hand_over,
    ):  # fmt: skip
        waiting: list[Ready] = []
        for ready in readers.read(todo, 2 * job.tiling.batch + 1):
            if not ready.wanted.any():
                hand_over((ready, []))
            elif ready.parts:
                with modelling():
                    computed = _map_parts(job, ready)
                hand_over((ready, computed))
            else:
                waiting.append(ready)
            if len(waiting) == job.tiling.batch:
                _map(job, waiting, modelling, hand_over)
                waiting = []
        if waiting:
            _map(job, waiting, modelling, hand_over)
        hand_over.finish()
    return Timing(reading.seconds, modelling.seconds, whole.seconds - modelling.seconds, writing.seconds)


def _map(job: Job, batch: list[Ready], watch: Stopwatch, hand_over: Behind[Made]) -> None:
    with watch():
        layers = _mapped(job, stack([r.pixels for r in batch]), stack([r.valid for r in batch]))
    for number, ready in enumerate(batch):
        hand_over((ready, [((slice(None), slice(None)), [layer[number] for layer in layers])]))


def _map_parts(job: Job, ready: Ready) -> list[tuple[Part, Layers]]:
    computed: list[tuple[Part, Layers]] = []
    for part in ready.parts:
        seen = tuple(slice(side.start, side.stop + 2 * job.tiling.halo) for side in part)
        layers = _mapped(job, ready.pixels[seen][None], ready.valid[seen][None])
        computed.append((part, [layer[0] for layer in layers]))
    return computed


def _mapped(job: Job, pixels: NDArray[Any], valid: NDArray[np.bool_]) -> Layers:
    """What the model makes of tiles with their halo. Raises ModelError where that is not as large as their centre."""
    layers = list(job.mapper.map(pixels, valid, job.precision))
    number, rows, columns = valid.shape
    centre = number, rows - 2 * job.tiling.halo, columns - 2 * job.tiling.halo
    for layer in layers:
        if layer.shape != centre:
            raise ModelError(
                f"{job.mapper.settings.model}: gives {layer.shape[1]} x {layer.shape[2]} pixels for {centre[1]} x "
                f"{centre[2]}: its network cannot be mapped"
            )
    return layers


def stack(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    return np.stack(arrays) if len(arrays) > 1 else arrays[0][None]


def cover(wanted: NDArray[np.bool_], tiling: Tiling, multiple: int) -> list[Part]:
    """Squares of SMALL pixels, on multiples of the network's stride, that hold all that is wanted of a tile; none if
    the whole tile is less work."""
    around = 2 * tiling.halo
    most = int(WORTH * (tiling.rows + around) * (tiling.columns + around) / (SMALL + around) ** 2)
    if min(tiling.rows, tiling.columns) <= SMALL or np.count_nonzero(wanted) > most * SMALL**2:
        return []
    parts: list[Part] = []
    left = wanted.copy()
    while (rows := np.flatnonzero(left.any(axis=1))).size:
        if len(parts) == most:
            return []
        top = min(int(rows[0]) // multiple * multiple, tiling.rows - SMALL)
        columns = np.flatnonzero(left[top : top + SMALL].any(axis=0))
        start = min(int(columns[0]) // multiple * multiple, tiling.columns - SMALL)
        parts.append((slice(top, top + SMALL), slice(start, start + SMALL)))
        left[parts[-1]] = False
    return parts


def _ready(job: Job, tile: Tile, reader: ImageReader) -> Ready:
    pixels, valid = reader.read(tile.read)
    halo = job.tiling.halo
    wanted = valid[halo : halo + tile.centre.height, halo : halo + tile.centre.width]
    if job.area is not None:
        wanted = wanted & job.area.inside(tile.centre)
    parts = cover(wanted, job.tiling, job.mapper.card.multiple)
    return Ready(tile, as_trained(job, pixels), valid, wanted, parts, reader.take_bad())


def as_trained(job: Job, pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels in the type that the model knows, if all of them fit in it."""
    card = job.mapper.card
    if not fits_in(card.dtype, str(pixels.dtype)) and (most := int(pixels.max())) > np.iinfo(card.dtype).max:
        raise too_bright(job.image, card, most)
    return pixels.astype(card.dtype, copy=False)


class Readers(Generic[Seen]):
    """Threads that read tiles ahead, each with a reader of its own; `look` reads one."""

    def __init__(self, job: Job, watch: Stopwatch, look: Callable[[Job, Tile, ImageReader], Seen]) -> None:
        self._job, self._watch, self._look = job, watch, look
        self._own = threading.local()
        self._opened: list[ImageReader] = []
        self._threads = ThreadPoolExecutor(REMOTE_READERS if job.image.remote else 1)

    def read(self, tiles: list[Tile], depth: int) -> Iterator[Seen]:
        """The tiles in order, up to `depth` of them read ahead. Raises ImageError."""
        return ahead(self._threads, self._read, tiles, depth)

    def __enter__(self) -> "Readers[Seen]":
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        for reader in self._opened:
            reader.close()

    def _read(self, tile: Tile) -> Seen:
        with self._watch():
            if not hasattr(self._own, "reader"):
                self._own.reader = ImageReader(self._job.image, self._job.skip_bad)
                self._opened.append(self._own.reader)
            return self._look(self._job, tile, self._own.reader)


def megapixels(tile: Tile) -> float:
    return tile.centre.height * tile.centre.width / 1e6
