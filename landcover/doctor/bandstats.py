"""What the bands of an image hold, from a look at it that takes the same memory however large it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landcover.grid import clip
from landcover.image import gaps_of
from landcover.imagereader import read_data
from landcover.raster import read_thinned, read_window

SIDE = 1024
"""An image is thinned to at most so many pixels a side, where that does not mean to read all of a large one."""

PLACES, PLACE = 9, 96
"""Else it is looked at in PLACES x PLACES windows of PLACE x PLACE pixels, those of the edges among them."""

LAST = 256
"""Pixels a side of the corner that is read to see whether a file is whole."""


@dataclass(frozen=True)
class BandStats:
    """Of each band, over the pixels with data that were looked at: least, greatest, mean and deviation; two lists,
    of all pixels and of those at the edges of the image, of the shares that are 0 and that are the type's greatest
    value in all bands. `values` are the numbers that the last band takes, if they are two or fewer."""

    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    pixels: int
    black: tuple[float, float]
    white: tuple[float, float]
    values: tuple[int, ...] | None

    def record(self) -> dict[str, object]:
        rows = zip(self.minimum, self.maximum, self.mean, self.deviation, strict=True)
        keys = ("minimum", "maximum", "mean", "deviation")
        bands = [dict(zip(keys, (round(v, 2) for v in row), strict=True)) for row in rows]
        return {"pixels_looked_at": self.pixels, "bands": bands}


def band_stats(dataset: DatasetReader) -> BandStats | None:
    """None for an image without data where it was looked at. Raises ImageError where it cannot be read."""
    inside, edges = _look(dataset)
    pixels = np.concatenate([inside, edges], axis=1)
    gaps = gaps_of(dataset)
    nothing = gaps if isinstance(gaps, tuple) else (0,) * len(pixels)
    valid = pixels[:, np.any([band != value for band, value in zip(pixels, nothing, strict=True)], axis=0)]
    if not valid.shape[1]:
        return None
    top = np.iinfo(pixels.dtype).max
    values = np.unique(valid[-1])
    return BandStats(
        minimum=tuple(valid.min(axis=1).tolist()),
        maximum=tuple(valid.max(axis=1).tolist()),
        mean=tuple(valid.mean(axis=1).tolist()),
        deviation=tuple(valid.std(axis=1).tolist()),
        pixels=pixels.shape[1],
        black=(_share(pixels, 0), _share(edges, 0)),
        white=(_share(pixels, top), _share(edges, top)),
        values=tuple(values.tolist()) if len(values) <= 2 else None,
    )


def _share(pixels: NDArray[np.integer], value: int) -> float:
    """Of pixels (bands, n) that have a value in all bands."""
    return float((pixels == value).all(axis=0).mean()) if pixels.shape[1] else 0.0


def _look(dataset: DatasetReader) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Pixels (bands, n) from inside an image, and from its edges."""
    small = dataset.width * dataset.height <= 4 * SIDE**2
    if small or all(dataset.overviews(band) for band in dataset.indexes):
        pixels = read_thinned(dataset, SIDE)
        edge = np.zeros(pixels.shape[1:], bool)
        edge[[0, -1]] = True
        edge[:, [0, -1]] = True
        return pixels[:, ~edge], pixels[:, edge]
    inside, edges = [], []
    for row in range(PLACES):
        for column in range(PLACES):
            top = (dataset.height - PLACE) * row // (PLACES - 1)
            left = (dataset.width - PLACE) * column // (PLACES - 1)
            window = clip(Window(left, top, PLACE, PLACE), dataset.height, dataset.width)
            if window is None:
                continue
            pixels = read_window(dataset, window)
            edge = np.zeros(pixels.shape[1:], bool)
            edge[0] |= row == 0
            edge[-1] |= row == PLACES - 1
            edge[:, 0] |= column == 0
            edge[:, -1] |= column == PLACES - 1
            inside.append(pixels[:, ~edge])
            edges.append(pixels[:, edge])
    return np.concatenate(inside, axis=1), np.concatenate(edges, axis=1)


def read_last(dataset: DatasetReader) -> None:
    """Read what lies at the end of a file. Raises ImageError if it cannot be read, as of a copy that was cut short."""
    height, width = min(dataset.height, LAST), min(dataset.width, LAST)
    read_data(dataset, gaps_of(dataset), Window(dataset.width - width, dataset.height - height, width, height))
