"""Chips of the mosaic and its labels, and the side of the split that each is on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from landcover.errors import LabelError, LandcoverError
from landcover.files import check_free, check_made, whole_folder
from landcover.grid import Grid, steps
from landcover.image import ImageReader, find_image
from landcover.prepare.classified_tiles import write_classified_tiles
from landcover.prepare.ground import labelled_ground
from landcover.prepare.mosaic import FOOTPRINTS
from landcover.prepare.split import DROPPED, TRAIN, VALIDATION, Split, split
from landcover.progress import Progress, silent
from landcover.raster import grid_of, open_raster, read_band, scheme_of, write_chip
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings, SplitSettings
from landcover.splitreport import Side, SplitReport, nearest_distance, shared_pixels, split_key, write_report
from landcover.vector import read_layer, write_layers

TABLE = "chips.gpkg"
SEGMENT = 8192
"""Labels are counted in strips of one chip's height and at most this many columns."""


@dataclass(frozen=True)
class Candidates:
    """Chips that passed the filters, n of them, and how many windows each filter took."""

    windows: NDArray[np.int64]
    regions: NDArray[np.int64]
    pixels: NDArray[np.int64]
    seen: int
    unlabelled: int
    background: int
    nodata: int


@dataclass(frozen=True)
class Chips:
    """What `chips` made: the folder, the report on the split, how many windows were seen and how many each filter
    took, what the split did not meet."""

    path: Path
    report: SplitReport
    seen: int
    filtered: dict[str, int]
    unmet: tuple[str, ...]


