"""Images and cells mapped on the workers of a cluster, by the code that maps them on one machine."""

import hashlib
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landcover.catalogue import PIXELS
from landcover.classify import Failed, Kept, Outside, classify_one
from landcover.classify.cells import CELL_TAG, Cell, key_of
from landcover.classify.estimate import trial
from landcover.classify.journal import journal_path
from landcover.classify.mapper import Mapper, needs_keras, open_mapper
from landcover.classify.predict import UNREADABLE_TAG, Classified, classify_image
from landcover.classraster import confidence_path
from landcover.config import Config
from landcover.errors import Busy, ImageError, NoData, OutputExists, OutsideArea
from landcover.fingerprint import combined, digest
from landcover.histogram import byte_counts
from landcover.precision import Format
from landcover.quietly import import_quietly
from landcover.raster import open_raster, read_band, stored_blocks
from landcover.remote import threads_here
from landcover.settings import ClassifySettings

PATIENCE = 1.0
"""Seconds between looks at an output that a worker of a client that is gone may still be making."""


@dataclass(frozen=True)
class Whole:
    """An image to be mapped in one piece, of so many pixels."""

    image: str
    out: Path
    pixels: int


@dataclass(frozen=True)
class Done:
    """The map of a cell: the pixels of each class value, and how many parts of the image could not be read; `content`:
    the fingerprint of its files, none where there is nothing to map; `kept`: it was there already."""

    pixels: dict[int, int]
    unreadable: int
    content: str
    kept: bool


Made = Classified | Kept | Outside | Failed | Done

_turn = threading.Lock()
"""A process maps one thing at a time, with all of its threads: memory is set for one."""

_ready: dict[str, Mapper] = {}


def map_whole(config: Config, overwrite: bool, piece: Whole) -> Classified | Kept | Outside | Failed:
    """As `classify_all` maps each. Raises LandcoverError for what may go better elsewhere."""
    with _turn:
        mapper = ready_mapper(config.classify)
        while True:
            try:
                return classify_one(config, piece.image, piece.out, overwrite, mapper=mapper)
            except OutsideArea:
                return Outside(piece.image)
            except OutputExists as error:
                return Failed(piece.image, str(error))
            except Busy:
                time.sleep(PATIENCE)


def map_cell(settings: ClassifySettings, overwrite: bool, cell: Cell) -> Done:
    """Map a cell, unless its map is there. Raises LandcoverError."""
    with _turn:
        mapper = ready_mapper(settings)
        key = key_of(cell, settings, mapper)
        while True:
            if not overwrite and _is_current(cell.out, key, settings):
                return _read(cell.out, settings, kept=True)
            try:
                classify_image(cell.image, settings, cell.out, True, mapper=mapper, marks={CELL_TAG: key})
                return _read(cell.out, settings, kept=False)
            except (NoData, OutsideArea):
                remove_cell(cell.out)
                return Done({}, 0, "", False)
            except Busy:
                time.sleep(PATIENCE)


def chosen_precision(settings: ClassifySettings) -> Format:
    """What this worker would compute in."""
    with _turn:
        return ready_mapper(settings).precision


def seconds_a_pixel(settings: ClassifySettings) -> float:
    """Of those that the network sees, on this worker, by a trial."""
    with _turn:
        return trial(ready_mapper(settings))


def map_piece(config: Config, precisions: dict[str, Format], overwrite: bool, piece: Whole | Cell) -> Made:
    """A whole image, or a cell of an image that has its precision in `precisions`."""
    if isinstance(piece, Whole):
        return map_whole(config, overwrite, piece)
    settings = config.classify.model_copy(update={"precision": precisions[piece.image.path]})
    return map_cell(settings, overwrite, piece)


def ready_mapper(settings: ClassifySettings) -> Mapper:
    """The model of the settings, loaded once a process."""
    name = hashlib.sha256(settings.model_dump_json().encode() + digest(settings.model).encode()).hexdigest()
    if settings.aoi is not None:
        name += digest(settings.aoi) if settings.aoi.is_file() else ""
    if name not in _ready:
        _limit_threads(threads_here(), settings.model)
        # one is enough to hold in memory
        _ready.clear()
        _ready[name] = open_mapper(settings)
    return _ready[name]


def _limit_threads(number: int, model: Path) -> None:
    """Workers of one machine share its cores."""
    if not needs_keras(model):
        if model.suffix.lower() == PIXELS:
            from landcover.classify import pixelmapper

            pixelmapper.THREADS = number
        else:
            from landcover.classify import onnxmapper

            onnxmapper.THREADS = number
        return
    import_quietly("keras")
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(number)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # it computes already, with as many as it was given then
        pass


def _is_current(out: Path, key: str, settings: ClassifySettings) -> bool:
    if not out.exists() or journal_path(out).exists() or (settings.confidence and not confidence_path(out).exists()):
        return False
    try:
        with open_raster(out) as dataset:
            tags = dataset.tags()
    except ImageError:
        return False
    return tags.get(CELL_TAG) == key and (settings.skip_bad or UNREADABLE_TAG not in tags)


def _read(out: Path, settings: ClassifySettings, kept: bool) -> Done:
    """What stands in the map of a cell."""
    counts: Counter[int] = Counter()
    with open_raster(out) as dataset:
        unreadable = int(dataset.tags().get(UNREADABLE_TAG, 0))
        for block in stored_blocks(dataset):
            found = byte_counts(read_band(dataset, block))
            counts.update({value: int(found[value]) for value in np.flatnonzero(found).tolist() if value})
    files = [out, confidence_path(out)] if settings.confidence else [out]
    return Done(dict(counts), unreadable, combined((file.name, digest(file)) for file in files), kept)


def remove_cell(out: Path) -> None:
    """The map of a cell and what belongs to it."""
    beside = (out.with_name(f"{out.name}.aux.xml"), out.with_suffix(".qml"), confidence_path(out))
    for file in (out, *beside):
        file.unlink(missing_ok=True)
