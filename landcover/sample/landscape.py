"""A landscape as arrays: what each pixel is made of, how high it stands, which way it faces the sun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from landcover.sample.crowns import Crowns, canopy, grow
from landcover.sample.plan import Plan, draw_plan
from landcover.sample.settlement import Wing
from landcover.sample.surfaces import Patch, Surface, cover_of_surface

Floats = NDArray[np.float32]
SUN = np.deg2rad(62.0)  # where the light comes from: clockwise from x in image coordinates, so from the south-southeast
SUN_HEIGHT = np.deg2rad(52.0)


@dataclass(frozen=True)
class Landscape:
    """Arrays are (rows, columns) of one pixel a metre.

    `patch` indexes `surfaces` and `angles`; `crown` indexes `crowns`, -1 where there is no tree; `height` is in metres;
    `slope` is how much brighter (1 is level ground) a roof or a crown is for facing the sun.
    """

    surfaces: NDArray[np.uint8]
    angles: Floats
    patch: NDArray[np.int32]
    crowns: Crowns
    crown: NDArray[np.int32]
    height: Floats
    slope: Floats

    @property
    def surface(self) -> NDArray[np.uint8]:
        return self.surfaces[self.patch]

    @property
    def cover(self) -> NDArray[np.uint8]:
        """Class of every pixel, 1 to 6."""
        return cover_of_surface()[self.surfaces][self.patch]


def landscape(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Landscape:
    """A random landscape of (rows, columns) pixels; `scale` below 1 makes fields and stands smaller."""
    plan = draw_plan(rng, shape[1], shape[0], scale)
    roofs = [Patch(building.outline, building.surface, building.wings[0].angle) for building in plan.buildings]
    built_up = _burn(plan.built + roofs, shape, len(plan.ground))
    ground = _burn(plan.ground, shape, 0)
    stands = plan.stands + _trees(rng, plan, ground, built_up)
    patches = plan.ground + plan.built + roofs + stands

    first = len(patches) - len(stands)
    crowns = grow(rng, stands)
    reach = _burn([Patch(p.geometry.buffer(3), p.surface) for p in stands], shape, first)
    core = _burn([Patch(p.geometry.buffer(-3), p.surface) for p in stands], shape, first)
    reach[built_up >= 0] = -1
    crown, height, slope = canopy(crowns, reach, core, SUN)

    patch = np.where(built_up >= 0, built_up, np.where(crown >= 0, reach, ground))
    for building in plan.buildings:
        for wing in building.wings:
            _raise_roof(wing, height, slope)
    surfaces = np.array([patch.surface for patch in patches], np.uint8)
    angles = np.array([patch.angle for patch in patches], np.float32)
    return Landscape(surfaces, angles, patch, crowns, crown, height, slope)


def _burn(patches: Sequence[Patch], shape: tuple[int, int], first: int) -> NDArray[np.int32]:
    """Index of the last patch painted on each pixel, counted from `first`; -1 where there is none."""
    shapes = [(patch.geometry, first + i) for i, patch in enumerate(patches) if not patch.geometry.is_empty]
    if not shapes:
        return np.full(shape, -1, np.int32)
    return np.asarray(rasterize(shapes, shape, fill=-1, dtype="int32"), np.int32)


def _trees(rng: np.random.Generator, plan: Plan, ground: NDArray[np.int32], built_up: NDArray[np.int32]) -> list[Patch]:
    """Single trees where their crowns overhang nothing but grass."""
    grass = np.isin([patch.surface for patch in plan.ground], (Surface.LAWN, Surface.PASTURE))
    free = (built_up < 0) & grass[ground]
    taken: list[BaseGeometry] = []
    for place in plan.trees:
        radius = rng.uniform(5.5, 8.5)
        x, y, reach = int(place.x), int(place.y), int(radius) + 3
        inside = reach <= x < free.shape[1] - reach and reach <= y < free.shape[0] - reach
        if inside and free[y - reach : y + reach + 1, x - reach : x + reach + 1].all():
            free[y - reach : y + reach + 1, x - reach : x + reach + 1] = False
            taken.append(place.buffer(radius))
    return [Patch(disc, Surface.HARDWOOD) for disc in taken]


def _raise_roof(wing: Wing, height: Floats, slope: Floats) -> None:
    """Write the wing's roof into `height` and `slope`, where it is the highest thing."""
    left, top, right, bottom = (int(edge) for edge in wing.outline.bounds)
    rows = slice(max(top - 1, 0), max(bottom + 2, 0))
    columns = slice(max(left - 1, 0), max(right + 2, 0))
    y, x = np.mgrid[rows, columns][:, : height[rows, columns].shape[0], : height[rows, columns].shape[1]] + 0.5
    along = (x - wing.x) * np.cos(wing.angle) + (y - wing.y) * np.sin(wing.angle)
    across = (y - wing.y) * np.cos(wing.angle) - (x - wing.x) * np.sin(wing.angle)
    roof = wing.eaves + (wing.width / 2 - np.abs(across)) * wing.pitch
    inside = (np.abs(along) <= wing.length / 2) & (np.abs(across) <= wing.width / 2) & (roof > height[rows, columns])
    facing = np.sign(across) * np.sin(SUN - wing.angle)
    height[rows, columns][inside] = roof[inside]
    slope[rows, columns][inside] = (1 + 0.75 * wing.pitch * facing)[inside]
