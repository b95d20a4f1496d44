"""Chips of the mosaic and its labels, and the side of the split that each is on."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any, ClassVar

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely.geometry import box

from landcover.classraster import scheme_of
from landcover.cluster import HERE, Machines, open_each
from landcover.errors import LabelError, LandcoverError
from landcover.files import check_free, check_made, whole_folder
from landcover.grid import Grid
from landcover.image import Image, find_image
from landcover.imagereader import ImageReader
from landcover.parallel import Each, on_all_cores, one_by_one
from landcover.prepare.bandcounts import BandCounts, Occurring
from landcover.prepare.candidates import Candidates, find_candidates
from landcover.prepare.classified_tiles import Tiles, link_tiles, write_classified_tiles
from landcover.prepare.ground import labelled_ground
from landcover.prepare.mosaic import FOOTPRINTS
from landcover.prepare.nodata import with_data
from landcover.prepare.split import DROPPED, TRAIN, VALIDATION, Split, split
from landcover.progress import Progress, silent
from landcover.raster import (
    OpenInThreads,
    bounded_cache,
    chip_bytes,
    grid_of,
    open_raster,
    read_band,
    read_label_chip,
)
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


@dataclass(frozen=True)
class Packed:
    """A chip as it is written: the content of both files; how often each value of its bands occurs; its outline; and
    the file that it comes from."""

    image: bytes
    label: bytes
    counts: Occurring
    bounds: tuple[float, float, float, float]
    source: str | None


class Scissors:
    """Cuts chips of `size` at corners (n, 2: column, row) out of an image and its labels, both on one grid. Files stay
    open until the end of the context; each thread has its own."""

    def __init__(self, image: Image, labels: Path, corners: NDArray[np.int64], size: int) -> None:
        self._image, self._labels, self._corners, self._size = image, labels, corners, size
        self._files, self._local = OpenInThreads(), local()
        self._readers: list[ImageReader] = []

    def __enter__(self) -> "Scissors":
        return self

    def __exit__(self, *problem: object) -> None:
        self._files.__exit__()
        for reader in self._readers:
            reader.close()

    def __reduce__(self) -> tuple[type["Scissors"], tuple[Any, ...]]:
        """In another process it has files of its own."""
        return Scissors, (self._image, self._labels, self._corners, self._size)

    def __call__(self, index: int) -> Cut:
        window = Window(*self._corners[index].tolist(), self._size, self._size)
        if not hasattr(self._local, "reader"):
            self._local.reader = ImageReader(self._image)
            self._readers.append(self._local.reader)
        pixels, valid = self._local.reader.read(window)
        label = np.where(valid, read_band(self._files(self._labels), window), 0).astype(np.uint8)
        return Cut(with_data(pixels, valid), label, self._image.grid.part(window))


def chips(
    mosaic: Path,
    labels: Path,
    settings: ChipSettings,
    split_settings: SplitSettings,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    machines: Machines = HERE,
) -> Chips:
    """Cut the mosaic and labels.tif into chips: images/, labels/ and Esri's metadata of Classified Tiles, and
    chips.gpkg with the footprint, split and labelled pixels of each.

    `machines`: who reads and packs them; they are written here. Raises LabelError if no chip passes the filters, and
    OutputExists.
    """
    check_free(out, overwrite)
    check_made(mosaic, "mosaic")
    check_made(labels, "labels")
    # a path means the same in another process
    image, labels = find_image(mosaic.absolute()), labels.absolute()
    grid = image.grid
    with open_raster(labels) as classes:
        if not grid.same(grid_of(classes)):
            raise LabelError(f"{labels}: is on another grid than {mosaic}: run `landcover labels --overwrite`")
        if scheme_of(classes) != scheme:
            raise LabelError(f"{labels}: was made with another scheme: run `landcover labels --overwrite`")
    outlines = read_layer(mosaic.with_name(FOOTPRINTS), "boundary").geometry
    with bounded_cache(), open_each(machines, one_by_one) as each:
        found = find_candidates(image, labels, outlines, settings, scheme, progress, each)
        elsewhere = each if machines.elsewhere else None
        with Scissors(image, labels, found.corners, found.size) as cut:
            return write_chips(found, cut, None, settings.esri, split_settings, scheme, out, progress, elsewhere)


def write_chips(
    found: Candidates,
    cut: Callable[[int], Cut],
    bands: Sequence[str] | None,
    esri: bool,
    settings: SplitSettings,
    scheme: ClassScheme,
    out: Path,
    progress: Progress,
    elsewhere: Each | None = None,
) -> Chips:
    """Split chips by place and write their folder; `cut` makes the n-th of them, `bands` are their bands' names where
    known, and with `esri` each side becomes a folder of its own, too; `elsewhere`: other processes that cut and pack
    them. Raises LandcoverError for a split that leaks."""
    sided = split(found.windows, found.size + found.slack, found.regions, found.pixels, scheme, settings)
    shared = shared_pixels(found.corners[sided.sides == TRAIN], found.corners[sided.sides == VALIDATION], found.size)
    if shared and settings.method == "blocks":
        raise LandcoverError(
            f"{out}: not written: training and validation chips share {shared:,} pixels, which must not be: a fault of "
            "the program's; `--set split.seed=1` may get around it"
        )
    with whole_folder(out) as folder:
        names, images = _write(folder, found, sided, cut, bands, esri, scheme, progress, elsewhere)
        report = _report(folder, found, sided, names, images, shared, scheme, settings)
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
    elsewhere: Each | None,
) -> tuple[dict[int, str], NDArray[np.uint32]]:
    """Write what the split kept; returns the file name of each candidate that was, and checksums (kept,) of images."""
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    kept = np.flatnonzero(sided.sides != DROPPED).tolist()
    names = {index: f"{number:09d}.tif" for number, index in enumerate(kept)}
    counts: dict[str, BandCounts] = {}
    outlines, sources, images = [], [], []
    # here they are cut one after the other, as neighbours share blocks of the image, and packed side by side
    packed = elsewhere(CutPacked(cut), kept) if elsewhere else on_all_cores(_packed, map(cut, kept))
    with progress("chips", len(kept), "chips") as advance:
        for (index, name), chip in zip(names.items(), packed, strict=True):
            (folder / "images" / name).write_bytes(chip.image)
            images.append(zlib.crc32(chip.image))
            (folder / "labels" / name).write_bytes(chip.label)
            if not counts:
                counts = {
                    side: BandCounts(len(chip.counts.bands), chip.counts.dtype.name) for side in (TRAIN, VALIDATION)
                }
            counts[sided.sides[index]].take(chip.counts)
            outlines.append(box(*chip.bounds))
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
    return names, np.array(images, np.uint32)


@dataclass(frozen=True)
class CutPacked:
    """Packs the n-th chip where it is cut. Chips are large: they travel one by one."""

    cut: Callable[[int], Cut]
    together: ClassVar[int] = 1

    def __call__(self, index: int) -> Packed:
        return _packed(self.cut(index))


def _packed(chip: Cut) -> Packed:
    counts = BandCounts(chip.image.shape[2], chip.image.dtype.name)
    counts.add(chip.image)
    image, label = (chip_bytes(pixels, chip.grid) for pixels in (chip.image, chip.label[:, :, None]))
    return Packed(image, label, counts.occurring(), chip.grid.bounds, chip.source)


def _report(
    folder: Path,
    found: Candidates,
    sided: Split,
    names: dict[int, str],
    images: NDArray[np.uint32],
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
        overlap, pixels = None, found.pixels[chosen].sum(axis=0)
        if found.placed:
            ground = labelled_ground(label, found.corners[chosen], found.size, scheme.values)
            hectares = dict(zip(scheme.names, (ground * x * y / 10_000).round(4).tolist(), strict=True))
            overlap = round(float(pixels.sum() / ground.sum()), 3) if ground.any() else None
        shown = dict(zip(scheme.names, pixels.tolist(), strict=True))
        return Side(chips=len(chosen), pixels=shown, hectares=hectares, overlap=overlap)

    one, other = found.corners[at[TRAIN]], found.corners[at[VALIDATION]]
    sides = (sided.sides == TRAIN, sided.sides == VALIDATION)
    return SplitReport(
        method=settings.method,
        key=split_key((found.windows, found.regions, found.pixels, *sides, images)),
        scheme=scheme,
        train=side(TRAIN),
        validation=side(VALIDATION),
        dropped=int((sided.sides == DROPPED).sum()),
        shared_pixels=shared,
        nearest=nearest_distance(one, other, found.size, (x, y)) if found.placed else None,
        placed=found.placed,
        slack=found.slack,
    )
