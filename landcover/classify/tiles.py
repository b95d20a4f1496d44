"""The windows of a map: tiles that fill the image, each read with a halo around it."""

from collections.abc import Iterator
from dataclasses import dataclass

from rasterio.windows import Window

from landcover.errors import ConfigError
from landcover.grid import cut, grow


@dataclass(frozen=True)
class Tile:
    """`centre` is mapped; `read` is what the network sees: the centre grown to a multiple of the net's stride, and a
    halo. `top` and `left` say where the centre starts in it."""

    centre: Window
    read: Window
    top: int
    left: int


def tiles(height: int, width: int, size: int, halo: int, multiple: int) -> Iterator[Tile]:
    """Tiles of an image, row by row, on multiples of size, so that a pixel's place in the net's pooling is the same
    whatever the size. Raises ConfigError for a size or halo that is no multiple."""
    for name, value in (("tile", size), ("halo", halo)):
        if value % multiple:
            raise ConfigError(f"--{name} {value}: must be a multiple of {multiple} for this model")
    for centre in cut(Window(0, 0, width, height), size):
        rows, columns = -(-centre.height // multiple) * multiple, -(-centre.width // multiple) * multiple
        read = grow(Window(centre.col_off, centre.row_off, columns, rows), halo)
        yield Tile(centre, read, halo, halo)
