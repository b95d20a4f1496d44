"""The windows of a map: tiles that fill the image, each read with a halo around it, as large as memory allows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isqrt

from rasterio.windows import Window

from landcover.errors import ConfigError
from landcover.grid import clip, grow

LARGEST = 2048
"""Pixels a side: beyond it the halo hardly weighs, and tensors leave the processor's caches."""

MIDDLE = 608
"""Pixels a side that are read for a tile that is blended, unless told otherwise: of larger ones fewer find room beside
one another for their sums."""

LEAST = 256
"""Pixels a side: smaller tiles would be mostly halo."""

BASE = 1030e6
"""Bytes that Python, TensorFlow, a model, GDAL's cache and tiles read ahead take beside the network's tensors."""

ENOUGH = 1.25 * BASE
"""Bytes with which there is room for small tiles, too: less is not worth a recommendation."""

SUMS = 250e6
"""Bytes at most for sums of probabilities of tiles that are not done, where tiles are blended."""

BATCH_PIXELS = 1_500_000
"""A batch of this many pixels keeps two cores busy; more of them is not faster."""


@dataclass(frozen=True)
class Tile:
    """`centre` is mapped, `read` is what the network sees. The centre starts a halo from the corner of `read`."""

    index: int
    centre: Window
    read: Window


@dataclass(frozen=True)
class Tiling:
    """How an image is cut: tiles of rows x columns pixels, `batch` of them at a time. Where they are `blended` what a
    network says of the halo counts, too."""

    rows: int
    columns: int
    halo: int
    batch: int
    blended: bool = False

    def tiles(self, height: int, width: int) -> Iterator[Tile]:
        """Row by row. All are read in one size, beyond the image's edges too: a network is compiled for one shape."""
        index = 0
        for row in range(0, height, self.rows):
            for column in range(0, width, self.columns):
                whole = Window(column, row, self.columns, self.rows)
                centre = clip(whole, height, width)
                if centre is not None:
                    yield Tile(index, centre, grow(whole, self.halo))
                index += 1

    def number(self, height: int, width: int) -> int:
        return -(-height // self.rows) * -(-width // self.columns)


def choose_tiling(
    height: int,
    width: int,
    halo: int,
    multiple: int,
    bytes_a_pixel: float,
    memory: float,
    tile: int | None = None,
    batch: int | None = None,
) -> Tiling:
    """The fewest tiles of about equal size that memory (in bytes, for all of the process) allows, at most `tile` a
    side. `bytes_a_pixel`: what the network takes up for each pixel that it sees.

    Tiles are on multiples of the network's stride, so that a pixel's place in its pooling is the same whatever the
    tiling. Raises ConfigError for a tile or halo that is no multiple, or too little memory.
    """
    for name, value in (("tile", tile or multiple), ("halo", halo)):
        if value % multiple:
            raise ConfigError(f"--{name} {value}: must be a multiple of {multiple} for this model")
    seen = max(memory - BASE, 0) / bytes_a_pixel
    most = (isqrt(int(seen / (batch or 1))) - 2 * halo) // multiple * multiple
    least = min(tile or LEAST, LEAST)
    if most < least:
        needed = BASE + bytes_a_pixel * (least + 2 * halo + multiple) ** 2 * (batch or 1)
        several = f" for batches of {batch}" if batch and batch > 1 else ""
        raise ConfigError(f"--memory {memory / 1e6:,.0f}MB: this model needs at least {needed / 1e6:,.0f}MB{several}")
    if tile is not None:
        most = min(tile, most)
    rows, columns = (_even(side, min(most, LARGEST), multiple) for side in (height, width))
    one = Tiling(rows, columns, halo, 1)
    area = (rows + 2 * halo) * (columns + 2 * halo)
    fitting = int(min(seen, BATCH_PIXELS) // area)
    return Tiling(rows, columns, halo, batch or max(1, min(fitting, one.number(height, width))))


def blended_tiling(
    height: int,
    width: int,
    halo: int,
    multiple: int,
    side: int | None,
    bytes_a_pixel: float,
    memory: float,
    tile: int | None = None,
    batch: int | None = None,
) -> Tiling:
    """As `choose_tiling`, of tiles that share twice the halo with their neighbours. By default the network sees as much
    at a time as it should, `side`.

    Raises ConfigError, also for a halo of more than half a tile, where more than two would meet.
    """
    if tile is None:
        tile = max((side or MIDDLE) - 2 * halo, 2 * halo, multiple)
    if 2 * halo > tile:
        raise ConfigError(f"--halo {halo}: is blended over half of a tile at most, {tile // 2} px of {tile}")
    made = choose_tiling(height, width, halo, multiple, bytes_a_pixel, memory - SUMS, tile, batch)
    return replace(made, blended=True)


def _even(side: int, most: int, multiple: int) -> int:
    number = -(-side // most)
    return -(-side // number // multiple) * multiple
