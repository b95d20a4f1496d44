"""The road network: country roads in an irregular grid, one highway, and what they are paved and painted with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import polygonize, substring

from landcover.sample.shapes import bend, polygons
from landcover.sample.surfaces import Patch, Surface

LANE = 5.0
VERGE = 7.0
MEDIAN = 12.0


@dataclass(frozen=True)
class Network:
    """Centre lines of the roads, in pixels."""

    country: BaseGeometry
    highway: BaseGeometry

    def land(self) -> BaseGeometry:
        """Everything that belongs to the roads, verges included."""
        return shapely.union(
            self.country.buffer(LANE + VERGE), self.highway.buffer(MEDIAN / 2 + 2 * LANE + VERGE + 3, cap_style="flat")
        )

    def blocks(self, width: int, height: int) -> list[Polygon]:
        """The land between the roads."""
        lines = shapely.node(shapely.union_all([self.country, self.highway, box(0, 0, width, height).exterior]))
        inside = box(0, 0, width, height)
        return [block for face in polygonize(shapely.get_parts(lines)) for block in polygons(face & inside)]


def network(rng: np.random.Generator, width: int, height: int, spacing: float) -> Network:
    """Roads for an area of (width, height): through roads up and down, side roads that meet them at T junctions."""
    reach = 0.6 * spacing
    columns = np.arange(rng.uniform(0.25, 0.6) * spacing, width + reach, spacing)
    columns += rng.uniform(-0.15, 0.15, len(columns)) * spacing
    edges = [-reach, *columns, width + reach]
    through = [LineString([(x, -reach), (x, height + reach)]) for x in columns]
    side = []
    for left, right in pairwise(edges):
        rows = np.arange(rng.uniform(0.1, 0.95) * spacing, height + reach, spacing)
        rows += rng.uniform(-0.15, 0.15, len(rows)) * spacing
        side += [LineString([(left, y), (right, y)]) for y in rows]
    tilted = affinity.rotate(shapely.union_all(through + side), rng.uniform(-7, 7), origin=(width / 2, height / 2))
    country = bend(tilted, rng, 0.03 * spacing, 0.9 * spacing)

    start, end = rng.uniform(0.1, 0.35), rng.uniform(0.6, 0.9)
    if rng.random() < 0.5:
        start, end = end, start
    diagonal = LineString([(-reach, start * height), (width + reach, end * height)])
    return Network(country, bend(diagonal, rng, 0.06 * spacing, 2.2 * spacing))


def paved(roads: Network) -> list[Patch]:
    """Verges, asphalt and markings, in painting order."""
    centre = MEDIAN / 2 + LANE
    carriageways = [shapely.offset_curve(roads.highway, side * centre) for side in (-1, 1)]
    asphalt = shapely.union_all([line.buffer(LANE, cap_style="flat") for line in carriageways])
    return [
        Patch(roads.land(), Surface.LAWN),
        Patch(roads.country.buffer(LANE - 0.3), Surface.ASPHALT),
        Patch(roads.country.buffer(0.5), Surface.PAINT),
        Patch(asphalt, Surface.ASPHALT),
        Patch(dashes(carriageways), Surface.PAINT),
    ]


def dashes(lines: Iterable[BaseGeometry], length: float = 5.0, gap: float = 8.0) -> BaseGeometry:
    """Lane markings one pixel wide along the lines."""
    marks = [
        substring(line, start, start + length).buffer(0.5, cap_style="flat")
        for line in shapely.get_parts(list(lines))
        for start in np.arange(0, line.length, length + gap)
    ]
    return shapely.union_all(marks)
