"""Irregular shapes: bent outlines, halved fields, meanders, smooth noise. Coordinates are (x, y) in pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import split

Floats = NDArray[np.float32]


def bend(shape: BaseGeometry, rng: np.random.Generator, amplitude: float, wavelength: float) -> BaseGeometry:
    """The shape displaced by a smooth random field of the given root mean square amplitude (pixels)."""
    heading = rng.uniform(0, 2 * np.pi, 8)
    wavenumber = 2 * np.pi / (wavelength * rng.uniform(0.7, 1.5, 8))
    phase = rng.uniform(0, 2 * np.pi, (2, 8))

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        along = (xy[:, :1] * np.cos(heading) + xy[:, 1:] * np.sin(heading)) * wavenumber
        return xy + amplitude / 2 * np.stack([np.sin(along + p).sum(axis=1) for p in phase], axis=1)

    bent = shapely.transform(shapely.segmentize(shape, wavelength / 15), move)
    return bent if bent.is_valid else shapely.make_valid(bent).buffer(0)


def polygons(shape: BaseGeometry, smallest: float = 0) -> list[Polygon]:
    """The polygons in a geometry of any type that are larger than `smallest` (square pixels)."""
    return [part for part in shapely.get_parts(shape) if isinstance(part, Polygon) and part.area > smallest]


def around(shape: BaseGeometry) -> NDArray[np.float64]:
    """Corners (5, x y), the first one twice, of the tightest rectangle around a shape."""
    return np.asarray(shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape)))


def frame(shape: BaseGeometry) -> tuple[float, float, float]:
    """Direction (radians) of the longer side of the tightest rectangle around a shape, and its length and width."""
    sides = np.diff(around(shape)[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    long, short = (0, 1) if lengths[0] >= lengths[1] else (1, 0)
    return float(np.arctan2(sides[long, 1], sides[long, 0])), float(lengths[long]), float(lengths[short])


def halve(shape: Polygon, rng: np.random.Generator) -> list[Polygon]:
    """Two fields of one: cut across the longer side, somewhere near the middle."""
    angle, length, width = frame(shape)
    middle = np.asarray(shape.minimum_rotated_rectangle.centroid.coords[0])
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]]) * width
    foot = middle + along * length * rng.uniform(-0.15, 0.15)
    return polygons(split(shape, LineString([foot - across, foot + across])))


def rectangle(x: float, y: float, angle: float, length: float, width: float) -> Polygon:
    """A rectangle around (x, y) whose length runs in the direction `angle` (radians)."""
    upright = box(x - length / 2, y - width / 2, x + length / 2, y + width / 2)
    return affinity.rotate(upright, angle, origin=(x, y), use_radians=True)


def meander(rng: np.random.Generator, width: int, height: int, breadth: float) -> tuple[LineString, BaseGeometry]:
    """A river through the middle of (width, height): centre line and water. A sine-generated curve (Langbein 1966)."""
    reach = float(np.hypot(width, height)) * 1.6
    steps = np.arange(0, reach, 6.0)
    wavelength = max(width, height) * rng.uniform(0.42, 0.55)
    drift = np.cumsum(rng.normal(0, 0.035, len(steps)))
    heading = 1.05 * np.sin(2 * np.pi * steps / wavelength + drift + rng.uniform(0, 2 * np.pi))
    course = rng.choice([0.0, np.pi / 2]) + rng.uniform(-0.2, 0.2)
    xy = np.cumsum(6.0 * np.stack([np.cos(heading + course), np.sin(heading + course)], axis=1), axis=0)
    xy += np.array([width, height]) / 2 - xy[len(xy) // 2]
    breadths = breadth / 2 * (1 + 0.22 * np.sin(2 * np.pi * steps / (wavelength * 0.37) + rng.uniform(0, 6)))
    discs = [Point(p).buffer(r) for p, r in zip(xy, breadths, strict=True)]
    hulls = [a.union(b).convex_hull for a, b in pairwise(discs)]
    return LineString(xy), shapely.union_all(hulls)


def noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Floats:
    """Smooth noise (rows, columns) of mean 0 and variance 1, with blobs of `scale` pixels: a cubic B-spline."""
    rows, columns = (_taps(length, scale) for length in shape)
    grid = rng.standard_normal((rows[0][0].max() + 4, columns[0][0].max() + 4), dtype=np.float32)
    tall = np.zeros((shape[0], grid.shape[1]), np.float32)
    for k, (first, weight) in enumerate(rows):
        tall += weight[:, None] * grid[first + k]
    wide = np.zeros(shape, np.float32)
    for k, (first, weight) in enumerate(columns):
        wide += weight * tall[:, first + k]
    wide /= 151 / 315  # what a cubic B-spline leaves of the variance, on average along an axis
    return wide


def _taps(length: int, scale: float) -> list[tuple[NDArray[np.intp], Floats]]:
    """First knot and weight of each of the four knots under every pixel of an axis."""
    place = np.arange(length) / scale
    first = place.astype(np.intp)
    t = place - first
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    return [(first, (weight / 6).astype(np.float32)) for weight in weights]
