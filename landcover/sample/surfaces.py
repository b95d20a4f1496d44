"""What the ground of the sample is made of, and the patches of it a landscape is painted with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry


class Surface(IntEnum):
    """A material with a look of its own; several of them make one land cover class."""

    ROOF = 0
    ASPHALT = 1
    PAINT = 2
    LOT = 3
    DRIVE = 4
    RIVER = 5
    POND = 6
    LAWN = 7
    PASTURE = 8
    STUBBLE = 9
    SOIL = 10
    HARDWOOD = 11
    PINE = 12
    ROWS = 13
    PLOUGHED = 14
    FLAT_ROOF = 15


BUILDINGS, ROADS, WATER, OPEN, FOREST, CROPLAND = range(1, 7)

_COVER = {
    BUILDINGS: (Surface.ROOF, Surface.FLAT_ROOF),
    ROADS: (Surface.ASPHALT, Surface.PAINT, Surface.LOT, Surface.DRIVE),
    WATER: (Surface.RIVER, Surface.POND),
    OPEN: (Surface.LAWN, Surface.PASTURE, Surface.STUBBLE, Surface.SOIL),
    FOREST: (Surface.HARDWOOD, Surface.PINE),
    CROPLAND: (Surface.ROWS, Surface.PLOUGHED),
}


def cover_of_surface() -> NDArray[np.uint8]:
    """Lookup table (surface,) of the class, 1 to 6, that each surface belongs to."""
    table = np.zeros(len(Surface), np.uint8)
    for cover, surfaces in _COVER.items():
        table[list(surfaces)] = cover
    return table


@dataclass(frozen=True)
class Patch:
    """One area of one surface. `geometry` is in pixels, x right and y down; `angle` the run of its rows, in radians."""

    geometry: BaseGeometry
    surface: Surface
    angle: float = 0.0
