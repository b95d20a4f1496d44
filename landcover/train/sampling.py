"""Which chip is shown when: drawn by class, in an order that is new each epoch. Arithmetic alone."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Balance = Literal["none", "sqrt", "equal"]


def epoch_counts(sizes: NDArray[np.int64], number: int, balance: Balance) -> NDArray[np.int64]:
    """(classes,) how many of an epoch's chips are of each class, the same in each epoch, by how many there are: as
    their number (none), the root of that (sqrt), or the same for all (equal). A class that has chips is shown, be it
    ever so small."""
    shares = sizes ** {"none": 1.0, "sqrt": 0.5, "equal": 0.0}[balance] * (sizes > 0)
    counts = _whole(number * shares / shares.sum())
    missed = (counts == 0) & (sizes > 0)
    if missed.any() and counts.max() > missed.sum():
        counts[missed] = 1
        counts[counts.argmax()] -= missed.sum()
    return counts


def epoch_order(
    classes: Sequence[NDArray[np.int64]], number: int, balance: Balance, seed: int, epoch: int
) -> NDArray[np.int64]:
    """`number` chips in random order; the same for the same seed and epoch.

    `classes` holds the chips of each class, of which as many are drawn as `epoch_counts` says. Within a class every
    chip has been drawn before one is drawn again, also across epochs.
    """
    counts = epoch_counts(np.array([len(chips) for chips in classes]), number, balance)
    # where an epoch's draws of a class begin follows from its number
    drawn = [
        _dealt(chips, epoch * count, int(count), (seed, index))
        for index, (chips, count) in enumerate(zip(classes, counts, strict=True))
        if count
    ]
    return np.random.default_rng((seed, epoch, len(classes))).permutation(np.concatenate(drawn))


def _whole(parts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers with the same sum, each next to its part (largest remainders)."""
    whole = np.floor(parts + 1e-9).astype(np.int64)
    missing = round(parts.sum()) - whole.sum()
    whole[np.argsort(whole - parts, kind="stable")[:missing]] += 1
    return whole


def _dealt(chips: NDArray[np.int64], start: int, number: int, seed: tuple[int, int]) -> NDArray[np.int64]:
    """Cards `start` to `start + number` of a pack that is shuffled anew each time it is used up."""
    packs = range(start // len(chips), (start + number - 1) // len(chips) + 1)
    cards = np.concatenate([np.random.default_rng((*seed, pack)).permutation(chips) for pack in packs])
    first = start - packs[0] * len(chips)
    return cards[first : first + number]
