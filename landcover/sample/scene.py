"""The sample's geography and film: where its tiles lie, on which flight each was photographed, and what it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from landcover.sample.appearance import reflectance
from landcover.sample.camera import Flight, expose
from landcover.sample.landscape import Landscape, landscape

# Two lines on one day side by side, and one tile flown again, as NAIP does; the holdout's light lies between theirs.
WEST = Flight("20210912", (1.0, 1.0, 1.0, 1.0))
EAST = Flight("20210927", (1.10, 1.05, 1.0, 0.95), contrast=1.08, haze=-4)
AGAIN = Flight("20211014", (0.95, 0.96, 1.02, 1.05), contrast=0.92, haze=8)
HOLDOUT = Flight("20211003", (1.05, 1.01, 0.98, 1.0), contrast=1.03, haze=2)

MOSAIC_CORNER = (597_200, 3_756_800)
HOLDOUT_CORNER = (609_300, 3_756_300)


@dataclass(frozen=True)
class Photo:
    """One tile: its file name, grey values (4, rows, columns), and its upper left (row, column) in the landscape."""

    name: str
    grey: NDArray[np.uint8]
    corner: tuple[int, int]


@dataclass(frozen=True)
class Scene:
    """A landscape on the map and its photographs; `seen` (rows, columns) marks what any of them shows."""

    land: Landscape
    photos: tuple[Photo, ...]
    seen: NDArray[np.bool_]
    transform: Affine

    def cover(self) -> NDArray[np.uint8]:
        """Class of every pixel that is seen, 1 to 6; 0 elsewhere."""
        return np.where(self.seen, self.land.cover, 0).astype(np.uint8)

    def place(self, photo: Photo) -> Affine:
        """The transform of one tile."""
        row, column = photo.corner
        return Affine(1, 0, self.transform.c + column, 0, -1, self.transform.f - row)


def mosaic(rng: np.random.Generator, size: int) -> Scene:
    """Four tiles of `size` pixels in two flight lines, overlapping by a tenth; one with a black collar."""
    step = size - size // 10
    tiles = (
        ("nw", WEST, (0, 0)),
        ("sw", WEST, (step, 0)),
        ("ne", EAST, (0, step)),
        ("se", AGAIN, (step, step)),
    )
    land, light = _photographed(rng, step + size, size)
    seen = np.zeros(land.patch.shape, bool)
    photos = []
    for quarter, flight, (row, column) in tiles:
        window = slice(row, row + size), slice(column, column + size)
        grey = expose(light[:, window[0], window[1]], flight, rng)
        if quarter == "ne":
            grey *= ~collar(size)
        seen[window] |= grey.any(axis=0)
        photos.append(Photo(f"m_3308501_{quarter}_16_1_{flight.day}.tif", grey, (row, column)))
    return Scene(land, tuple(photos), seen, Affine(1, 0, MOSAIC_CORNER[0], 0, -1, MOSAIC_CORNER[1]))


def holdout(rng: np.random.Generator, size: int) -> Scene:
    """One tile of another quadrangle."""
    land, light = _photographed(rng, size, size)
    photo = Photo(f"m_3308502_nw_16_1_{HOLDOUT.day}.tif", expose(light, HOLDOUT, rng), (0, 0))
    return Scene(land, (photo,), np.ones((size, size), bool), Affine(1, 0, HOLDOUT_CORNER[0], 0, -1, HOLDOUT_CORNER[1]))


def collar(size: int) -> NDArray[np.bool_]:
    """Where a slightly turned photograph leaves a square tile (rows, columns) empty: wedges at its left and top."""
    row, column = np.mgrid[:size, :size]
    return np.asarray((column < 0.05 * (size - row)) | (row < 0.03 * column))


def _photographed(rng: np.random.Generator, side: int, tile: int) -> tuple[Landscape, NDArray[np.float32]]:
    land = landscape(rng, (side, side), scale=min(1.0, max(0.5, tile / 1000)))
    return land, reflectance(land, rng)
