"""An image too large for one piece, on its way to a map in cells."""

import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landcover.classify import Failed, Kept, Spread, find_recorded, recorder_of
from landcover.classify.area import read_area
from landcover.classify.cells import Cell, cell_side, cut_image
from landcover.classify.index import Shown, cells_folder, sweep_cells, write_index
from landcover.classify.mapper import Mapper, check_given, given_by, open_mapper
from landcover.classify.predict import CONFIDENCE_BYTES, MAP_BYTES, told_of
from landcover.classify.suitable import check_image
from landcover.classraster import CELLS_FILE, PRECISION_TAG, confidence_path
from landcover.companions import CELLS_TAG
from landcover.config import Config
from landcover.errors import ImageError, NoData
from landcover.files import check_free, check_space, whole_file
from landcover.image import Image
from landcover.imagereader import CELL
from landcover.model import read_card
from landcover.modelfile import EXPORTED
from landcover.precision import Format
from landcover.provenance import Recorder, as_tag, record_path
from landcover.raster import open_raster
from landcover.scheme import IMAGE_PATH_TAG, IMAGE_TAG
from landcover.settings import ClassifySettings
from landcover.store import Store

CHOSEN = "cells.json"
"""What "auto" came to, in the folder of the cells: a run that goes on does alike."""

log = logging.getLogger(__name__)


@dataclass
class Large:
    """`done` and `failed` fill as the cells come in; `precision` is None until somebody chose it."""

    name: str
    index: Path
    image: Image
    fingerprint: str
    cells: list[Cell]
    side: int
    mapper: Mapper
    settings: ClassifySettings
    recorder: Recorder
    precision: Format | None
    done: list[Shown] = field(default_factory=list)
    failed: list[tuple[Cell, str]] = field(default_factory=list)
    empty: int = 0
    kept: int = 0
    again: int = 0
    unreadable: set[tuple[str, int, int]] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)

    @property
    def whole(self) -> bool:
        """Whether all cells came in."""
        return len(self.done) + len(self.failed) + self.empty == len(self.cells)

    def note_choice(self, store: Store | None) -> None:
        chosen = cells_folder(self.index) / CHOSEN
        with whole_file(chosen) as file:
            told = {"side": self.side, "precision": self.precision, "model": self.mapper.digest}
            file.write_text(json.dumps(told) + "\n", encoding="utf-8")
        if store is not None:
            store.put(chosen)


def plan_large(
    config: Config, mapper: Mapper, name: str, image: Image, index: Path, overwrite: bool, store: Store | None = None
) -> Large | Kept:
    """What there is to do for an image; `mapper`: as from `basis`, one for all images, for it may hold much; `store`:
    where the map goes if not to its path. Raises LandcoverError, OutsideArea."""
    settings = config.classify
    kept = None if overwrite else find_recorded(config, name, index)
    if kept is not None:
        return kept
    mapper.show_in(config.own_scheme)
    fingerprint = image.fingerprint()
    if store is not None:
        store.fetch(index)
    if not _is_of(index, fingerprint, settings, mapper):
        check_free(index, overwrite)
    with image.open(settings.skip_bad) as reader:
        check_image(mapper.card, image, reader)
    folder = cells_folder(index)
    if store is not None:
        store.fetch(folder / CHOSEN)
    before = {} if overwrite else _chosen(folder, mapper.digest)
    side = before["side"] if settings.cell == "auto" and before else cell_side(settings)
    precision = settings.precision if settings.precision != "auto" else before.get("precision")
    cells = cut_image(image, side, mapper.halo, mapper.card.multiple, folder)
    if settings.aoi:
        area = read_area(settings.aoi, image.grid)
        cells = [cell for cell in cells if area.touches(cell.window)]
    if not cells:
        raise NoData(f"{name}: has no pixel with data to map")
    todo = sum(cell.window.height * cell.window.width for cell in cells if not cell.out.exists())
    if store is None:
        check_space(folder / CHOSEN, int(todo * (MAP_BYTES + CONFIDENCE_BYTES * settings.confidence)))
    recorder = recorder_of(config, name, index, mapper)
    return Large(name, index, image, fingerprint, cells, side, mapper, settings, recorder, precision)


