"""Cross-validation by place: each part of the chips validates once, and shares no ground with those that train."""

import csv
import json
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landcover.catalogue import find_kind
from landcover.errors import Interrupted, LabelError, LandcoverError, OutputExists
from landcover.files import only_one, recover, replace_folder, whole_file
from landcover.progress import Progress, silent
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.train import pixels
from landcover.train.checkpoint import Epoch
from landcover.train.chipset import Chips, open_chips
from landcover.train.fit import learn
from landcover.train.length import settled
from landcover.train.origin import METRICS, check_origin, origin_of
from landcover.train.parts import TooFew, check_placed, cut_parts
from landcover.train.result import Scores
from landcover.train.task import check_fits
from landcover.train.unfinished import CHECKPOINT

TABLE = "folds.csv"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """Chips that trained and that were held out, and the scores of the latter after the last epoch."""

    train: int
    held: int
    scores: Scores


@dataclass(frozen=True)
class Folds:
    """What `cross_validate` made: the folder, the folds, the scores of the sum of their tables, and what the folds were
    cut from, in words."""

    path: Path
    folds: tuple[Fold, ...]
    pooled: Scores
    places: str


def cross_validate(
    paths: Paths,
    settings: TrainSettings,
    scheme: ClassScheme,
    number: int,
    block: int,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[Epoch, int], None] = lambda epoch, epochs: None,
) -> Folds:
    """Train `number` times on the chips of both sides, each time without another part of them, which validates.

    The parts are whole sites, chips that touch one another; with fewer sites than folds, blocks of `block` pixels, and
    training chips that reach into a validation chip are left out. No epoch is chosen: figures are those of the last
    one. Writes models/<name>-folds/ with folds.csv and a folder a fold. Raises LabelError, OutputExists.
    """
    out = paths.models / f"{settings.name}-folds"
    folder = out.with_name(f"{out.name}.training")
    settings = settings.model_copy(update={"monitor": "none"})
    with closing(open_chips(paths, scheme)) as chips:
        if not _of_pixels(settings):
            check_fits(settled(settings, chips), chips.info)
        try:
            check_placed(paths)
            parts = cut_parts(chips, scheme, number, block)
        except TooFew as error:
            raise LabelError(f"--folds {number}: {error}: take fewer folds, or another split.block") from None
        except LabelError as error:
            raise LabelError(f"--folds {number}: {error}") from None
        with only_one(folder):
            recover(out)
            _check_free(out, folder, overwrite, resume)
            if not resume:
                shutil.rmtree(folder, ignore_errors=True)
            folds: list[Fold] = []
            try:
                for n, part in enumerate(parts.chips, start=1):
                    sides = len(part.train), len(part.validation)
                    log.info("fold %d of %d: %d chips train, %d are held out", n, number, *sides)
                    folds.append(_fold(part, settings, scheme, folder / f"fold_{n}", progress, on_epoch))
            except KeyboardInterrupt:
                kept = f"{folder}: {len(folds)} of {number} folds and the last whole epoch of the next are kept"
                raise Interrupted(f"{kept}: go on with --resume") from None
            made = Folds(
                out, tuple(folds), Scores.of(np.sum([fold.scores.table for fold in folds], axis=0)), parts.kind
            )
            _write(folder / TABLE, made, scheme)
            replace_folder(folder, out)
    return made


def _of_pixels(settings: TrainSettings) -> bool:
    return find_kind(settings.model).family == "pixels"


def _check_free(out: Path, folder: Path, overwrite: bool, resume: bool) -> None:
    if out.exists() and not overwrite:
        raise OutputExists(out)
    if folder.exists() and not (resume or overwrite):
        raise LandcoverError(f"{folder}: folds that were cut off: go on with --resume, or start anew with --overwrite")


def _fold(
    part: Chips,
    settings: TrainSettings,
    scheme: ClassScheme,
    folder: Path,
    progress: Progress,
    on_epoch: Callable[[Epoch, int], None],
) -> Fold:
    """Train a fold, unless it is finished."""
    known = settled(settings, part)
    if not (folder / METRICS).exists():
        if _of_pixels(settings):
            pixels.learn(part, known, scheme, folder, progress)
        else:
            learn(part, known, scheme, folder, progress, on_epoch)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    told = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    check_origin(folder, told["origin"], origin_of(part, known, scheme))
    return Fold(len(part.train), len(part.validation), Scores.of(np.array(told["val_table"], np.int64)))


def _write(path: Path, made: Folds, scheme: ClassScheme) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        figures = ["accuracy", "mean_iou", *(f"iou_{c.slug}" for c in scheme)]
        writer.writerow(["fold", "train_chips", "held_out_chips", *figures])
        for n, fold in enumerate(made.folds, start=1):
            writer.writerow([n, fold.train, fold.held, fold.scores.accuracy, fold.scores.mean_iou, *fold.scores.iou])
        writer.writerow(["all", "", "", made.pooled.accuracy, made.pooled.mean_iou, *made.pooled.iou])
