"""Cross-validation by place: each part of the chips validates once, and shares no ground with those that train."""

import csv
import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from landcover.errors import LabelError, OutputExists
from landcover.files import whole_file
from landcover.progress import Progress, silent
from landcover.scheme import ClassScheme
from landcover.settings import Paths, TrainSettings
from landcover.train.checkpoint import FILE, Epoch
from landcover.train.chipset import Chips, ChipSet, open_chips
from landcover.train.fit import METRICS, check_origin, learn, origin_of
from landcover.train.metrics import Scores

TABLE = "folds.csv"


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
    if (out / TABLE).exists() and not overwrite:
        raise OutputExists(out)
    if out.exists() and not resume:
        if not overwrite:
            raise OutputExists(f"{out} (cut off: --resume goes on)")
        shutil.rmtree(out)
    settings = settings.model_copy(update={"monitor": "none"})
    with closing(open_chips(paths, scheme)) as chips:
        pool = chips.train + chips.validation
        places, kind = group(pool.corners, chips.info.size, number, block)
        pixels = np.stack([np.bincount(pool.label(n).ravel(), minlength=256) for n in range(len(pool))])
        fold_of = deal(places, pixels[:, list(scheme.values)], number)
        folds = []
        for fold in range(number):
            part = _part(chips, pool, fold_of == fold)
            folder = out / f"fold_{fold + 1}"
            if (folder / FILE).exists() or not (folder / METRICS).exists():
                learn(part, settings, scheme, folder, progress, on_epoch)
                (folder / FILE).unlink()
            told = json.loads((folder / METRICS).read_text(encoding="utf-8"))
            check_origin(folder, told["origin"], origin_of(part, settings, scheme))
            scores = Scores.of(np.array(told["val_table"], np.int64))
            folds.append(Fold(len(part.train), len(part.validation), scores))
    made = Folds(out, tuple(folds), Scores.of(np.sum([fold.scores.table for fold in folds], axis=0)), kind)
    _write(made, scheme)
    return made


def group(corners: NDArray[np.int64], size: int, number: int, block: int) -> tuple[NDArray[np.int64], str]:
    """The place (n,) of each chip, and what a place is. Chips are squares at `corners` (n, 2)."""
    pairs = KDTree(corners).query_pairs(size, p=np.inf, output_type="ndarray")
    touching = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(corners),) * 2)
    sites, site = connected_components(touching, directed=False)
    if sites >= number:
        return np.asarray(site, np.int64), f"{sites} sites"
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
    for place in np.argsort(-held.sum(axis=1), kind="stable"):
        cost = ((folds + held[place]) ** 2 - folds**2).sum(axis=1)
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

    return Chips(apart(pool.part(~held)), apart(chips.copies), validation, chips.info)


def _write(made: Folds, scheme: ClassScheme) -> None:
    with whole_file(made.path / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        figures = ["accuracy", "mean_iou", *(f"iou_{c.slug}" for c in scheme)]
        writer.writerow(["fold", "train_chips", "held_out_chips", *figures])
        for n, fold in enumerate(made.folds, start=1):
            writer.writerow([n, fold.train, fold.held, fold.scores.accuracy, fold.scores.mean_iou, *fold.scores.iou])
        writer.writerow(["all", "", "", made.pooled.accuracy, made.pooled.mean_iou, *made.pooled.iou])