def finish(large: Large, store: Store | None = None) -> Spread | Failed:
    """Write the index, when all cells came in, and store it where the cells are. Raises ModelError if the model, its
    code or the area has changed meanwhile."""
    if large.failed:
        cell, reason = large.failed[0]
        return Failed(
            large.name,
            f"{len(large.failed):,} of {len(large.cells):,} cells could not be mapped, the first at column "
            f"{cell.window.col_off}, row {cell.window.row_off}: {reason} (the others are kept: the same command goes "
            "on from there)",
        )
    if large.image.fingerprint() != large.fingerprint:
        return Failed(large.name, "has changed while it was read: give the command again when it is whole")
    check_given(large.settings, given_by(large.settings), large.mapper.given)
    if not large.done:
        return Failed(large.name, "has no pixel with data to map")
    scheme, settings, index = large.mapper.card.scheme, large.settings, large.index
    cells = sorted(large.done, key=lambda cell: cell.path.name)
    items = told_of(settings, large.mapper) | {PRECISION_TAG: str(large.precision), IMAGE_TAG: large.fingerprint}
    items |= {IMAGE_PATH_TAG: large.image.path} | as_tag(large.recorder.essence)
    write_index(index, large.image.grid, scheme, cells, items, settings.confidence)
    if large.again:
        log.warning(
            "Note: %s: %d cells had been changed or removed since they were made: they are made anew", large.name,
            large.again,
        )  # fmt: skip
    if large.unreadable:
        file, column, row = min(large.unreadable)
        log.warning(
            "Note: %s: %d cells of %d x %d px could not be read and count as no data, the first at column %d, row %d "
            "of %s", large.name, len(large.unreadable), CELL, CELL, column, row, file,
        )  # fmt: skip
        # of a damaged image there is no record, so that it is looked at again
        record_path(index).unlink(missing_ok=True)
    else:
        large.recorder.write(time.monotonic() - large.began, heeded=large.mapper.heeded)
    sweep_cells(index, cells)
    pixels = {c.name: sum(cell.pixels.get(c.value, 0) for cell in cells) for c in scheme}
    confidence = confidence_path(index) if settings.confidence else None
    if store is not None:
        beside = [cells_folder(index) / CELLS_FILE, index.with_suffix(".qml")]
        for path in (*beside, *([confidence] if confidence else []), index):
            store.put(path)
        sweep_cells(index, cells, store)
        if confidence is None:
            store.remove(confidence_path(index))
    return Spread(index, confidence, pixels, len(cells), large.kept)


def basis(settings: ClassifySettings) -> Mapper:
    """What a mapper knows before the network is loaded, which the workers do."""
    if settings.model.suffix.lower() in EXPORTED:
        return open_mapper(settings)
    return Mapper(settings, read_card(settings.model))


def _is_of(index: Path, fingerprint: str, settings: ClassifySettings, mapper: Mapper) -> bool:
    """Whether an index without a record says that it is of this image, model and options."""
    try:
        with open_raster(index) as dataset:
            tags = dataset.tags()
    except ImageError:
        return False
    return CELLS_TAG in tags and (told_of(settings, mapper) | {IMAGE_TAG: fingerprint}).items() <= tags.items()


def _chosen(folder: Path, model: str) -> dict[str, Any]:
    """For this model: another may not compute so."""
    try:
        found = json.loads((folder / CHOSEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = isinstance(found, dict) and {"side", "precision"} <= found.keys() and found.get("model") == model
    return found if known else {}


def outcome_of(large: Large, cell: Cell, trouble: str | None, made: Any) -> None:
    """Note what became of a cell."""
    if trouble is not None:
        large.failed.append((cell, trouble))
        return
    # cells beside each other read the same, in their halo
    large.unreadable.update(made.unreadable)
    if not made.content:
        large.empty += 1
    else:
        large.done.append(Shown(cell.window, cell.out, made.pixels, made.content))
        large.kept += made.kept
        large.again += made.again
