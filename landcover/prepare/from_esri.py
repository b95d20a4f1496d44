"""Chips that ArcGIS exported, made into those that `stack` takes, with a split by place."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from landcover.cluster import HERE, Machines, open_each
from landcover.errors import ImageError, LabelError
from landcover.files import check_free
from landcover.grid import ALIGNED, Grid, name_of
from landcover.parallel import Each
from landcover.prepare.candidates import Candidates, Filters
from landcover.prepare.chips import Chips, Cut, write_chips
from landcover.prepare.esri_chip import Codes, Look, look_at, read_chip
from landcover.prepare.esri_export import Export, read_export
from landcover.prepare.nodata import with_data
from landcover.progress import Progress, silent
from landcover.remap import Remap
from landcover.scheme import ClassScheme
from landcover.settings import ChipSettings, SplitSettings
from landcover.sites import sites

Listed = tuple[int, tuple[str, str]]
"""The number of an exported folder, and the names of a chip's image and label in it."""

NOWHERE = 'LOCAL_CS["place not known",UNIT["metre",1]]'
"""The CRS of chips that do not tell where they lie: it leads to no place on Earth."""


def chips_from_esri(
    folders: Sequence[Path],
    settings: ChipSettings,
    split_settings: SplitSettings,
    remap: Remap,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    machines: Machines = HERE,
) -> Chips:
    """As `chips`, from folders of Classified Tiles that ArcGIS exported; size and place are those of its chips.

    Their codes are reclassified by the remap, by value or by the name that the folder gives it; the filters of the
    settings hold; turned copies are left out. Pixels are kept as they are, so all chips are of one CRS and pixel size.
    Raises ImageError, LabelError, OutputExists.
    """
    check_free(out, overwrite)
    for folder in folders:
        if folder.resolve().is_relative_to(out.resolve()):
            raise LabelError(f"{folder}: lies where the chips will be written, which replaces it: move it first")
    exports = [read_export(folder) for folder in {folder.resolve(): folder.absolute() for folder in folders}.values()]
    codes = [Codes(export.classes, remap) for export in exports]
    with warnings.catch_warnings(), open_each(machines) as each:
        # what does not tell its place is dealt with
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        seen = _survey(exports, codes, split_settings, remap.scheme, progress, each)
        found, kept, notes = _candidates(seen, settings)
        listed = [seen.listed[number] for number in kept.tolist()]
        cut = partial(_cut, exports, codes, listed, found.grid, found.corners, found.size, found.placed)
        bands = exports[0].bands if len(exports[0].bands) == seen.first.bands else None
        elsewhere = each if machines.elsewhere else None
        made = write_chips(found, cut, bands, settings.esri, split_settings, remap.scheme, out, progress, elsewhere)
    unlisted = sum(export.unlisted for export in exports)
    if unlisted:
        notes.append(f"{unlisted:,} images that map.txt does not name were left out")
    return replace(made, unmet=(*made.unmet, *notes))


def _cut(
    exports: Sequence[Export],
    codes: Sequence[Codes],
    listed: Sequence[Listed],
    grid: Grid,
    corners: NDArray[np.int64],
    size: int,
    placed: bool,
    index: int,
) -> Cut:
    """A chip in a place on a grid: its own, where that of the common grid is rounded, if it is `placed`."""
    export, pair = listed[index]
    chip = read_chip(exports[export], pair)
    own = grid.part(Window(*corners[index].tolist(), size, size))
    if placed:
        own = replace(own, transform=chip.place.transform)
    return Cut(with_data(chip.image, chip.valid), codes[export].classes(chip), own, chip.path)


@dataclass(frozen=True)
class Survey:
    """What was seen of all chips, n of them: the folder's number and file names of each; the first; labelled pixels
    (n, classes); pixels with data (n,); the six numbers of each transform; whether each is upright; and the CRS, None
    unless all tell their place."""

    listed: list[Listed]
    first: Look
    pixels: NDArray[np.int64]
    filled: NDArray[np.int64]
    transforms: NDArray[np.float64]
    upright: NDArray[np.bool_]
    crs: CRS | None


def _survey(
    exports: Sequence[Export],
    codes: Sequence[Codes],
    split: SplitSettings,
    scheme: ClassScheme,
    progress: Progress,
    each: Each,
) -> Survey:
    """Look at every chip. Raises LabelError for codes that nobody knows, all of them with their pixels, and, unless
    the split is random, for a chip that does not tell where it lies; ImageError for chips that are not alike."""
    listed = [(number, pair) for number, export in enumerate(exports) for pair in export.pairs]
    column_of = {value: column for column, value in enumerate(scheme.values)}
    pixels, filled = np.zeros((len(listed), len(scheme)), np.int64), np.zeros(len(listed), np.int64)
    transforms, upright = np.zeros((len(listed), 6)), np.zeros(len(listed), bool)
    unknown: Counter[tuple[str, str]] = Counter()
    first: Look | None = None
    placed = True
    with progress("reading chips", len(listed), "chips") as advance:
        for row, (one, (number, _)) in enumerate(zip(each(partial(_look, exports), listed), listed, strict=True)):
            first = first or one
            _check_alike(first, one)
            if not one.place.known and split.method != "random":
                why = "it is in PIXEL_SPACE" if exports[number].pixel_space else one.place.lack
                raise LabelError(
                    f"{one.path}: does not tell where it lies ({why}), and so no split by place is possible: export in "
                    "MAP_SPACE, or take --set split.method=random, whose figures leak"
                )
            placed &= one.place.known
            for (code, nodata), (there, shown) in one.codes.items():
                value = codes[number].value(code, nodata)
                if value is None:
                    meant = scheme.meant(codes[number].names.get(code, ""))
                    unknown[codes[number].told(code), meant] += there
                elif value:
                    pixels[row, column_of[value]] += shown
            filled[row], transforms[row], upright[row] = one.filled, one.place.transform[:6], one.place.upright
            advance(1)
    assert first is not None
    if unknown:
        told = ", ".join(f"{code} ({n:,} pixels{meant})" for (code, meant), n in sorted(unknown.items()))
        where = exports[0].folder if len(exports) == 1 else "the chips"
        raise LabelError(f"{where}: codes that are neither in scheme nor in labels.reclassify: {told}")
    return Survey(listed, first, pixels, filled, transforms, upright, first.place.crs if placed else None)


