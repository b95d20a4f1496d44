"""Who uses which land: blocks between the roads, halved until they suit a use, dealt out to meet given shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum

import numpy as np
from shapely.geometry import Polygon

from landcover.sample.shapes import frame, halve
from landcover.sample.surfaces import Surface


class Use(Enum):
    """A use of land: its share of the parcels' area, and the area of one parcel in square pixels."""

    HARDWOOD = (0.195, 62_000)
    PINE = (0.115, 45_000)
    ROWS = (0.235, 44_000)
    PLOUGHED = (0.10, 36_000)
    SUBDIVISION = (0.155, 70_000)
    PASTURE = (0.06, 36_000)
    STUBBLE = (0.06, 34_000)
    COMMERCIAL = (0.075, 24_000)
    SOIL = (0.02, 11_000)
    FARMSTEAD = (0.035, 15_000)

    @property
    def share(self) -> float:
        return float(self.value[0])

    @property
    def area(self) -> float:
        return float(self.value[1])

    @property
    def built(self) -> bool:
        """Whether people build on such a parcel."""
        return self in (Use.SUBDIVISION, Use.COMMERCIAL, Use.FARMSTEAD)

    @property
    def surface(self) -> Surface:
        """What the ground of such a parcel is before anything is built on it."""
        return Surface.LAWN if self.built else Surface[self.name]


def allot(blocks: Iterable[Polygon], rng: np.random.Generator, scale: float) -> list[tuple[Polygon, Use]]:
    """Parcels and their uses. `scale` shrinks the parcels' sides, so that a small area still has some of each."""
    blocks = list(blocks)
    open_land = [blocks[i] for i in rng.permutation(len(blocks))]
    total = sum(block.area for block in open_land)
    given: Counter[Use] = Counter()
    parcels = []
    while open_land:
        parcel = open_land.pop()
        suited = [use for use in Use if not use.built or _compact(parcel)]
        # Few parcels are fit to build on, so what is built goes first.
        wanted = {use: (1 + use.built) * (use.share * total - given[use]) / use.area for use in suited}
        use = max(wanted, key=wanted.__getitem__)
        halves = halve(parcel, rng) if parcel.area > 1.7 * use.area * scale**2 else []
        if len(halves) > 1:
            open_land += halves
        else:
            given[use] += parcel.area
            parcels.append((parcel, use))
    return parcels


def _compact(parcel: Polygon) -> bool:
    """Neither a corner cut off by river or road nor a strip."""
    _, length, width = frame(parcel)
    return bool(parcel.area > 0.78 * length * width and width > 0.4 * length)
