"""Chips of the mosaic and its labels, and the side of the split that each is on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry import box

from landcover.classraster import scheme_of
from landcover.errors import LabelError, LandcoverError
from landcover.files import check_free, check_made, whole_folder
from landcover.grid import Grid
from landcover.image import find_image
from landcover.parallel import on_all_cores
from landcover.prepare.bandcounts import BandCounts
from landcover.prepare.candidates import Candidates, find_candidates
from landcover.prepare.classified_tiles import Tiles, link_tiles, write_classified_tiles
from landcover.prepare.ground import labelled_ground
from landcover.prepare.mosaic import FOOTPRINTS
from landcover.prepare.split import DROPPED, TRAIN, VALIDATION, Split, split
from landcover.progress import Progress, silent
from landcover.raster import bounded_cache, grid_of, open_raster, read_band, read_label_chip, write_chip
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings, SplitSettings
from landcover.splitreport import Side, SplitReport, nearest_distance, shared_pixels, split_key, write_report
from landcover.vector import read_layer, write_layers

TABLE = "chips.gpkg"


@dataclass(frozen=True)
class Chips:
    """What `chips` made: the folder, the report on the split, how many windows (or chips of ArcGIS) were seen and how
    many each filter took, and in words what the split did not meet and what else is to be known."""

    path: Path
    report: SplitReport
    seen: int
    filtered: dict[str, int]
    unmet: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """A chip to be written: image (size, size, bands), label (size, size) with class values, 0 also where the image has
    no data; the grid of both; and the file that it comes from, if it is of one."""

    image: NDArray[Any]
    label: NDArray[np.uint8]
    grid: Grid
    source: str | None = None


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

    Raises LabelError if no chip passes the filters, and OutputExists.
    """
    check_free(out, overwrite)
    check_made(mosaic, "mosaic")
    check_made(labels, "labels")
    with bounded_cache(), find_image(mosaic).open() as image, open_raster(labels) as classes:
        grid = image.image.grid
        if not grid.aligned(grid_of(classes)) or grid.shape != (classes.height, classes.width):
            raise LabelError(f"{labels}: is on another grid than {mosaic}: run `landcover labels --overwrite`")
        if scheme_of(classes) != scheme:
            raise LabelError(f"{labels}: was made with another scheme: run `landcover labels --overwrite`")
        outlines = read_layer(mosaic.with_name(FOOTPRINTS), "boundary").geometry
        found = find_candidates(image, classes, outlines, settings, scheme, progress)
        corners = found.corners

        def cut(index: int) -> Cut:
            window = Window(int(corners[index, 0]), int(corners[index, 1]), found.size, found.size)
            pixels, valid = image.read(window)
            return Cut(pixels, np.where(valid, read_band(classes, window), 0).astype(np.uint8), grid.part(window))

        return write_chips(found, cut, None, settings.esri, split_settings, scheme, out, progress)


def write_chips(
    found: Candidates,
    cut: Callable[[int], Cut],
    bands: Sequence[str] | None,
    esri: bool,
    settings: SplitSettings,
    scheme: ClassScheme,
    out: Path,
    progress: Progress,
) -> Chips:
    """Split chips by place and write their folder; `cut` makes the n-th of them, `bands` are their bands' names where
    known, and with `esri` each side becomes a folder of its own, too. Raises LandcoverError for a split that leaks."""
    sided = split(found.windows, found.size + found.slack, found.regions, found.pixels, scheme, settings)
    shared = shared_pixels(found.corners[sided.sides == TRAIN], found.corners[sided.sides == VALIDATION], found.size)
    if shared and settings.method == "blocks":
        raise LandcoverError(
            f"{out}: not written: training and validation chips share {shared:,} pixels, which must not be: a fault of "
            "the program's; `--set split.seed=1` may get around it"
        )
    with whole_folder(out) as folder:
        names = _write(folder, found, sided, cut, bands, esri, scheme, progress)
        report = _report(folder, found, sided, names, shared, scheme, settings)
        write_report(folder, report)
    return Chips(out, report, found.seen, found.filtered, sided.unmet)