def chips(
    mosaic: Path,
    labels: Path,
    settings: ChipSettings,
    split_settings: SplitSettings,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Chips:
    """Cut the mosaic and labels.tif into chips: images/, labels/ and Esri's metadata of Classified Tiles, and
    chips.gpkg with the footprint, split and labelled pixels of each.

    Windows start at the corner of each region of touching images, stride by stride; the last ones are drawn back to
    the edge. Raises LabelError if no chip passes the filters, and OutputExists.
    """
    check_free(out, overwrite)
    check_made(mosaic, "mosaic")
    check_made(labels, "labels")
    with find_image(mosaic).open() as image, open_raster(labels) as classes:
        grid = image.image.grid
        if not grid.aligned(grid_of(classes)) or grid.shape != (classes.height, classes.width):
            raise LabelError(f"{labels}: is on another grid than {mosaic}: run `landcover labels --overwrite`")
        if scheme_of(classes) != scheme:
            raise LabelError(f"{labels}: was made with another scheme: run `landcover labels --overwrite`")
        outlines = read_layer(mosaic.with_name(FOOTPRINTS), "boundary").geometry
        found = _candidates(image, classes, grid, outlines, settings, scheme, progress)
        if not len(found.windows):
            raise LabelError(
                f"no chip passes the filters: of {found.seen:,} windows {found.unlabelled:,} hold no label, "
                f"{found.background:,} more than chips.max_background = {settings.max_background:g} background, "
                f"{found.nodata:,} more than chips.max_nodata = {settings.max_nodata:g} without data"
            )
        sided = split(found.windows, settings.size, found.regions, found.pixels, scheme, split_settings)
        report = _report(image, classes, grid, found, sided, settings.size, scheme, split_settings)
        if report.shared_pixels and report.method == "blocks":
            raise LandcoverError(
                f"{out}: not written: training and validation chips share {report.shared_pixels:,} pixels, which must "
                "not be: a fault of the program's; `--set split.seed=1` may get around it"
            )
        with whole_folder(out) as folder:
            _write(folder, image, classes, grid, found, sided, settings.size, scheme, progress)
            write_report(folder, report)
    filtered = {"no label": found.unlabelled, "max_background": found.background, "max_nodata": found.nodata}
    return Chips(out, report, found.seen, filtered, sided.unmet)


def _report(
    image: ImageReader,
    classes: DatasetReader,
    grid: Grid,
    found: Candidates,
    sided: Split,
    size: int,
    scheme: ClassScheme,
    settings: SplitSettings,
) -> SplitReport:
    """Worked out from where the chips lie, not from how they were chosen."""
    corners = found.windows + found.regions[:, 1:]
    at = {name: sided.sides == name for name in (TRAIN, VALIDATION, DROPPED)}
    x, y = grid.pixel_metres

    def labels_at(window: Window) -> NDArray[np.uint8]:
        return np.where(image.read_valid(window), read_band(classes, window), 0).astype(np.uint8)

    def side(name: str) -> Side:
        ground = labelled_ground(labels_at, corners[at[name]], size, grid.shape, scheme.values)
        return Side(
            chips=int(at[name].sum()),
            pixels=dict(zip(scheme.names, found.pixels[at[name]].sum(axis=0).tolist(), strict=True)),
            hectares=dict(zip(scheme.names, (ground * x * y / 10_000).round(4).tolist(), strict=True)),
        )

    one, other = corners[at[TRAIN]], corners[at[VALIDATION]]
    return SplitReport(
        method=settings.method,
        key=split_key((found.windows, found.regions, found.pixels, at[TRAIN], at[VALIDATION])),
        scheme=scheme,
        train=side(TRAIN),
        validation=side(VALIDATION),
        dropped=int(at[DROPPED].sum()),
        shared_pixels=shared_pixels(one, other, size),
        nearest=nearest_distance(one, other, size, (x, y)),
    )


def _candidates(
    image: ImageReader,
    classes: DatasetReader,
    grid: Grid,
    outlines: "gpd.GeoSeries",
    settings: ChipSettings,
    scheme: ClassScheme,
    progress: Progress,
) -> Candidates:
    windows: list[tuple[int, int]] = []
    regions: list[tuple[int, int, int]] = []
    pixels: list[NDArray[np.int64]] = []
    seen = unlabelled = background = nodata = 0
    area = settings.size**2
    strips = [(number, strip) for number, o in enumerate(outlines) for strip in _strips(grid.cover(o.bounds), settings)]
    with progress("looking for chips", len(strips), "strips") as advance:
        for number, (corner, window, columns) in strips:
            columns = columns[_touching(grid, window, columns, settings.size, outlines.iloc[number])]
            if not len(columns):
                advance(1)
                continue
            seen += len(columns)
            labelled = read_band(classes, window)
            valid = image.read_valid(window) if labelled.any() else np.zeros(labelled.shape, bool)
            labelled[~valid] = 0
            counts = count_windows(labelled, columns - window.col_off, settings.size, scheme.values)
            filled = _window_sums(valid, columns - window.col_off, settings.size)
            total = counts.sum(axis=1)
            none, gaps = total == 0, filled < (1 - settings.max_nodata) * area
            sparse = total < (1 - settings.max_background) * area
            unlabelled += int(none.sum())
            background += int((sparse & ~none).sum())
            nodata += int((gaps & ~sparse & ~none).sum())
            for index in np.flatnonzero(~none & ~sparse & ~gaps):
                windows.append((int(columns[index]) - corner[0], window.row_off - corner[1]))
                regions.append((number, *corner))
                pixels.append(counts[index])
            advance(1)
    return Candidates(
        np.array(windows, np.int64).reshape(-1, 2),
        np.array(regions, np.int64).reshape(-1, 3),
        np.array(pixels, np.int64).reshape(-1, len(scheme)),
        seen, unlabelled, background, nodata,
    )  # fmt: skip


def _touching(
    grid: Grid, strip: Window, columns: NDArray[np.int64], size: int, outline: BaseGeometry
) -> NDArray[np.bool_]:
    """Which windows of a strip meet the outline of their region: its bounding box may hold other regions."""
    x, y = grid.pixel_size
    left, _, _, top = grid.bounds
    start, upper = left + columns * x, top - strip.row_off * y
    return np.asarray(shapely.intersects(shapely.box(start, upper - size * y, start + size * x, upper), outline))


def _strips(region: Window, settings: ChipSettings) -> Iterator[tuple[tuple[int, int], Window, NDArray[np.int64]]]:
    """The corner of a region, a strip of it one chip high, and the columns at which chips start in the strip."""
    corner = (int(region.col_off), int(region.row_off))
    size, stride = settings.size, settings.stride
    columns = np.array(steps(corner[0], corner[0] + int(region.width), size, stride))
    for row in steps(corner[1], corner[1] + int(region.height), size, stride):
        for start in range(0, len(columns), max(1, SEGMENT // stride)):
            part = columns[start : start + max(1, SEGMENT // stride)]
            yield corner, Window(int(part[0]), row, int(part[-1] - part[0]) + size, size), part


def count_windows(
    labels: NDArray[np.uint8], columns: NDArray[np.int64], size: int, values: tuple[int, ...]
) -> NDArray[np.int64]:
    """Pixels of each class value (windows, classes) in windows of a strip (size, n) that start at columns."""
    return np.stack([_window_sums(labels == value, columns, size) for value in values], axis=1)


def _window_sums(there: NDArray[np.bool_], columns: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    sums = np.concatenate([[0], np.cumsum(there.sum(axis=0, dtype=np.int64))])
    return np.asarray(sums[columns + size] - sums[columns])


def _write(
    folder: Path,
    image: ImageReader,
    classes: DatasetReader,
    grid: Grid,
    found: Candidates,
    sided: Split,
    size: int,
    scheme: ClassScheme,
    progress: Progress,
) -> None:
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    kept = np.flatnonzero(sided.sides != DROPPED)
    corners = found.windows + found.regions[:, 1:]
    names, outlines = [], []
    with progress("chips", len(kept), "chips") as advance:
        for number, index in enumerate(kept):
            window = Window(int(corners[index, 0]), int(corners[index, 1]), size, size)
            pixels, valid = image.read(window)
            labelled = np.where(valid, read_band(classes, window), 0)
            name, part = f"{number:09d}.tif", grid.part(window)
            write_chip(folder / "images" / name, pixels, part)
            write_chip(folder / "labels" / name, labelled[:, :, None], part)
            names.append(name)
            outlines.append(box(*part.bounds))
            advance(1)
    table = gpd.GeoDataFrame(
        {"chip": names, "split": sided.sides[kept], "column": corners[kept, 0], "row": corners[kept, 1]}
        | {f"pixels_{c.value}": found.pixels[kept, n] for n, c in enumerate(scheme)},
        geometry=outlines,
        crs=grid.crs.to_wkt(),
    )
    write_layers(folder / TABLE, [("chips", table)])
    write_classified_tiles(folder, names, found.pixels[kept], grid, image.image.bands, size, scheme)
