"""Chips in parts by place, each to be held out once: whole sites or blocks, and none shares ground with what trains."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from landcover.errors import LabelError
from landcover.scheme import ClassScheme
from landcover.settings import Paths
from landcover.sites import sites
from landcover.splitreport import read_report
from landcover.train.chipset import Chips, ChipSet

MOST = 2 / 3
"""The share of the chips that a part may hold out: what is trained on less tells nothing of a training on all."""


class TooFew(LabelError):
    """There are not places enough for so many parts."""


@dataclass(frozen=True)
class Parts:
    """The chips of both sides, once for each part that they validate by; of each part its name, such as fold_2_of_5,
    the place (n,) of each chip that it holds out, and its share of the labelled pixels; and what places are, in
    words."""

    chips: tuple[Chips, ...]
    names: tuple[str, ...]
    places: tuple[NDArray[np.int64], ...]
    shares: tuple[float, ...]
    kind: str

    def only(self, number: int) -> "Parts":
        """One of them, from 0."""
        one = slice(number, number + 1)
        names, places, shares = self.names[one], self.places[one], self.shares[one]
        return replace(self, chips=self.chips[one], names=names, places=places, shares=shares)


def check_placed(paths: Paths) -> None:
    """Raise LabelError for chips that cannot be told apart by place."""
    if not read_report(paths.stacks).placed:
        raise LabelError("parts are made by place, and these chips do not tell where they lie")


def cut_parts(chips: Chips, scheme: ClassScheme, number: int, block: int) -> Parts:
    """So many parts by place: sites, where they are alike enough in size, else blocks, of `block` pixels or what comes
    nearest that does. Raises TooFew where a part would be empty, or leave too few to train on."""
    pool = chips.train + chips.validation
    counts = np.stack([np.bincount(pool.label(n).ravel(), minlength=256) for n in range(len(pool))])
    labelled = counts[:, list(scheme.values)]
    failed: TooFew | None = None
    for places, kind in ways(pool.corners, chips.info.size + chips.slack, number, block):
        part_of = deal(places, labelled, number)
        held = [part_of == part for part in range(number)]
        parts = [_part(chips, pool, there) for there in held]
        try:
            _check_parts(parts, pool, kind)
        except TooFew as error:
            failed = failed or error
            continue
        shares = [float(labelled[there].sum() / max(labelled.sum(), 1)) for there in held]
        names = tuple(f"fold_{part + 1}_of_{number}" for part in range(number))
        return Parts(tuple(parts), names, tuple(places[there] for there in held), tuple(shares), kind)
    raise failed or TooFew(f"there are no {number} places for {number} parts")


def _check_parts(parts: list[Chips], pool: ChipSet, kind: str) -> None:
    """Before the first training: hours later is too late."""
    for n, part in enumerate(parts, start=1):
        held, left = len(part.validation), len(pool) - len(part.validation)
        if not held or held > MOST * len(pool) or len(part.train) < left / 2:
            raise TooFew(
                f"of {kind}, part {n} of {len(parts)} holds out {held} of {len(pool)} chips, and "
                f"{len(part.train)} of the others share no ground with them"
            )


def ways(corners: NDArray[np.int64], size: int, number: int, block: int) -> Iterator[tuple[NDArray[np.int64], str]]:
    """The place (n,) of each chip, and what a place is, for each way to tell at least `number` places apart: sites;
    blocks of `block` pixels; smaller ones; larger ones, around which less of what trains shares ground. Chips are
    squares at `corners` (n, 2)."""
    site = sites(corners, size)
    if site.max() + 1 >= number:
        yield site, f"{site.max() + 1} sites"
    block = max(block, size)
    extent = int(np.ptp(corners, axis=0).max()) + size
    smaller = [side for n in range(1, 32) if (side := block // 2**n) > size / 2]
    larger = [side for n in range(1, 32) if (side := block * 2**n) < extent]
    for side in (block, *(max(side, size) for side in smaller), *larger):
        _, blocks = np.unique(corners // side, axis=0, return_inverse=True)
        if blocks.max() + 1 >= number:
            yield np.asarray(blocks, np.int64).ravel(), f"{blocks.max() + 1} blocks of {side} px"


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
    validation, size = pool.part(held), chips.info.size + chips.slack
    tree = KDTree(validation.corners)

    def apart(some: ChipSet) -> ChipSet:
        if not len(some):
            return some
        distance, _ = tree.query(some.corners, p=np.inf, distance_upper_bound=size)
        return some.part(np.asarray(distance >= size))

    # by place, whatever the split of the chips was
    info = replace(chips.info, split="blocks")
    return replace(chips, train=apart(pool.part(~held)), copies=apart(chips.copies), validation=validation, info=info)
