"""How much labelled ground chips show, each pixel counted once however many chips overlap there."""

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from landcover.histogram import byte_counts

BLOCK = 512
"""Pixels a side of what is counted at a time."""

REMEMBERED = 256
"""So many chips wait for the next block along the row."""


def labelled_ground(
    label: Callable[[int], NDArray[np.uint8]], corners: NDArray[np.int64], size: int, values: tuple[int, ...]
) -> NDArray[np.int64]:
    """(classes,) pixels of each class value under chips of `size` at `corners` (n, 2: column, row) of one grid.

    `label` gives the class values (size, size) of the n-th chip, 0 where nothing is labelled. Where chips overlap and
    differ, the later one holds.
    """
    label = lru_cache(REMEMBERED)(label)
    blocks: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (column, row) in enumerate(corners.tolist()):
        for left in range(column // BLOCK, (column + size - 1) // BLOCK + 1):
            for top in range(row // BLOCK, (row + size - 1) // BLOCK + 1):
                blocks[left, top].append(number)
    counts = np.zeros(256, np.int64)
    for (left, top), chips in sorted(blocks.items(), key=lambda block: block[0][::-1]):
        ground = np.zeros((BLOCK, BLOCK), np.uint8)
        for number in chips:
            column, row = (corners[number] - (left * BLOCK, top * BLOCK)).tolist()
            # what of the chip lies beyond the block's upper left is another block's
            part = label(number)[max(-row, 0) :, max(-column, 0) :]
            there = ground[max(row, 0) :, max(column, 0) :][: part.shape[0], : part.shape[1]]
            there[:] = part[: there.shape[0], : there.shape[1]]
        counts += byte_counts(ground)
    return counts[list(values)]
