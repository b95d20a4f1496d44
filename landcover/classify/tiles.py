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
"""Pixels a side that are read for a tile that is blended, of a network that may see any number: of larger ones fewer
find room beside one another for their sums."""

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
    network says of the halo counts, too, and a `strip` of so many columns of tiles is mapped after the other."""

    rows: int
    columns: int
    halo: int
    batch: int
    blended: bool = False
    strip: int = 0

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

    def seen(self, height: int, width: int) -> int:
        """Pixels that a network sees to map an image: what tiles share, several times."""
        rows, columns = self.rows + 2 * self.halo, self.columns + 2 * self.halo
        down, across = -(-height // self.rows), -(-width // self.columns)
        if self.blended:
            # no more is read than there is; the tiles on both sides of where strips meet bear on both
            rows, columns = min(rows, height), min(columns, width)
            across += 2 * (-(-across // self.strip) - 1)
        return down * across * rows * columns


@dataclass(frozen=True)
class Sight:
    """What a network whose tiles are blended sees at a time: as much as a chip of its training, `side` pixels a side,
    or, where it sees `larger` images as it saw chips, more. It tells so many `classes` apart."""

    side: int
    larger: bool
    classes: int


def choose_tiling(
    height: int,
    width: int,
    halo: int,
    multiple: int,
    bytes_a_pixel: float,
    memory: float,
    tile: int | None = None,
    batch: int | None = None,
    beside: float = 0,
    even: bool = True,
) -> Tiling:
    """The fewest tiles that memory (in bytes, for all of the process) allows, at most `tile` a side, and of about equal
    size if they are to be `even`. `bytes_a_pixel`: what the network takes up for each pixel that it sees; `beside`:
    bytes that are taken up besides.

    Tiles are on multiples of the network's stride, so that a pixel's place in its pooling is the same whatever the
    tiling. Raises ConfigError for a tile or halo that is no multiple, or too little memory.
    """
    for name, value in (("tile", tile or multiple), ("halo", halo)):
        if value % multiple:
            raise ConfigError(f"--{name} {value}: must be a multiple of {multiple} for this model")
    seen = max(memory - BASE - beside, 0) / bytes_a_pixel
    most = (isqrt(int(seen / (batch or 1))) - 2 * halo) // multiple * multiple
    least = min(tile or LEAST, LEAST)
    if most < least:
        needed = BASE + beside + bytes_a_pixel * (least + 2 * halo + multiple) ** 2 * (batch or 1)
        several = f" for batches of {batch}" if batch and batch > 1 else ""
        raise ConfigError(f"--memory {memory / 1e6:,.0f}MB: this model needs at least {needed / 1e6:,.0f}MB{several}")
    if tile is not None:
        most = min(tile, most)
    rows, columns = (_side(side, min(most, LARGEST), multiple, even) for side in (height, width))
    one = Tiling(rows, columns, halo, 1)
    area = (rows + 2 * halo) * (columns + 2 * halo)
    fitting = int(min(seen, BATCH_PIXELS) // area)
    return Tiling(rows, columns, halo, batch or max(1, min(fitting, one.number(height, width))))


def blended_tiling(
    height: int,
    width: int,
    halo: int,
    multiple: int,
    sight: Sight,
    bytes_a_pixel: float,
    memory: float,
    tile: int | None = None,
    batch: int | None = None,
) -> Tiling:
    """As `choose_tiling`, of tiles that share twice the halo with their neighbours: by default such that the network
    sees as much at a time as it should, and as little in all as may be.

    Raises ConfigError, also for a halo of more than half a tile, where more than two would meet.
    """

    # sums that fit, in pixels: two rows of a strip are open at a time, and two tiles more
    room = int(SUMS / (4 * sight.classes))
    largest = isqrt(room // 4) // multiple * multiple

    def cut(tile: int) -> Tiling:
        if 2 * halo > tile:
            raise ConfigError(f"--halo {halo}: is blended over half of a tile at most, {tile // 2} px of {tile}")
        tile = max(min(tile, largest), 2 * halo, multiple)
        made = choose_tiling(height, width, halo, multiple, bytes_a_pixel, memory, tile, batch, SUMS, even=sight.larger)
        return replace(made, blended=True, strip=max(1, (room // (made.rows * made.columns) - 2) // 2))

    read = max(MIDDLE, sight.side + 2 * halo) if sight.larger else sight.side
    if tile is not None:
        return cut(tile)
    whole = max(read - 2 * halo, 2 * halo, multiple)
    # of many classes less finds room beside one another
    sizes = [whole]
    if sight.larger:
        smaller = (whole * eighths // 8 // multiple * multiple for eighths in range(7, 0, -1))
        sizes += [size for size in smaller if size + 2 * halo >= sight.side]
    if max(height, width) <= read:
        sizes.append(-(-read // multiple) * multiple)
    return min((cut(size) for size in sizes if size >= 2 * halo), key=lambda made: made.seen(height, width))


def _side(side: int, most: int, multiple: int, even: bool) -> int:
    number = -(-side // most) if even else 1
    return min(-(-side // number // multiple) * multiple, most)
