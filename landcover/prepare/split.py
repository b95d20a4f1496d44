"""Which chips train and which validate, decided by place. Arithmetic alone, no files."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landcover.scheme import ClassScheme
from landcover.settings import SplitSettings

TRAIN, VALIDATION, DROPPED = "train", "validation", "dropped"
REMEDY = "label more places, lower chips.size or split.block, or change split.validation"
TRIALS = 400
"""Random choices of blocks that are tried; the best one is kept."""


@dataclass(frozen=True)
class Split:
    """The side of each chip, and in words what the labels did not allow."""

    sides: NDArray[np.str_]
    unmet: tuple[str, ...]


def split(
    windows: NDArray[np.int64],
    size: int,
    regions: NDArray[np.int64],
    pixels: NDArray[np.int64],
    scheme: ClassScheme,
    settings: SplitSettings,
) -> Split:
    """Give each chip a side.

    `windows`: (n, 2) column and row of each chip, counted from its region's corner in `regions` (n, 3): number,
    column and row on the mosaic. `pixels`: (n, classes) labelled pixels. With method blocks the regions are cut into
    blocks; validation chips lie wholly in validation blocks, and a training chip shares no pixel with any of them.
    """
    random = np.random.default_rng(settings.seed)
    if settings.method == "random":
        chosen = random.random(len(windows)) < settings.validation
        sides = np.where(chosen, VALIDATION, TRAIN)
        leak = "the split is random: where chips overlap or touch, its figures leak"
        return Split(sides, (leak, *_unmet(sides, pixels, scheme)))
    corners = windows + regions[:, 1:]
    blocks = _blocks_of(windows, size, regions[:, 0], _block_size(windows, size, regions[:, 0], pixels, settings))
    sides = _sides(blocks, _best_blocks(blocks, pixels, settings.validation, random))
    touching = _overlapping(corners[sides == TRAIN], corners[sides == VALIDATION], size)
    sides[np.flatnonzero(sides == TRAIN)[touching]] = DROPPED
    return Split(sides, tuple(_unmet(sides, pixels, scheme)))


def _block_size(
    windows: NDArray[np.int64],
    size: int,
    regions: NDArray[np.int64],
    pixels: NDArray[np.int64],
    settings: SplitSettings,
) -> int:
    """The block size asked for, halved down to the chip size until there are blocks to choose from."""
    wanted = int(np.ceil(2 / settings.validation))
    block = max(settings.block, size)
    while block // 2 >= size and len(np.unique(_blocks_of(windows, size, regions, block)[:, 0])) < wanted:
        block //= 2
    return block


def _blocks_of(windows: NDArray[np.int64], size: int, regions: NDArray[np.int64], block: int) -> NDArray[np.int64]:
    """The (n, 4) numbers of the blocks under each chip's corners."""
    first, last = windows // block, (windows + size - 1) // block
    corners = [
        (first[:, 0], first[:, 1]),
        (last[:, 0], first[:, 1]),
        (first[:, 0], last[:, 1]),
        (last[:, 0], last[:, 1]),
    ]
    names = np.stack([np.stack([regions, column, row], axis=-1) for column, row in corners], axis=1)
    _, numbers = np.unique(names.reshape(-1, 3), axis=0, return_inverse=True)
    return np.asarray(numbers, np.int64).reshape(len(windows), 4)


def _sides(blocks: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.str_]:
    inside = chosen[blocks]
    return np.where(inside.all(axis=1), VALIDATION, np.where(inside.any(axis=1), DROPPED, TRAIN))


def _best_blocks(
    blocks: NDArray[np.int64], pixels: NDArray[np.int64], share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """The blocks that validate: of many random choices, that whose classes come closest to the share on that side."""
    total = pixels.sum(axis=0)
    present = total > 0
    number = blocks.max() + 1
    held = np.zeros((number, pixels.shape[1]))
    np.add.at(held, blocks[:, 0], pixels)
    best, least = np.zeros(number, bool), np.inf
    for _ in range(TRIALS):
        chosen = _draw(held, total, share, random)
        sides = _sides(blocks, chosen)
        validation = pixels[sides == VALIDATION].sum(axis=0)
        train = pixels[sides == TRAIN].sum(axis=0)
        kept = validation + train
        missing = ((validation == 0) | (train == 0)) & present
        off = np.abs(validation / np.maximum(kept, 1) - share)[present].mean() / share
        lost = 1 - kept.sum() / max(total.sum(), 1)
        empty = not (sides == VALIDATION).any() or not (sides == TRAIN).any()
        cost = 1000.0 * empty + 10.0 * missing.sum() + off + lost
        if cost < least:
            best, least = chosen, cost
    return best


def _draw(
    held: NDArray[np.float64], total: NDArray[np.int64], share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Blocks in random order, taken while some class is short of its share and none would go far beyond."""
    goal = share * total
    chosen = np.zeros(len(held), bool)
    sum_ = np.zeros(len(goal))
    for block in random.permutation(len(held)):
        after = sum_ + held[block]
        gains = (held[block] > 0) & (sum_ < goal)
        if gains.any() and (after <= np.maximum(2 * goal, 0.5 * total)).all() and after.sum() < 1.5 * goal.sum() + 1:
            chosen[block], sum_ = True, after
    if not chosen.any():
        # every block is more than was asked for: one is still better than none
        chosen[random.choice(np.flatnonzero(held.sum(axis=1)))] = True
    return chosen


def _overlapping(chips: NDArray[np.int64], others: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Which chips (n, 2: column, row) share a pixel with any of the others."""
    from scipy.spatial import KDTree

    if not len(chips) or not len(others):
        return np.zeros(len(chips), bool)
    # squares overlap when their corners are nearer than their size along both axes
    distance, _ = KDTree(others).query(chips, p=np.inf, distance_upper_bound=size)
    return np.asarray(distance < size)


def _unmet(sides: NDArray[np.str_], pixels: NDArray[np.int64], scheme: ClassScheme) -> list[str]:
    absent = [c.name for c, n in zip(scheme, pixels.sum(axis=0), strict=True) if not n]
    messages = [f"no chip holds {', '.join(absent)}"] if absent else []
    for side, name in ((TRAIN, "training"), (VALIDATION, "validation")):
        if not (sides == side).any():
            messages.append(f"no chip is left for {name}: {REMEDY}")
            continue
        here = pixels[sides == side].sum(axis=0)
        missing = [c.name for c, n, total in zip(scheme, here, pixels.sum(axis=0), strict=True) if total and not n]
        if missing:
            messages.append(f"no {name} chip holds {', '.join(missing)}")
    return messages
