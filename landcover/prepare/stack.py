"""Chips into HDF5: one file a class and side, one chip in exactly one file."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from landcover.chipstore import SUFFIX, Chip, ChipWriter, StoreInfo, create_store
from landcover.cluster import HERE, Machines, open_each
from landcover.errors import LabelError
from landcover.files import check_free, check_space, whole_folder
from landcover.prepare.chips import TABLE
from landcover.prepare.split import TRAIN, VALIDATION
from landcover.progress import Progress, silent
from landcover.raster import grid_of, open_raster, read_band, read_window
from landcover.scheme import ClassScheme
from landcover.splitreport import SplitReport, read_report, write_report
from landcover.vector import read_layer

LEAST_SHARE = 0.01
"""A chip belongs to the rarest class that holds at least this share of its labelled pixels."""


@dataclass(frozen=True)
class Stacks:
    """What `stack` made: the chips of each side."""

    path: Path
    chips: dict[str, int]


def stack(
    chips: Path,
    scheme: ClassScheme,
    out: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    machines: Machines = HERE,
) -> Stacks:
    """Write out/train/<class>.h5 and out/validation/<class>.h5 from a folder of chips. `machines`: who reads them; they
    are written here. Raises LabelError, OutputExists."""
    for side in (TRAIN, VALIDATION):
        check_free(out / side, overwrite)
    if not (chips / TABLE).exists():
        raise LabelError(f"{chips / TABLE}: no such file: run `landcover chips` first")
    table = read_layer(chips / TABLE, "chips")
    report = read_report(chips)
    if report.scheme != scheme.named:
        raise LabelError(f"{chips / TABLE}: was made with another scheme: run `landcover chips --overwrite`")
    pixels = table[[f"pixels_{c.value}" for c in scheme]].to_numpy(np.int64)
    home = homes(pixels, LEAST_SHARE)
    info = _info(chips / "images" / table["chip"].iloc[0], report)
    # the HDF5 library does not survive a full disk
    check_space(out / TRAIN, len(table) * info.chip_bytes)
    counts = {side: int((table["split"] == side).sum()) for side in (TRAIN, VALIDATION)}
    places = list(zip(table["chip"], table["column"].tolist(), table["row"].tolist(), strict=True))
    read = Reading(chips.absolute())
    with open_each(machines) as each, progress("stacking", len(table), "chips") as advance:
        for side in (TRAIN, VALIDATION):
            rows = np.flatnonzero(table["split"] == side).tolist()
            with whole_folder(out / side) as folder, ExitStack() as open_files:
                writers: dict[int, ChipWriter] = {}
                for row, chip in zip(rows, each(read, (places[row] for row in rows)), strict=True):
                    land_class = scheme.root[home[row]]
                    if land_class.value not in writers:
                        path = folder / f"{land_class.slug}{SUFFIX}"
                        writers[land_class.value] = open_files.enter_context(create_store(path, info))
                    writers[land_class.value].append(chip)
                    advance(1)
    write_report(out, report)
    return Stacks(out, counts)


def homes(pixels: NDArray[np.int64], least_share: float) -> NDArray[np.int64]:
    """The class index (n,) of each chip, from its labelled pixels (n, classes): the rarest in all the chips among
    those that hold at least the share in this one."""
    rarity = np.argsort(np.argsort(pixels.sum(axis=0), kind="stable"), kind="stable")
    enough = pixels >= np.maximum(least_share * pixels.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.where(enough, rarity, len(rarity)).argmin(axis=1), np.int64)


def _info(first: Path, report: SplitReport) -> StoreInfo:
    with open_raster(first) as dataset:
        return StoreInfo(
            report.scheme,
            dataset.width,
            dataset.count,
            dataset.dtypes[0],
            grid_of(dataset).pixel_metres,
            report.method,
            report.key,
        )


@dataclass(frozen=True)
class Reading:
    """Reads a chip of a folder, by its name and corner. Chips are large: they travel one by one."""

    chips: Path
    together: ClassVar[int] = 1

    def __call__(self, place: tuple[str, int, int]) -> Chip:
        name, column, row = place
        images, labels = self.chips / "images", self.chips / "labels"
        with open_raster(images / name) as image, open_raster(labels / name) as label:
            window = (column, row, image.width, image.height)
            whole = grid_of(image).whole
            return Chip(
                np.moveaxis(read_window(image, whole), 0, -1), read_band(label, whole).astype(np.uint8), window, name
            )