def _write(
    folder: Path,
    found: Candidates,
    sided: Split,
    cut: Callable[[int], Cut],
    bands: Sequence[str] | None,
    esri: bool,
    scheme: ClassScheme,
    progress: Progress,
) -> dict[int, str]:
    """Write what the split kept; returns the file name of each candidate that was."""
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    kept = np.flatnonzero(sided.sides != DROPPED).tolist()
    names = {index: f"{number:09d}.tif" for number, index in enumerate(kept)}
    counts: dict[str, BandCounts] = {}
    outlines, sources = [], []

    def written(made: tuple[str, Cut]) -> Cut:
        name, chip = made
        write_chip(folder / "images" / name, chip.image, chip.grid)
        write_chip(folder / "labels" / name, chip.label[:, :, None], chip.grid)
        return chip

    # they are cut here, one after the other, and packed side by side
    cuts = ((name, cut(index)) for index, name in names.items())
    with progress("chips", len(kept), "chips") as advance:
        for index, chip in zip(names, on_all_cores(written, cuts), strict=True):
            if not counts:
                counts = {side: BandCounts(chip.image.shape[2], chip.image.dtype.name) for side in (TRAIN, VALIDATION)}
            counts[sided.sides[index]].add(chip.image)
            outlines.append(box(*chip.grid.bounds))
            sources.append(chip.source)
            advance(1)
    columns: dict[str, object] = {
        "chip": list(names.values()), "split": sided.sides[kept],
        "column": found.corners[kept, 0], "row": found.corners[kept, 1],
    }  # fmt: skip
    columns |= {f"pixels_{c.value}": found.pixels[kept, n] for n, c in enumerate(scheme)}
    if any(sources):
        columns["source"] = sources
    write_layers(folder / TABLE, [("chips", gpd.GeoDataFrame(columns, geometry=outlines, crs=found.grid.crs.to_wkt()))])

    def tiles(chosen: Sequence[int], counted: BandCounts) -> Tiles:
        listed = [names[index] for index in chosen]
        return Tiles(listed, found.pixels[chosen], counted, bands, found.grid, found.size, found.placed)

    write_classified_tiles(folder, tiles(kept, counts[TRAIN] + counts[VALIDATION]), scheme)
    for side in (TRAIN, VALIDATION) if esri else ():
        if chosen := np.flatnonzero(sided.sides == side).tolist():
            link_tiles(folder, folder / side, tiles(chosen, counts[side]), scheme)
    return names


def _report(
    folder: Path,
    found: Candidates,
    sided: Split,
    names: dict[int, str],
    shared: int,
    scheme: ClassScheme,
    settings: SplitSettings,
) -> SplitReport:
    """Worked out from where the chips lie and what was written, not from how they were chosen."""
    at = {name: np.flatnonzero(sided.sides == name) for name in (TRAIN, VALIDATION)}
    x, y = found.grid.pixel_metres

    def side(name: str) -> Side:
        chosen = at[name]

        def label(number: int) -> NDArray[np.uint8]:
            return read_label_chip(folder / "labels" / names[int(chosen[number])])

        hectares: dict[str, float] = {}
        if found.placed:
            ground = labelled_ground(label, found.corners[chosen], found.size, scheme.values)
            hectares = dict(zip(scheme.names, (ground * x * y / 10_000).round(4).tolist(), strict=True))
        pixels = dict(zip(scheme.names, found.pixels[chosen].sum(axis=0).tolist(), strict=True))
        return Side(chips=len(chosen), pixels=pixels, hectares=hectares)

    one, other = found.corners[at[TRAIN]], found.corners[at[VALIDATION]]
    sides = (sided.sides == TRAIN, sided.sides == VALIDATION)
    return SplitReport(
        method=settings.method,
        key=split_key((found.windows, found.regions, found.pixels, *sides)),
        scheme=scheme,
        train=side(TRAIN),
        validation=side(VALIDATION),
        dropped=int((sided.sides == DROPPED).sum()),
        shared_pixels=shared,
        nearest=nearest_distance(one, other, found.size, (x, y)) if found.placed else None,
        placed=found.placed,
    )
