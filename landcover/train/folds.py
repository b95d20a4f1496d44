"""Cross-validation by place: each part of the chips validates once, and shares no ground with those that train."""

import csv
import json
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from landcover.catalogue import find_kind
from landcover.errors import Interrupted, LabelError, LandcoverError, OutputExists
from landcover.files import only_one, recover, replace_folder, whole_file
from landcover.progress import Progress, silent
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.sites import sites
from landcover.splitreport import read_report
from landcover.train import pixels
from landcover.train.checkpoint import Epoch
from landcover.train.chipset import Chips, ChipSet, open_chips
from landcover.train.fit import learn
from landcover.train.origin import METRICS, check_origin, origin_of
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
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
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
        if not read_report(paths.stacks).placed:
            raise LabelError(f"--folds {number}: folds are made by place, and these chips do not tell where they lie")
        if not _of_pixels(settings):
            check_fits(settings, chips.info)
        pool = chips.train + chips.validation
        places, kind = group(pool.corners, chips.info.size, number, block)
        counts = np.stack([np.bincount(pool.label(n).ravel(), minlength=256) for n in range(len(pool))])
        fold_of = deal(places, counts[:, list(scheme.values)], number)
        parts = [_part(chips, pool, fold_of == fold) for fold in range(number)]
        _check_parts(parts, pool, kind)
        with only_one(folder):
            recover(out)
            _check_free(out, folder, overwrite, resume)
            if not resume:
                shutil.rmtree(folder, ignore_errors=True)
            folds: list[Fold] = []
            try:
                for n, part in enumerate(parts, start=1):
                    sides = len(part.train), len(part.validation)
                    log.info("fold %d of %d: %d chips train, %d are held out", n, number, *sides)
                    folds.append(_fold(part, settings, scheme, folder / f"fold_{n}", progress, on_epoch))
            except KeyboardInterrupt:
                kept = f"{folder}: {len(folds)} of {number} folds and the last whole epoch of the next are kept"
                raise Interrupted(f"{kept}: go on with --resume") from None
            made = Folds(out, tuple(folds), Scores.of(np.sum([fold.scores.table for fold in folds], axis=0)), kind)
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
    on_epoch: Callable[[Epoch], None],
) -> Fold:
    """Train a fold, unless it is finished."""
    if not (folder / METRICS).exists():
        (pixels.learn if _of_pixels(settings) else learn)(part, settings, scheme, folder, progress, on_epoch)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    told = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    check_origin(folder, told["origin"], origin_of(part, settings, scheme))
    return Fold(len(part.train), len(part.validation), Scores.of(np.array(told["val_table"], np.int64)))


def _check_parts(parts: list[Chips], pool: ChipSet, kind: str) -> None:
    """Before the first training: hours later is too late."""
    for n, part in enumerate(parts, start=1):
        left = len(pool) - len(part.validation)
        if not len(part.validation) or len(part.train) < left / 2:
            raise LabelError(
                f"--folds {len(parts)}: of {kind}, fold {n} holds out {len(part.validation)} of {len(pool)} chips, and "
                f"{len(part.train)} of the others share no ground with them: take fewer folds, or a larger split.block"
            )


def group(corners: NDArray[np.int64], size: int, number: int, block: int) -> tuple[NDArray[np.int64], str]:
    """The place (n,) of each chip, and what a place is. Chips are squares at `corners` (n, 2)."""
    site = sites(corners, size)
    if site.max() + 1 >= number:
        return site, f"{site.max() + 1} sites"
    block = max(block, size)
    while True:
        _, blocks = np.unique(corners // block, axis=0, return_inverse=True)
        if blocks.max() + 1 >= number:
            return np.asarray(blocks, np.int64).ravel(), f"{blocks.max() + 1} blocks of {block} px"
        if block <= size:
            raise LabelError(f"--folds {number}: there are only {blocks.max() + 1} places: take fewer folds")
        block = max(block // 2, size)


def deal(places: NDArray[np.int64], pixels: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The fold (n,) of each chip: places, the largest first, go where they make the folds' shares of the classes most
    even. `pixels`: (n, classes)."""
    held = np.zeros((places.max() + 1, pixels.shape[1]))
    np.add.at(held, places, pixels)
    held /= np.maximum(held.sum(axis=0), 1)
    folds = np.zeros((number, pixels.shape[1]))
    chosen = np.zeros(len(held), np.int64)
    for turn, place in enumerate(np.argsort(-held.sum(axis=1), kind="stable")):
        uneven = ((folds + held[place]) ** 2 - folds**2).sum(axis=1)
        # the first places go to a fold each; of folds that are as good, the one that holds least
        cost = uneven + 1e-9 * folds.sum(axis=1) + (1e9 * (folds.sum(axis=1) > 0) if turn < number else 0)
        chosen[place] = cost.argmin()
        folds[chosen[place]] += held[place]
    return chosen[places]


def _part(chips: Chips, pool: ChipSet, held: NDArray[np.bool_]) -> Chips:
    """The chips with those `held` out to validate; what shares ground with them trains no more."""
    validation, size = pool.part(held), chips.info.size
    tree = KDTree(validation.corners)

    def apart(some: ChipSet) -> ChipSet:
        if not len(some):
            return some
        distance, _ = tree.query(some.corners, p=np.inf, distance_upper_bound=size)
        return some.part(np.asarray(distance >= size))

    # by place, whatever the split of the chips was
    info = replace(chips.info, split="blocks")
    return Chips(apart(pool.part(~held)), apart(chips.copies), validation, info)


def _write(path: Path, made: Folds, scheme: ClassScheme) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        figures = ["accuracy", "mean_iou", *(f"iou_{c.slug}" for c in scheme)]
        writer.writerow(["fold", "train_chips", "held_out_chips", *figures])
        for n, fold in enumerate(made.folds, start=1):
            writer.writerow([n, fold.train, fold.held, fold.scores.accuracy, fold.scores.mean_iou, *fold.scores.iou])
        writer.writerow(["all", "", "", made.pooled.accuracy, made.pooled.mean_iou, *made.pooled.iou])
