"""Labels that are probably wrong: polygons where a model that is sure of itself says something else."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from landcover.classraster import outlines, scheme_of
from landcover.errors import LabelError
from landcover.files import check_free, check_made
from landcover.grid import Grid, clip, cut, within
from landcover.labelpolygons import Polygons
from landcover.labelset import open_labels
from landcover.progress import Progress, silent
from landcover.raster import grid_of, open_raster, read_band, stored_blocks
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import LabelSettings
from landcover.vector import write_layers

FILE, LAYER = "suspects.gpkg", "suspects"
BLOCK = 256
"""Pixels a side of the squares in which labelled ground is mapped."""

PIECE = 2048
"""Pixels a side of what is looked at together of a large polygon."""

LEAST = 0.1
"""A polygon is told of from this share of doubt on."""


@dataclass(frozen=True)
class Drawn:
    """A polygon of the labels with its class value; of one that was drawn also the file and the id of the feature."""

    geometry: BaseGeometry
    value: int
    file: str | None = None
    feature: int | None = None


@dataclass(frozen=True)
class Suspect:
    """A polygon of the labels and what the map shows in its place most; `doubt` is the share of it that is. `file` and
    `feature` tell which it is, None for a patch of a raster."""

    file: str | None
    feature: int | None
    label: int
    label_name: str
    suspected: int
    suspected_name: str
    area_m2: float
    doubt: float
    doubt_m2: float
    geometry: BaseGeometry


@dataclass(frozen=True)
class Suspects:
    """What `find_suspects` made: the layer, how many polygons it looked at, and the rows, most suspect first."""

    path: Path
    polygons: int
    table: gpd.GeoDataFrame


def labelled_squares(labels: Path, out: Path, overwrite: bool = False) -> Path:
    """Write the squares that hold a label as polygons: where a map is needed to check them. Raises OutputExists."""
    check_free(out, overwrite)
    check_made(labels, "labels")
    with open_raster(labels) as dataset:
        grid = grid_of(dataset)
        squares = [
            shapely.box(*grid.box(square))
            for block in stored_blocks(dataset)
            if (classes := read_band(dataset, block)).any()
            for square in cut(block, BLOCK)
            if classes[within(square, block)].any()
        ]
    write_layers(out, [("labelled", gpd.GeoDataFrame(geometry=squares, crs=grid.crs.to_wkt()))])
    return out


def find_suspects(
    map_path: Path,
    confidence: Path,
    labels: Path,
    settings: LabelSettings,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Suspects:
    """Rank the polygons of the labels by how much of them a map contradicts, and write a GeoPackage of those with
    doubt enough: rank, class and suspected class, area_m2, share of doubt, doubt_m2; and
    the file and the id of the feature, of labels that were drawn.

    A pixel's doubt is the confidence of the map where it shows another class than the label, else 0; that of a polygon
    is the sum. Polygons of which most is in doubt come first, the larger doubt before the smaller. Of labels that are
    a raster, touching pixels of a class are a polygon. Raises LabelError where map and labels are not on one grid, and
    OutputExists.
    """
    check_free(out, overwrite)
    with open_raster(map_path) as shown, open_raster(confidence) as sure, open_raster(labels) as classes:
        grid = grid_of(classes)
        for path, made in ((map_path, shown), (labels, classes)):
            if (known := scheme_of(made)) is None or known.named != scheme.named:
                raise LabelError(f"{path}: has other classes than the scheme of the configuration: make it again")
        if not grid.same(grid_of(shown)):
            raise LabelError(f"{map_path}: is on another grid than {labels}: map the mosaic that the labels are on")
        polygons = _polygons(classes, settings, scheme, grid)
        found = []
        with progress("checking labels", len(polygons), "polygons") as advance:
            for polygon in polygons:
                counts, weights = np.zeros(256, np.int64), np.zeros(256)
                for window, mask in _pieces(polygon.geometry, grid):
                    label, mapped = read_band(classes, window), read_band(shown, window)
                    there = mask & (label == polygon.value) & (mapped != 0)
                    counts += np.bincount(mapped[there], minlength=256)
                    weights += np.bincount(mapped[there], read_band(sure, window)[there] / 100, minlength=256)
                if counts.any():
                    found.append(_suspect(polygon, counts, weights, scheme, grid))
                advance(1)
    ranked = sorted(
        (suspect for suspect in found if suspect.doubt >= LEAST), key=lambda s: (s.doubt < 0.5, -s.doubt_m2)
    )
    columns = ["rank", *(field.name for field in fields(Suspect))]
    rows = [{"rank": n, **{f.name: getattr(s, f.name) for f in fields(s)}} for n, s in enumerate(ranked, start=1)]
    table = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=grid.crs.to_wkt())
    write_layers(out, [(LAYER, table)])
    return Suspects(out, len(polygons), table)


def _polygons(classes: DatasetReader, settings: LabelSettings, scheme: ClassScheme, grid: Grid) -> list[Drawn]:
    """The labels as they were drawn; of a raster, its patches."""
    source = open_labels(settings.source, grid, Remap.parse(settings.reclassify, scheme), settings.field)
    drawn = [s for s in source.sources if isinstance(s, Polygons)]
    if len(drawn) < len(source.sources):
        return [Drawn(geometry, value) for geometry, value in outlines(classes)]
    return [
        Drawn(geometry, value, polygons.path, int(feature))
        for polygons in drawn
        for (feature, geometry), value in zip(polygons.frame.geometry.items(), polygons.values.tolist(), strict=True)
        if value
    ]


def _pieces(geometry: BaseGeometry, grid: Grid) -> Iterator[tuple[Window, NDArray[np.bool_]]]:
    """Windows of the grid over a polygon, and which of their pixels are in it."""
    inside = clip(grid.cover(geometry.bounds), *grid.shape)
    if inside is None:
        return
    for window in cut(inside, PIECE):
        part = grid.part(window)
        yield window, rasterize([geometry], part.shape, transform=part.transform, dtype="uint8").astype(bool)


def _suspect(
    polygon: Drawn,
    counts: NDArray[np.int64],
    weights: NDArray[np.float64],
    scheme: ClassScheme,
    grid: Grid,
) -> Suspect:
    """From the pixels (256,) of a polygon by what the map shows there, and how sure it is of them in all."""
    value, against = polygon.value, weights.copy()
    against[value] = 0
    suspected = int(against.argmax()) if against.any() else value
    x, y = grid.pixel_metres
    names = {c.value: c.name for c in scheme}
    return Suspect(
        file=polygon.file,
        feature=polygon.feature,
        label=value,
        label_name=names[value],
        suspected=suspected,
        suspected_name=names[suspected],
        area_m2=round(float(counts.sum() * x * y), 1),
        doubt=round(float(against.sum() / counts.sum()), 4),
        doubt_m2=round(float(against.sum() * x * y), 1),
        geometry=polygon.geometry,
    )
