"""How much labelled ground chips show, each pixel counted once however many chips overlap there."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

BLOCK = 2048
"""Pixels a side of what is counted at a time."""


def labelled_ground(
    read: Callable[[Window], NDArray[np.uint8]],
    corners: NDArray[np.int64],
    size: int,
    shape: tuple[int, int],
    values: tuple[int, ...],
) -> NDArray[np.int64]:
    """(classes,) pixels of each class value under chips of `size` at `corners` (n, 2: column, row) of a grid of
    `shape` (rows, columns). `read` gives the labels (rows, columns) of a window."""
    blocks: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for column, row in corners.tolist():
        for left in range(column // BLOCK, (column + size - 1) // BLOCK + 1):
            for top in range(row // BLOCK, (row + size - 1) // BLOCK + 1):
                blocks[left, top].append((column, row))
    counts = np.zeros(256, np.int64)
    for (left, top), chips in blocks.items():
        x, y = left * BLOCK, top * BLOCK
        shown = np.zeros((min(BLOCK, shape[0] - y), min(BLOCK, shape[1] - x)), bool)
        for column, row in chips:
            shown[max(row - y, 0) : row - y + size, max(column - x, 0) : column - x + size] = True
        labels = read(Window(x, y, shown.shape[1], shown.shape[0]))
        counts += np.bincount(labels[shown], minlength=256)
    return counts[list(values)]
