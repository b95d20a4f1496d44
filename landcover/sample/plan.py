"""The plan of a landscape as vectors: water, roads, parcels and what stands on them, in the order of painting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from landcover.sample.parcels import Use, allot
from landcover.sample.roads import network, paved
from landcover.sample.settlement import Building, commercial, farmstead, subdivision
from landcover.sample.shapes import around, bend, frame, meander, polygons
from landcover.sample.surfaces import Patch, Surface

_SETTLERS = {Use.SUBDIVISION: subdivision, Use.COMMERCIAL: commercial, Use.FARMSTEAD: farmstead}
_STANDS = (Use.HARDWOOD, Use.PINE)
_POND_FIELDS = (Use.ROWS, Use.STUBBLE, Use.PASTURE)
_FIELDS = (Use.ROWS, Use.PLOUGHED, Use.STUBBLE, Use.PASTURE, Use.SOIL)


@dataclass(frozen=True)
class Plan:
    """Three layers of patches, each painted over the one before, and what has a height of its own.

    `trees` are places where a single tree stands if the ground is grass.
    """

    ground: list[Patch]
    stands: list[Patch]
    built: list[Patch]
    buildings: list[Building]
    trees: list[Point]


def draw_plan(rng: np.random.Generator, width: int, height: int, scale: float) -> Plan:
    """A landscape of (width, height) pixels; `scale` below 1 packs fields, roads and river closer together."""
    roads = network(rng, width, height, 510 * scale**0.8)
    course, river = meander(rng, width, height, 46 * scale**0.6)
    taken = shapely.union(roads.land(), river.buffer(16))
    blocks = [part for block in roads.blocks(width, height) for part in polygons(block - taken, 2500 * scale**2)]
    parcels = allot(blocks, rng, scale)
    fields = [_field(rng, parcel, use) for parcel, use in parcels if use not in _STANDS]
    stands = [_stand(rng, parcel, use) for parcel, use in parcels if use in _STANDS]
    settlements = [_SETTLERS[use](rng, parcel, roads.country) for parcel, use in parcels if use in _SETTLERS]
    everything = box(0, 0, width, height)
    pools = list(_ponds(rng, [parcel for parcel, use in parcels if use in _POND_FIELDS], 0.025 * width * height, scale))
    return Plan(
        ground=[Patch(everything, Surface.PASTURE), *fields, *pools, Patch(river, Surface.RIVER)],
        stands=[*stands, *_hedges(rng, parcels), *_bank_woods(rng, course, river, everything)],
        built=paved(roads) + [patch for place in settlements for patch in place.paving],
        buildings=[building for place in settlements for building in place.buildings],
        trees=[tree for place in settlements for tree in place.trees] + _lone_trees(rng, parcels),
    )


def _field(rng: np.random.Generator, parcel: Polygon, use: Use) -> Patch:
    """Rows mostly run along the longer side."""
    angle = frame(parcel)[0] + rng.choice([0.0, np.pi / 2, rng.uniform(-0.6, 0.6)], p=[0.6, 0.2, 0.2])
    return Patch(parcel, use.surface, float(angle))


def _stand(rng: np.random.Generator, parcel: Polygon, use: Use) -> Patch:
    """Trees reach a little over the edge of their parcel, so that no strip of grass is left between wood and field."""
    return Patch(bend(parcel.buffer(4), rng, 3.0, 70), use.surface, frame(parcel)[0])


def _hedges(rng: np.random.Generator, parcels: list[tuple[Polygon, Use]]) -> Iterator[Patch]:
    """Tree rows along a side of some fields."""
    for parcel, use in parcels:
        if use in _FIELDS and rng.random() < 0.2:
            first = rng.integers(0, 4)
            side = LineString(around(parcel)[first : first + 2]) & parcel.buffer(6)
            if side.length > 60:
                yield Patch(bend(side.buffer(10, cap_style="flat"), rng, 2.0, 50), Surface.HARDWOOD)


def _bank_woods(
    rng: np.random.Generator, course: LineString, river: BaseGeometry, area: BaseGeometry
) -> Iterator[Patch]:
    """Wood on stretches of the river's banks."""
    at = 0.0
    while at < course.length:
        length = rng.uniform(110, 260)
        stretch = substring(course, at, at + length)
        belt = stretch.buffer(rng.uniform(48, 70), cap_style="flat") - river
        yield from (Patch(bend(part & area, rng, 3.0, 60), Surface.HARDWOOD) for part in polygons(belt, 600))
        at += length + rng.uniform(120, 300)


def _ponds(rng: np.random.Generator, fields: list[Polygon], wanted: float, scale: float) -> Iterator[Patch]:
    """Ponds with grass banks, until their area (square pixels) is what is wanted or the fields have no room left."""
    for _ in range(60):
        if wanted <= 0:
            return
        field = fields[rng.integers(len(fields))]
        radius = rng.uniform(28, 60) * scale**0.6
        room = field.buffer(-1.4 * radius - 8)
        if room.is_empty:
            continue
        left, top, right, bottom = room.bounds
        middle = Point(rng.uniform(left, right), rng.uniform(top, bottom))
        if not room.contains(middle):
            continue
        oval = affinity.scale(middle.buffer(radius), rng.uniform(0.9, 1.3), rng.uniform(0.8, 1.0))
        pond = bend(affinity.rotate(oval, rng.uniform(0, 180)), rng, 0.12 * radius, 2.2 * radius)
        fields.remove(field)
        wanted -= pond.area
        yield Patch(pond.buffer(8), Surface.PASTURE)
        yield Patch(pond, Surface.POND)
        if not fields:
            return


def _lone_trees(rng: np.random.Generator, parcels: list[tuple[Polygon, Use]]) -> list[Point]:
    """A few trees in the pastures."""
    places = []
    for parcel, use in parcels:
        if use is Use.PASTURE:
            left, top, right, bottom = parcel.bounds
            count = rng.poisson(parcel.area / 8000)
            places += [Point(xy) for xy in rng.uniform((left, top), (right, bottom), (count, 2))]
    return places
