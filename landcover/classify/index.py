"""The index of a map that is made in cells: it opens as one raster, with colours and names."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
from rasterio.windows import Window
from shapely.geometry import box

from landcover import vrt
from landcover.classraster import (
    CELLS_FILE,
    CONFIDENCE,
    CONTENT_TAG,
    MODEL_TAG,
    NO_PERCENT,
    OPTIONS_TAG,
    PRECISION_TAG,
    SCHEME_TAG,
    VERSION_TAG,
    confidence_path,
    is_confidence,
)  # fmt: skip
from landcover.companions import CELLS_TAG
from landcover.errors import ImageError, LandcoverError
from landcover.files import whole_file
from landcover.fingerprint import combined
from landcover.grid import Grid
from landcover.parallel import on_all_cores
from landcover.provenance import record_path
from landcover.raster import open_raster
from landcover.scheme import BACKGROUND, ClassScheme
from landcover.store import Store
from landcover.vector import write_layers

NAMED = re.compile(r"r\d{7}_c\d{7}[._]")

MAKING = (VERSION_TAG, MODEL_TAG, PRECISION_TAG)
"""Metadata items that an index and its cells have alike, besides the options."""


@dataclass(frozen=True)
class Shown:
    """A cell of a map: where it is, its file, the pixels of each class value, the fingerprint of its content."""

    window: Window
    path: Path
    pixels: Mapping[int, int]
    content: str


def cells_folder(index: Path) -> Path:
    """Where the cells of a map are: beside its index."""
    return index.with_name(f"{index.stem}_cells")


def write_index(
    index: Path, grid: Grid, scheme: ClassScheme, cells: Sequence[Shown], items: Mapping[str, str], confidence: bool
) -> None:
    """A VRT, a style for QGIS beside it, and among the cells a layer of their outlines; with `confidence` another VRT.
    The map gets its name last. Raises LandcoverError."""
    content = combined((cell.path.name, cell.content) for cell in cells)
    told = {**items, CELLS_TAG: content}
    _write_tiles(cells_folder(index) / CELLS_FILE, grid, scheme, cells)
    with whole_file(index.with_suffix(".qml")) as style:
        style.write_text(scheme.style(), encoding="utf-8")
    if confidence:
        beside = [(_told(confidence_path(cell.path), index), cell.window) for cell in cells]
        with whole_file(confidence_path(index)) as file:
            file.write_text(vrt.classes(grid, beside, NO_PERCENT, {**told, CONTENT_TAG: CONFIDENCE}), encoding="utf-8")
    elif is_confidence(confidence_path(index)):
        # of the map before
        confidence_path(index).unlink()
    placed = [(_told(cell.path, index), cell.window) for cell in cells]
    with whole_file(index) as file:
        told[SCHEME_TAG] = scheme.model_dump_json()
        file.write_text(vrt.classes(grid, placed, BACKGROUND, told, scheme), encoding="utf-8")


def withdraw_index(index: Path, store: Store | None = None) -> None:
    """Remove an index, on a disk and in a `store`, with its record, before cells of it are replaced: a run that is cut
    off would leave it to tell of what is no more. Raises LandcoverError."""
    beside, outlines = confidence_path(index), cells_folder(index) / CELLS_FILE
    try:
        # the index is the first: without it the others tell nothing
        for path in (index, record_path(index), *([beside] if is_confidence(beside) else []), outlines):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise LandcoverError(f"{index}: cannot be replaced ({error.strerror or error})") from error
    if store is not None:
        for path in (index, beside, outlines):
            store.remove(path)


def shows_its_own(index: Path) -> bool:
    """Whether the cells that an index shows are there, and those that it was written for: none is newer, and all tell
    the same of their making. No pixel is read."""
    try:
        told, written = _making(index), index.stat().st_mtime_ns
        return all(on_all_cores(partial(_is_shown, told, written), vrt.sources(index)))
    except (ImageError, OSError):
        return False


def _is_shown(told: Mapping[str, object], written: int, cell: Path) -> bool:
    return cell.stat().st_mtime_ns <= written and _making(cell) == told


def _making(path: Path) -> dict[str, object]:
    with open_raster(path) as dataset:
        tags = dataset.tags()
    options = json.loads(tags.get(OPTIONS_TAG, "{}"))
    # where it is chosen, cells tell what it came to
    options.pop("precision", None)
    return {name: tags.get(name) for name in MAKING} | {OPTIONS_TAG: options}


def _told(path: Path, index: Path) -> str:
    return Path(os.path.relpath(path, index.parent)).as_posix()


def _write_tiles(path: Path, grid: Grid, scheme: ClassScheme, cells: Sequence[Shown]) -> None:
    columns = {
        "location": [cell.path.name for cell in cells],
        "row": [int(cell.window.row_off) for cell in cells],
        "column": [int(cell.window.col_off) for cell in cells],
        "sha256": [cell.content for cell in cells],
    }
    columns |= {f"pixels_{c.value}": [cell.pixels.get(c.value, 0) for cell in cells] for c in scheme}
    outlines = [box(*grid.box(cell.window)) for cell in cells]
    write_layers(path, [("cells", gpd.GeoDataFrame(columns, geometry=outlines, crs=grid.crs.to_wkt()))])


def sweep_cells(index: Path, cells: Sequence[Shown], store: Store | None = None) -> None:
    """Remove what runs that were cut off, or cut otherwise, left among the cells of a map that is whole, on a disk or
    in a `store`. Raises LandcoverError."""
    known = {cell.path.stem for cell in cells}
    folder = cells_folder(index)
    for file in store.listed(folder) if store else folder.iterdir():
        other = NAMED.match(file.name) and file.name[: len("r0000000_c0000000")] not in known
        if other or file.name.startswith((".partial-", ".unfinished-")):
            if store is not None:
                store.remove(file)
            else:
                file.unlink(missing_ok=True)
