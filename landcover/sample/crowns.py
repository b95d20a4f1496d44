"""Trees one by one: where crowns stand, which pixel belongs to which, how light falls on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from landcover.sample.surfaces import Patch, Surface

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Crowns:
    """One entry a tree: centre (tree, x y), radius and height in metres, brightness and hue (mean 0) of its leaves."""

    xy: NDArray[np.float64]
    radius: Floats
    height: Floats
    brightness: Floats
    hue: Floats


def grow(rng: np.random.Generator, stands: Sequence[Patch]) -> Crowns:
    """Trees for every stand: pines in planted rows, hardwoods at random distances, one where there is room for one."""
    trees: list[NDArray[np.float64]] = []
    for stand in stands:
        pine = stand.surface is Surface.PINE
        spacing = rng.uniform(4.6, 6.0) if pine else rng.uniform(6.5, 9.5)
        size = (stand.geometry.area / np.pi) ** 0.5
        single = size < 9
        points = np.array(stand.geometry.centroid.coords) if single else _lattice(rng, stand, spacing, pine)
        count = len(points)
        radius = (size if single else 0.66 * spacing) * np.exp(rng.normal(0, 0.02 if single else 0.12, count))
        height = rng.uniform(7, 10) * np.exp(rng.normal(0, 0.1, count))
        brightness = rng.normal(0, 0.06) + rng.normal(0, 0.07 if pine else 0.15, count)
        hue = rng.normal(0, 0.4) + rng.normal(0, 0.3 if pine else 0.9, count)
        trees.append(np.column_stack([points, radius, height, brightness, hue]))
    table = np.concatenate([np.empty((0, 6)), *trees])
    radius, height, brightness, hue = table[:, 2:].T.astype(np.float32)
    return Crowns(table[:, :2], radius, height, brightness, hue)


def _lattice(rng: np.random.Generator, stand: Patch, spacing: float, rows: bool) -> NDArray[np.float64]:
    """Tree centres (tree, x y) in a stand: a shaken hexagonal lattice, much less shaken in planted rows."""
    left, top, right, bottom = stand.geometry.bounds
    reach = float(np.hypot(right - left, bottom - top)) / 2 + spacing
    a, b = np.meshgrid(np.arange(-reach, reach, spacing), np.arange(-reach, reach, spacing * (1.15 if rows else 0.866)))
    if not rows:
        a[1::2] += spacing / 2
    a, b = (v.ravel() + rng.normal(0, spacing * (0.08 if rows else 0.2), v.size) for v in (a, b))
    cos, sin = np.cos(stand.angle), np.sin(stand.angle)
    xy = np.stack([(left + right) / 2 + a * cos - b * sin, (top + bottom) / 2 + a * sin + b * cos], axis=1)
    shapely.prepare(stand.geometry)
    inside: NDArray[np.bool_] = shapely.contains_xy(stand.geometry, xy[:, 0], xy[:, 1])
    return xy[inside]


def canopy(
    crowns: Crowns, reach: NDArray[np.int32], core: NDArray[np.int32], sun: float
) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Crown index (-1 outside the canopy), height and slope brightness of every pixel, each (rows, columns).

    Crowns cover all of `core`, and what of `reach` lies within their radius, which scallops a stand's edge; in both,
    -1 is outside.
    """
    crown = np.full(reach.shape, -1, np.int32)
    height = np.zeros(reach.shape, np.float32)
    slope = np.ones(reach.shape, np.float32)
    if not len(crowns.xy):
        return crown, height, slope
    rows, columns = np.nonzero(reach >= 0)
    pixels = np.stack([columns, rows], axis=1) + 0.5
    distance, nearest = cKDTree(crowns.xy).query(pixels)
    relative = (distance / crowns.radius[nearest]).astype(np.float32)
    covered = (relative < 1) | (core[rows, columns] >= 0)
    rows, columns, nearest, relative, pixels = (v[covered] for v in (rows, columns, nearest, relative, pixels))
    toward = (pixels - crowns.xy[nearest]) * (np.cos(sun), np.sin(sun))
    offset = toward.sum(axis=1) / crowns.radius[nearest]
    crown[rows, columns] = nearest
    height[rows, columns] = crowns.height[nearest] * (1 - 0.5 * np.minimum(relative, 1.2) ** 2)
    facing = np.where(offset > 0, 0.42, 0.28) * np.clip(offset, -1.1, 1.1)
    slope[rows, columns] = 1 + facing - 0.2 * np.clip(relative - 0.75, 0, 1)
    return crown, height, slope
