"""Quarter quads and hand-drawn labels of the article's size, for benchmarks/prepare.py: large, quick to make, and of no
place. The ground is one scene of the sample, laid again and again, each image with its own start, turn and light."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from landcover.config import ALABAMA
from landcover.sample.scene import holdout

HEIGHT, WIDTH = 7500, 6500
OVERLAP = 300
"""Pixels that neighbours share, as quarter quads do."""

ACROSS, DOWN = 3, 4
IMAGES = ACROSS * DOWN
CORNER = (560_000, 3_620_000)
CRS = "EPSG:26916"
SCENE = 2240
"""Pixels a side of the scene that is laid again and again."""

STRIP = 512
CLUSTERED = 0.7
"""The share of polygons that are drawn in clusters, of 4 to 10 within 400 m; the others are alone."""


def make(folder: Path, polygons: int) -> list[Path]:
    """Twelve images in folder/naip, 3 x 4 of them side by side, and folder/labels.gpkg; what is there is kept. Returns
    the images row by row."""
    naip = folder / "naip"
    naip.mkdir(parents=True, exist_ok=True)
    paths = [naip / _name(number) for number in range(IMAGES)]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if missing:
        ground = holdout(np.random.default_rng(0), SCENE).photos[0].grey
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(lambda number: _write(paths[number], ground, number), missing))
    _draw(folder / f"labels_{polygons}.gpkg", polygons)
    return paths


def outline(number: int) -> tuple[int, int]:
    """Column and row of an image's upper left corner on the mosaic."""
    row, column = divmod(number, ACROSS)
    return column * (WIDTH - OVERLAP), row * (HEIGHT - OVERLAP)


def _name(number: int) -> str:
    """As NAIP's, flown on four days."""
    quarter = ("nw", "ne", "sw", "se")[number % 4]
    return f"m_33085{number // 4 + 1:02d}_{quarter}_16_1_202110{3 + number % 4:02d}.tif"


def _write(path: Path, ground: NDArray[np.uint8], number: int) -> None:
    """Tiled, compressed, red, green, blue and near infrared, no nodata value; whole or not there."""
    random = np.random.default_rng(number)
    turned = np.rot90(ground, number % 4, axes=(1, 2))
    light = np.clip(np.arange(256) * random.uniform(0.85, 1.15), 1, 255).astype(np.uint8)
    row, column = random.integers(0, SCENE, 2)
    rows, columns = ((start + np.arange(length)) % SCENE for start, length in ((row, HEIGHT), (column, WIDTH)))
    left, top = outline(number)
    transform = Affine(1, 0, CORNER[0] + left, 0, -1, CORNER[1] - top)
    partial = path.with_suffix(".partial")
    with rasterio.open(
        partial, "w", driver="GTiff", dtype="uint8", count=4, height=HEIGHT, width=WIDTH, crs=CRS, transform=transform,
        tiled=True, blockxsize=256, blockysize=256, compress="deflate", zlevel=1, photometric="RGB", alpha="NO",
    ) as image:  # fmt: skip
        image.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]
        for start in range(0, HEIGHT, STRIP):
            strip = light[turned[:, rows[start : start + STRIP]][:, :, columns]]
            image.write(strip, window=Window(0, start, WIDTH, strip.shape[1]))
    partial.rename(path)


def _draw(path: Path, polygons: int) -> None:
    """Polygons of 20 to 120 m, of the six classes, with the fields of Esri's training samples."""
    if path.exists():
        return
    random = np.random.default_rng(1)
    middles = _middles(polygons, random)
    shapes = [_shape(middle, random) for middle in middles]
    chosen = random.choice(len(ALABAMA), polygons, p=[0.15, 0.15, 0.1, 0.25, 0.25, 0.1])
    columns = {"Classname": [ALABAMA[n]["name"] for n in chosen], "Classvalue": [ALABAMA[n]["value"] for n in chosen]}
    gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS).to_file(path, driver="GPKG", layer="labels")


def _middles(polygons: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(polygons, 2) x and y on the map."""
    width, height = outline(IMAGES - 1)[0] + WIDTH, outline(IMAGES - 1)[1] + HEIGHT
    found: list[NDArray[np.float64]] = []
    while len(found) < polygons:
        place = random.uniform((600, 600), (width - 600, height - 600))
        number = int(random.integers(4, 11)) if len(found) < CLUSTERED * polygons else 1
        found += list(place + random.uniform(-200, 200, (number, 2)))
    return np.array(CORNER) + np.array(found[:polygons]) * (1, -1)


def _shape(middle: NDArray[np.float64], random: np.random.Generator) -> BaseGeometry:
    """Five to nine corners around a middle."""
    across, number = random.uniform(20, 120), int(random.integers(5, 10))
    angles = np.sort(random.uniform(0, 2 * np.pi) + np.arange(number) * 2 * np.pi / number)
    corners = [(middle[0] + across / 2 * random.uniform(0.7, 1) * np.cos(a),
                middle[1] + across / 2 * random.uniform(0.7, 1) * np.sin(a)) for a in angles]  # fmt: skip
    shape = Polygon(corners)
    return shape if shape.is_valid else shapely.convex_hull(shape)
