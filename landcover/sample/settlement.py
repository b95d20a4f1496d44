"""What people build: subdivisions, commercial lots and farmsteads, with their drives, lots, houses and yard trees."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from landcover.sample.shapes import frame, polygons, rectangle
from landcover.sample.surfaces import Patch, Surface

STREET = 4.0
DRIVE = 2.7


@dataclass(frozen=True)
class Wing:
    """A rectangular part of a building under one roof, flat if its `pitch` (rise over run) is 0. Sizes in metres."""

    x: float
    y: float
    angle: float
    length: float
    width: float
    eaves: float
    pitch: float

    @property
    def outline(self) -> Polygon:
        return rectangle(self.x, self.y, self.angle, self.length, self.width)


@dataclass(frozen=True)
class Building:
    """Wings that share a roof colour."""

    wings: tuple[Wing, ...]

    @property
    def outline(self) -> BaseGeometry:
        return shapely.union_all([wing.outline for wing in self.wings])

    @property
    def surface(self) -> Surface:
        return Surface.ROOF if self.wings[0].pitch else Surface.FLAT_ROOF


@dataclass
class Settlement:
    """Pavement in painting order, buildings, and where yard trees may stand."""

    paving: list[Patch] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    trees: list[Point] = field(default_factory=list)
    taken: list[BaseGeometry] = field(default_factory=list)

    def pave(self, area: BaseGeometry, surface: Surface, angle: float = 0.0) -> None:
        """Pave an area; nothing will be built on it."""
        self.paving.append(Patch(area, surface, angle))
        self.taken.append(area)

    def add(self, building: Building, within: BaseGeometry, gap: float) -> bool:
        """Build it if it fits into the area and keeps its distance (pixels) from what is there."""
        outline = building.outline
        if not within.contains(outline) or any(outline.dwithin(other, gap) for other in self.taken):
            return False
        self.buildings.append(building)
        self.taken.append(outline)
        return True


def house(rng: np.random.Generator, x: float, y: float, angle: float) -> Building:
    """A dwelling around (x, y): one pitched roof, or two in an L."""
    length, width = rng.uniform(20, 29), rng.uniform(14, 17.5)
    eaves, pitch = rng.uniform(3.5, 5), rng.uniform(0.35, 0.6)
    wings = [Wing(x, y, angle, length, width, eaves, pitch)]
    if rng.random() < 0.45:
        deep, broad = width + rng.uniform(7, 11), rng.uniform(12, 14)
        side, front = rng.choice([-1, 1], 2) * ((length - broad) / 2, (deep - width) / 2)
        across = x + side * np.cos(angle) - front * np.sin(angle)
        down = y + side * np.sin(angle) + front * np.cos(angle)
        wings.append(Wing(across, down, angle + np.pi / 2, deep, broad, eaves, pitch))
    return Building(tuple(wings))


def subdivision(rng: np.random.Generator, parcel: Polygon, roads: BaseGeometry) -> Settlement:
    """Curved streets along the parcel, a row of houses with driveways on either side of each."""
    place = Settlement()
    streets = _streets(rng, parcel)
    if not streets:
        return place
    links = [_link(street, roads) for street in streets[:1]]
    links += [LineString(nearest_points(a, b)) for a, b in pairwise(streets)]
    ends = [Point(street.coords[i]).buffer(9.5) for street in streets for i in (0, -1)]
    pavement = shapely.union_all([line.buffer(STREET) for line in streets + links] + ends)
    place.pave(pavement, Surface.ASPHALT)
    yard = parcel.buffer(-5)
    for street in streets:
        for side in (-1, 1):
            at = rng.uniform(14, 24)
            while at < street.length - 10:
                at += rng.uniform(28, 36) if _plot(rng, place, yard, street, at, side) else 8
    place.trees += [Point(xy) for xy in _scatter(rng, parcel, 1 / 1800)]
    return place


def _streets(rng: np.random.Generator, parcel: Polygon) -> list[LineString]:
    """Nearly parallel streets, two plots apart, that swing to and fro a little."""
    angle, length, width = frame(parcel)
    centre = parcel.minimum_rotated_rectangle.centroid
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    count = max(1, int((width - 10) / 80))
    a = np.linspace(-length, length, 60)
    swing = rng.uniform(5, 9) * np.sin(2 * np.pi * a / rng.uniform(150, 260) + rng.uniform(0, 6))
    streets = []
    for b in (np.arange(count) - (count - 1) / 2) * width / count:
        xy = np.array(centre.coords) + a[:, None] * along + (b + swing)[:, None] * across
        pieces = shapely.get_parts(LineString(xy) & parcel.buffer(-16))
        streets += [piece for piece in pieces if piece.length > 45]
    return streets


def _plot(
    rng: np.random.Generator, place: Settlement, yard: BaseGeometry, street: LineString, at: float, side: int
) -> bool:
    """A house on one side of the street, `at` pixels along it, and its driveway; False if there is no room."""
    here, ahead = (np.array(street.interpolate(at + step).coords[0]) for step in (0, 2))
    along = (ahead - here) / np.hypot(*(ahead - here))
    away = side * np.array([-along[1], along[0]])
    angle = float(np.arctan2(along[1], along[0])) + rng.normal(0, 0.06)
    x, y = here + away * (STREET + rng.uniform(20, 25))
    if not place.add(house(rng, x, y, angle), yard, gap=5.5):
        return False
    foot = here + along * rng.uniform(4, 8) * rng.choice([-1, 1])
    drive = LineString([foot, foot + away * 24]).buffer(DRIVE, cap_style="flat")
    outline = place.buildings[-1].outline
    apron = max(polygons(drive - outline), key=lambda part: -part.distance(Point(foot)), default=None)
    if apron is not None:
        place.pave(apron, Surface.DRIVE)
    return True


def commercial(rng: np.random.Generator, parcel: Polygon, roads: BaseGeometry) -> Settlement:
    """One or two large flat roofs in a parking lot with a few planted islands."""
    place = Settlement()
    lots = polygons(parcel.buffer(-18).buffer(9))
    if not lots:
        return place
    lot = max(lots, key=lambda part: part.area)
    angle, length, width = frame(lot)
    centre = np.array(lot.centroid.coords[0])
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    side = rng.choice([-1, 1])
    for shrink in np.arange(1, 0.35, -0.05):
        x, y = centre + across * side * width * 0.16 * shrink
        long, deep, eaves = length * 0.86 * shrink, width * 0.62 * shrink, rng.uniform(6, 8)
        wing = Wing(x, y, angle, long, deep, eaves, 0.0)
        front_x, front_y = np.array([x, y]) - across * side * deep * 0.35 + along * long * 0.25
        front = Wing(front_x, front_y, angle, long * 0.34, deep * 0.62, eaves + 2, 0.0)
        if min(long, deep) > 14 and place.add(Building((wing, front)), lot.buffer(-3), gap=4):
            break
    walls = shapely.union_all([outline.buffer(7) for outline in place.taken])
    place.pave(_link(lot.boundary, roads).buffer(5), Surface.ASPHALT)
    place.pave(lot, Surface.LOT, angle)
    for xy in _scatter(rng, lot, 1 / 2500):
        island = rectangle(*xy, angle + np.pi / 2, 18, 9)
        if lot.contains(island.buffer(6)) and not island.intersects(walls):
            place.pave(island, Surface.LAWN)
            place.trees.append(Point(xy))
    place.trees += [Point(xy) for xy in _scatter(rng, parcel - lot.buffer(6), 1 / 900)]
    return place


def farmstead(rng: np.random.Generator, parcel: Polygon, roads: BaseGeometry) -> Settlement:
    """A house and a yard by the road; behind them barns, or a row of long poultry houses."""
    place = Settlement()
    angle, length, width = frame(parcel)
    inside = parcel.buffer(-8)
    if inside.is_empty:
        return place
    centre = np.array(inside.centroid.coords[0])
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    poultry = rng.random() < 0.6
    long = min(110.0, length * 0.6) if poultry else rng.uniform(26, 42)
    for k in range(int(width // 34) if poultry else 2):
        x, y = centre + along * length * 0.12 + across * (k - (width // 34 - 1) / 2 if poultry else k - 0.5) * 32
        place.add(Building((Wing(x, y, angle, long, rng.uniform(14.5, 17), 4.5, 0.3),)), inside, gap=8)
    yard = centre - along * (long / 2 + 16 - length * 0.12)
    place.pave(Point(yard).buffer(11, quad_segs=4), Surface.DRIVE)
    place.pave(_link(Point(yard), roads).buffer(DRIVE), Surface.DRIVE)
    for turn in rng.uniform(0, 2 * np.pi, 12):
        x, y = yard + 27 * np.array([np.cos(turn), np.sin(turn)])
        if place.add(house(rng, x, y, angle + np.pi / 2), inside, gap=4):
            break
    place.trees += [Point(xy) for xy in _scatter(rng, parcel, 1 / 900)]
    return place


def _link(start: BaseGeometry, roads: BaseGeometry) -> LineString:
    """The shortest way to the nearest road."""
    return LineString(nearest_points(start, roads))


def _scatter(rng: np.random.Generator, area: BaseGeometry, density: float) -> list[tuple[float, float]]:
    """Random points (x, y) in an area, `density` of them a square pixel."""
    if area.is_empty:
        return []
    left, top, right, bottom = area.bounds
    xy = rng.uniform((left, top), (right, bottom), (rng.poisson((right - left) * (bottom - top) * density), 2))
    return [(float(x), float(y)) for x, y in xy[shapely.contains_xy(area, *xy.T)]]