def _look(exports: Sequence[Export], one: Listed) -> Look:
    return look_at(exports[one[0]], one[1])


def _check_alike(first: Look, one: Look) -> None:
    if one.kind != first.kind:
        raise ImageError(f"{one.path}: is {one.kind}, but {first.path} is {first.kind}: export all chips in one way")
    if not (one.place.known and first.place.known):
        return
    if one.place.crs != first.place.crs:
        here, there = (name_of(look.place.crs) for look in (one, first) if look.place.crs is not None)
        raise ImageError(
            f"{one.path}: is in {here}, but {first.path} in {there}: project the images into one CRS before exporting"
        )
    (x, y), (usual_x, usual_y) = one.place.pixel_size, first.place.pixel_size
    if max(abs(x / usual_x - 1), abs(y / usual_y - 1)) * one.size > ALIGNED:
        raise ImageError(
            f"{one.path}: has pixels of {x:g} x {y:g}, but {first.path} of {usual_x:g} x {usual_y:g}: export with one "
            "cell size"
        )


def _candidates(seen: Survey, settings: ChipSettings) -> tuple[Candidates, NDArray[np.int64], list[str]]:
    """The chips that pass the filters, which of those seen they are, and what is to be known of their places. Raises
    LabelError for none."""
    size, number = seen.first.size, len(seen.listed)
    upright = np.flatnonzero(seen.upright) if seen.crs is not None else np.arange(number)
    if not len(upright):
        raise LabelError(f"{seen.first.path}: is turned, and so are all chips: export without a rotation_angle")
    filters = Filters(settings, size)
    kept = upright[filters.passing(seen.pixels[upright].sum(axis=1), seen.filled[upright])]
    filters.check_any(len(kept), number, "chips")
    taken = filters.taken | ({"turned": number - len(upright)} if len(upright) < number else {})
    grid, corners, slack = _lattice(seen.transforms[kept], size, seen.crs) if seen.crs else _nowhere(len(kept), size)
    windows, regions = _regions(corners, size) if seen.crs else (corners, np.zeros((len(kept), 3), np.int64))
    notes = []
    if slack:
        notes.append("the chips lie on several grids of pixels: their places are rounded to the nearest pixel of one")
    if seen.crs is None:
        notes.append("the chips do not tell where they lie, nor how large their pixels are: 1 m is written down")
    found = Candidates(grid, size, windows, regions, seen.pixels[kept], number, taken, slack, seen.crs is not None)
    return found, kept, notes


def _lattice(transforms: NDArray[np.float64], size: int, crs: CRS) -> tuple[Grid, NDArray[np.int64], int]:
    """A grid that holds chips with transforms (n, 6), their columns and rows on it (n, 2), and by how much places are
    rounded against one another."""
    across, _, left, _, down, top = transforms[0].tolist()
    places = (transforms[:, [2, 5]] - (left, top)) / (across, down)
    corners = np.rint(places).astype(np.int64)
    slack = int(np.abs(places - corners).max() >= ALIGNED)
    first = corners.min(axis=0)
    corners -= first
    width, height = (corners.max(axis=0) + size).tolist()
    transform = Affine(across, 0, left + across * first[0], 0, down, top + down * first[1])
    return Grid(crs, transform, height, width), corners, slack


def _nowhere(number: int, size: int) -> tuple[Grid, NDArray[np.int64], int]:
    """As `_lattice`, for chips whose place nobody knows: side by side, so that none touches another."""
    across = int(np.ceil(np.sqrt(number)))
    rows, columns = np.divmod(np.arange(number), across)
    corners = np.stack([columns, rows], axis=1) * 2 * size
    side = 2 * size * across
    return Grid(CRS.from_wkt(NOWHERE), Affine(1, 0, 0, 0, -1, 0), side, side), corners, 0


def _regions(corners: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Windows and regions, as `Candidates` has them: a region is a site, chips that touch."""
    site = sites(corners, size)
    least = np.full((site.max() + 1, 2), np.iinfo(np.int64).max)
    np.minimum.at(least, site, corners)
    return corners - least[site], np.column_stack([site, least[site]])
