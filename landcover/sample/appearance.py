"""What each surface looks like in the light: reflectance of a landscape in four bands, with texture and shadow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from landcover.sample.landscape import SUN, SUN_HEIGHT, Landscape
from landcover.sample.shapes import noise
from landcover.sample.surfaces import Surface

Floats = NDArray[np.float32]

# Red, green, blue and near infrared of each surface, in the grey values of a NAIP image; one line a common variety.
_COLOURS: dict[Surface, list[tuple[int, int, int, int]]] = {
    Surface.ROOF: [
        (100, 100, 102, 96),
        (130, 106, 90, 120),
        (154, 138, 118, 140),
        (146, 92, 76, 132),
        (206, 206, 202, 194),
        (150, 158, 166, 152),
        (84, 80, 80, 80),
    ],
    Surface.FLAT_ROOF: [(206, 204, 198, 190), (166, 163, 156, 150), (178, 171, 160, 158)],
    Surface.ASPHALT: [(122, 120, 116, 112), (136, 133, 127, 122)],
    Surface.PAINT: [(182, 178, 160, 164)],
    Surface.LOT: [(104, 103, 102, 98), (122, 120, 116, 112)],
    Surface.DRIVE: [(158, 154, 147, 143), (154, 145, 131, 146)],
    Surface.RIVER: [(84, 92, 76, 48)],
    Surface.POND: [(50, 66, 62, 32), (78, 88, 70, 44), (104, 104, 74, 52)],
    Surface.LAWN: [(92, 112, 79, 158), (102, 114, 82, 152)],
    Surface.PASTURE: [(104, 110, 79, 148), (94, 108, 76, 152), (112, 112, 83, 146)],
    Surface.STUBBLE: [(172, 154, 118, 162), (154, 140, 104, 152), (186, 170, 132, 172)],
    Surface.SOIL: [(186, 138, 104, 158), (176, 150, 122, 156)],
    Surface.HARDWOOD: [(80, 98, 71, 152), (72, 92, 68, 144)],
    Surface.PINE: [(68, 84, 65, 128), (74, 90, 69, 136)],
    Surface.ROWS: [(74, 100, 66, 160), (82, 106, 68, 168), (68, 92, 66, 150)],
    Surface.PLOUGHED: [(92, 78, 68, 94), (78, 68, 62, 82), (99, 83, 71, 98)],
}
_DRY = np.array([0.16, 0.07, 0.08, -0.05], np.float32)
_VIGOUR = np.array([-0.09, 0, -0.09, 0.09], np.float32)
_HUE = np.array([0.12, 0.05, 0.03, 0.07], np.float32)
_SHADE = np.array([0.47, 0.46, 0.41, 0.47], np.float32)
_BARE_ROW = np.array([126, 106, 84, 122], np.float32)


@dataclass(frozen=True)
class Spot:
    """The pixels of one surface: flat index into the image, place (pixels), and the run of the rows there (radians)."""

    index: NDArray[np.intp]
    patch: NDArray[np.int32]
    x: Floats
    y: Floats
    angle: Floats

    @property
    def along(self) -> Floats:
        return self.x * np.cos(self.angle) + self.y * np.sin(self.angle)

    @property
    def across(self) -> Floats:
        return self.y * np.cos(self.angle) - self.x * np.sin(self.angle)


@dataclass(frozen=True)
class Grain:
    """Smooth noise of variance 1 at several scales, flat like the image; `table` holds random numbers 0 to 1."""

    fine: Floats
    blade: Floats
    small: Floats
    medium: Floats
    large: Floats
    table: Floats

    def cell(self, column: Floats, row: Floats) -> Floats:
        """A random number, 0 to 1, of each cell of a lattice."""
        key = column.astype(np.int64) * 7919 + row.astype(np.int64) * 104_729
        return np.asarray(self.table[key % len(self.table)], np.float32)


def reflectance(land: Landscape, rng: np.random.Generator) -> Floats:
    """Red, green, blue and near infrared (4, rows, columns) of the landscape in sunlight, in grey values."""
    shape = land.patch.shape[0], land.patch.shape[1]
    tones = _tones(land, rng)
    fine, blade, small, medium, large = (noise(rng, shape, scale).ravel() for scale in (1.35, 1.35, 3.2, 8, 40))
    grain = Grain(fine, blade, small, medium, large, rng.random(65_521, np.float32))
    image = tones[land.patch.ravel()]
    surface = land.surface.ravel()
    variety = rng.random(len(tones)).astype(np.float32)
    for kind, texture in _TEXTURES.items():
        index = np.flatnonzero(surface == kind)
        patch = land.patch.ravel()[index]
        y, x = (v.astype(np.float32) for v in np.divmod(index, shape[1]))
        spot = Spot(index, patch, x, y, land.angles[patch])
        image[index] = texture(image[index], spot, grain, variety[patch])
    leaves = np.flatnonzero(land.crown >= 0)
    image[leaves] = _leaves(image[leaves], land, leaves, grain)
    image *= land.slope.ravel()[:, None]
    image *= 1 - gaussian_filter(shadow(land.height), 0.6).ravel()[:, None] * _SHADE
    return np.asarray(np.moveaxis(image.reshape(*shape, 4), 2, 0))


def shadow(height: Floats) -> Floats:
    """1 where something stands between the pixel and the sun, else 0, of heights (rows, columns) in metres."""
    dark = np.zeros(height.shape, np.float32)
    rise = np.tan(SUN_HEIGHT)
    for step in range(1, int(height.max() / rise) + 1):
        down, right = round(step * np.sin(SUN)), round(step * np.cos(SUN))
        here, there = height[: -down or None, : -right or None], height[down:, right:]
        dark[: -down or None, : -right or None][there > here + step * rise] = 1
    return dark


def _tones(land: Landscape, rng: np.random.Generator) -> Floats:
    """Mean colour (patch, band) of every patch: the varieties of its surface in turn, each a little off."""
    picked = np.zeros((len(land.surfaces), 4))
    for surface, varieties in _COLOURS.items():
        patches = rng.permutation(np.flatnonzero(land.surfaces == surface))
        picked[patches] = np.resize(varieties, (len(patches), 4))
    spread = rng.normal(0, 0.045, (len(picked), 1)) + rng.normal(0, 0.015, picked.shape)
    return (picked * np.exp(spread)).astype(np.float32)


def _lit(colour: Floats, light: Floats) -> Floats:
    """Colours (pixel, band) made lighter or darker by a factor (pixel)."""
    return np.asarray(colour * light[:, None], np.float32)


def _roof(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    return _lit(colour, 1 + 0.03 * grain.fine[spot.index])


def _flat_roof(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    """Seams of the membrane, and air conditioners here and there."""
    (column, a), (row, b) = (np.divmod(v, 11.0) for v in (spot.along, spot.across))
    unit = (grain.cell(column, row) < 0.14) & (np.abs(a - 5) < 2) & (np.abs(b - 5) < 1.5)
    return _lit(colour, 1 + 0.03 * grain.fine[spot.index] - 0.07 * (a < 1) - 0.3 * unit)


def _pavement(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    return _lit(colour, 1 + 0.035 * grain.fine[spot.index] + 0.04 * grain.large[spot.index])


def _lot(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    """Bays in double rows with lines between them, about half of them taken by a car."""
    colour = _pavement(colour, spot, grain, variety)
    aisle, depth = np.divmod(spot.across, 20.0)
    bay, side = np.divmod(spot.along, 3.6)
    row = 2 * aisle + (depth > 6)
    bays = depth < 12
    line = bays & (side < 0.8)
    car = bays & (side > 1.2) & (np.abs(depth % 6 - 3) < 2.4) & (grain.cell(bay, row) < 0.5)
    paint = 35 + 190 * grain.cell(bay + 17, row)[car, None] ** 1.3
    colour[line] += 30
    colour[car] = paint * (1, 0.98, 0.97, 0.9)
    return colour


def _water(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    return _lit(colour, 1 + 0.03 * grain.fine[spot.index] + 0.06 * grain.large[spot.index])


def _grass(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    """Clumps and dry patches in no direction."""
    dry = 0.5 * grain.small[spot.index] + 0.35 * grain.medium[spot.index] + 0.3 * grain.large[spot.index]
    light = 1 + 0.11 * grain.fine[spot.index] + 0.04 * grain.medium[spot.index]
    colour = colour * (1 + dry[:, None] * _DRY) * (1 + grain.blade[spot.index, None] * _VIGOUR)
    return _lit(colour, light)


def _stubble(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    """Swaths of the harvester, one light, one dark."""
    swath = np.sin(2 * np.pi * (spot.across + 0.8 * grain.medium[spot.index]) / (8 + 5 * variety))
    light = 1 + 0.07 * np.tanh(2 * swath) + 0.06 * grain.fine[spot.index] + 0.05 * grain.large[spot.index]
    return _lit(colour, light)


def _soil(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    light = 1 + 0.05 * grain.fine[spot.index] + 0.05 * grain.medium[spot.index] + 0.08 * grain.large[spot.index]
    return _lit(colour, light)


def _rows(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    """Planted rows with soil between them, and the tracks of the sprayer."""
    across = spot.across + 4 * np.sin((spot.along + 300 * variety) / 90)
    rows = np.cos(2 * np.pi * across / (6 + 3 * variety))
    closed = 0.68 + 0.50 * rows + 0.10 * grain.fine[spot.index] + 0.07 * grain.large[spot.index]
    track = np.abs(across % 36 - 18)
    closed[(track > 1.5) & (track < 3.5)] -= 0.35
    leaves = np.clip(closed, 0, 1.1)[:, None]
    return _lit(colour * leaves + _BARE_ROW * (1 - leaves), 1 + 0.13 * grain.blade[spot.index])


def _ploughed(colour: Floats, spot: Spot, grain: Grain, variety: Floats) -> Floats:
    """Furrows, and damp patches."""
    furrow = np.sin(2 * np.pi * spot.across / (4 + 2 * variety))
    light = 1 + 0.10 * furrow + 0.05 * grain.fine[spot.index] + 0.06 * grain.large[spot.index]
    return _lit(colour, light)


def _leaves(colour: Floats, land: Landscape, leaves: NDArray[np.intp], grain: Grain) -> Floats:
    crown = land.crown.ravel()[leaves]
    light = 1 + land.crowns.brightness[crown] + 0.16 * grain.fine[leaves]
    return _lit(colour * (1 + land.crowns.hue[crown, None] * _HUE), light)


_TEXTURES: dict[Surface, Callable[[Floats, Spot, Grain, Floats], Floats]] = {
    Surface.ROOF: _roof,
    Surface.FLAT_ROOF: _flat_roof,
    Surface.ASPHALT: _pavement,
    Surface.LOT: _lot,
    Surface.DRIVE: _pavement,
    Surface.RIVER: _water,
    Surface.POND: _water,
    Surface.LAWN: _grass,
    Surface.PASTURE: _grass,
    Surface.STUBBLE: _stubble,
    Surface.SOIL: _soil,
    Surface.ROWS: _rows,
    Surface.PLOUGHED: _ploughed,
}
