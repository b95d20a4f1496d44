"""Images and cells mapped on the workers of a cluster, by the code that maps them on one machine."""

import os
import platform
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from landcover.catalogue import PIXELS, find_kind
from landcover.classify import Failed, Kept, Outside, classify_one
from landcover.classify.cells import CELL_TAG, Cell, key_of
from landcover.classify.done import Done, as_told, find_done, read_done, read_told, remove_done, told_path
from landcover.classify.estimate import trial
from landcover.classify.mapper import Given, Mapper, check_given, given_by, needs_keras, open_mapper
from landcover.classify.predict import Classified, classify_image
from landcover.classify.stored import map_stored
from landcover.config import Config
from landcover.errors import Busy, NoData, OutputExists, OutsideArea
from landcover.files import whole_file
from landcover.image import find_image
from landcover.owncode import check_imported
from landcover.precision import Format
from landcover.quietly import import_quietly
from landcover.remote import threads_here
from landcover.scheme import ClassScheme
from landcover.settings import ClassifySettings
from landcover.store import Store

PATIENCE = 1.0
"""Seconds between looks at an output that a worker of a client that is gone may still be making."""

LONGEST = 900.0
"""Seconds after which it is given up: more than a cell takes, and the worker can do nothing else meanwhile."""


@dataclass(frozen=True)
class Whole:
    """An image to be mapped in one piece, of so many pixels."""

    image: str
    out: Path
    pixels: int


Made = Classified | Kept | Outside | Failed | Done

_turn = threading.Lock()
"""A process maps one thing at a time, with all of its threads: memory is set for one."""

_ready: dict[str, Mapper] = {}


def map_whole(
    config: Config,
    precision: Format | None,
    overwrite: bool,
    store: Store | None,
    piece: Whole,
    given: Given,
) -> Classified | Kept | Outside | Failed:
    """As `classify_all` maps each; `precision`: what "auto" is for all workers. Raises LandcoverError for what may go
    better elsewhere."""
    with _turn:
        mapper = _mapper_of(config.classify, given)
        mapper.settled = precision
        mapper.show_in(config.own_scheme)
        began = time.monotonic()
        while True:
            try:
                if store is not None:
                    return _map_whole_stored(config.classify, overwrite, store, piece, mapper)
                return classify_one(config, piece.image, piece.out, overwrite, mapper=mapper)
            except OutsideArea:
                return Outside(piece.image)
            except OutputExists as error:
                return Failed(piece.image, str(error))
            except Busy as error:
                _wait(began, error)


def _map_whole_stored(
    settings: ClassifySettings, overwrite: bool, store: Store, piece: Whole, mapper: Mapper
) -> Classified | Kept:
    image = find_image(piece.image, settings.collar, settings.skip_bad)
    cell = Cell(image, image.grid.whole, piece.out)
    key = key_of(cell, settings, mapper)
    made = map_stored(store, cell, settings, mapper, key, overwrite, whole=True)[1]
    return Kept(piece.out) if made is None else replace(made, path=piece.out)


def map_cell(
    asked: ClassifySettings,
    precision: Format,
    scheme: ClassScheme | None,
    overwrite: bool,
    store: Store | None,
    cell: Cell,
    given: Given,
) -> Done:
    """Map a cell, unless its map is there, with the settings that were asked for, but in the precision that was settled
    for its image; `scheme` as in `open_mapper`. Raises LandcoverError."""
    settings = asked.model_copy(update={"precision": precision})
    with _turn:
        mapper = _mapper_of(asked, given)
        mapper.settled = precision
        mapper.show_in(scheme)
        key = key_of(cell, settings, mapper)
        if store is not None:
            return map_stored(store, cell, settings, mapper, key, overwrite, whole=False)[0]
        began = time.monotonic()
        while True:
            before, again = read_told(told_path(cell.out)), False
            if not overwrite and cell.image.known:
                done, again = find_done(cell.out, before, key, settings)
                if done is not None:
                    return done if before and before.key == key else _told_of(cell.out, key, done)
            try:
                classify_image(cell.image, settings, cell.out, True, mapper=mapper, marks={CELL_TAG: key})
                return _told_of(cell.out, key, replace(read_done(cell.out, settings, kept=False), again=again))
            except (NoData, OutsideArea) as error:
                remove_done(cell.out)
                return Done({}, getattr(error, "unreadable", ()), "", False)
            except Busy as error:
                _wait(began, error)


def _told_of(out: Path, key: str, done: Done) -> Done:
    """What is in the map of a cell, when it is written beside it."""
    with whole_file(told_path(out)) as file:
        file.write_bytes(as_told(key, done))
    return done


def _wait(began: float, error: Busy) -> None:
    """Until the next look. Raises what was found if it has been so for too long."""
    if time.monotonic() - began >= LONGEST:
        raise error
    time.sleep(PATIENCE)


def chosen_precision(settings: ClassifySettings) -> Format:
    """What this worker would compute in."""
    with _turn:
        return ready_mapper(settings).precision


def seconds_a_pixel(settings: ClassifySettings) -> float:
    """Of those that the network sees, on this worker, by a trial."""
    with _turn:
        return trial(ready_mapper(settings))


def map_piece(
    config: Config,
    precision: Format | None,
    precisions: dict[str, Format],
    overwrite: bool,
    store: Store | None,
    piece: Whole | Cell,
    given: Given,
) -> Made:
    """A whole image, in a precision if one was settled, or a cell of an image that has its own in `precisions`;
    `store`: where the map goes if not to its path; `given`: what the files of the settings were when the command began.
    Raises ModelError where they are others."""
    if isinstance(piece, Whole):
        return map_whole(config, precision, overwrite, store, piece, given)
    precision = precisions[piece.image.path]
    return map_cell(config.classify, precision, config.own_scheme, overwrite, store, piece, given)


def _mapper_of(settings: ClassifySettings, given: Given) -> Mapper:
    mapper = ready_mapper(settings)
    where = f", or is another for the worker on {platform.node()}, which was started in {os.getcwd()}"
    check_given(settings, mapper.given, given, where)
    if settings.code is not None and mapper.code is not None:
        check_imported(find_kind(settings.code), mapper.code)
    return mapper


def ready_mapper(settings: ClassifySettings) -> Mapper:
    """The model of the settings, loaded once a process."""
    # what cells are cut to is no matter to a model
    name = f"{settings.model_dump_json(exclude={'cell'})} {given_by(settings)}"
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
