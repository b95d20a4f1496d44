"""A map and its reference, window by window, counted by several threads."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from landcover.assess.survey import read_map
from landcover.errors import LabelError
from landcover.histogram import joint_counts
from landcover.labelset import UNTOUCHED, LabelSet, Pixels
from landcover.owners import BLOCK, Owners, block_names
from landcover.raster import OpenInThreads
from landcover.scheme import BACKGROUND, ClassScheme

Part = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Of pieces of the reference: the name, the kind of pair, which is `mapped * sides + true`, and its pixels. Classes
count from 1 in the order of the scheme; 0 is no class."""

MOST_IN_A_BYTE = 14
"""Classes whose pairs have numbers below 256."""


def sides_of(classes: int) -> int:
    """Rows of a table of pairs: the classes, no class, and values that the scheme does not know."""
    return classes + 2


class Comparison:
    """Each thread has files of its own open, until the end of the context.

    `large`: pieces of a raster are the windows themselves, not blocks of 64 pixels. A reference that is one byte raster
    on the grid of the map is then counted as it lies, several times as fast.
    """

    def __init__(self, map_path: Path, reference: LabelSet, scheme: ClassScheme, large: bool) -> None:
        self._path, self._reference, self._scheme, self._large = map_path, reference, scheme, large
        self._open = OpenInThreads()
        self._by_blocks = all(isinstance(source, Pixels) for source in reference.sources)
        self._sides = sides_of(len(scheme))
        self._table = np.full(256, self._sides - 1, np.uint16 if len(scheme) > MOST_IN_A_BYTE else np.uint8)
        self._table[[BACKGROUND, *scheme.values]] = range(len(scheme) + 1)

    def __enter__(self) -> "Comparison":
        return self

    def __exit__(self, *problem: object) -> None:
        self._open.__exit__(*problem)

    def count(self, window: Window) -> Part:
        """Raises LabelError for a labelled pixel whose value in the map the scheme does not know."""
        shown = read_map(self._open(self._path), window)
        direct = self._direct()
        if direct is not None:
            counts, names = self._as_it_lies(shown, direct, window)
        else:
            counts, names = self._by_piece(shown, window)
        table = counts.reshape(-1, self._sides, self._sides)
        table[:, :, 0] = 0
        if table[:, -1].any():
            unknown = sorted(v for v in np.unique(shown).tolist() if v and self._scheme.find(v) is None)
            raise LabelError(f"{self._path}: holds values that are not in the scheme: {', '.join(map(str, unknown))}")
        owner, kind = np.nonzero(counts)
        return names[owner], kind, counts[owner, kind]

    def _direct(self) -> Pixels | None:
        """The reference, if it can be counted as it lies."""
        source = self._reference.sources[0]
        if not self._large or len(self._reference.sources) > 1 or not isinstance(source, Pixels):
            return None
        dataset = self._open(source.path)
        return source if dataset.dtypes[0] == "uint8" and source.lies_on(self._reference.grid) else None

    def _as_it_lies(
        self, shown: NDArray[np.uint8], source: Pixels, window: Window
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        classes = source.byte_classes()
        classes[classes == UNTOUCHED] = BACKGROUND
        raw = source.read_raw(self._open(source.path), self._reference.grid, window)
        mapped, value, pixels = joint_counts(shown, raw)
        counts = np.zeros((1, self._sides**2), np.int64)
        table = self._table.astype(np.int64)
        np.add.at(counts[0], table[mapped] * self._sides + table[classes[value]], pixels)
        return counts, block_names(np.array([window.row_off // BLOCK]), np.array([window.col_off // BLOCK]))

    def _by_piece(self, shown: NDArray[np.uint8], window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._by_blocks:
            truth, owners = self._reference.read(window), None
        else:
            truth, owners = self._reference.read_owned(window)
        joint = np.take(self._table, shown) * self._table.dtype.type(self._sides) + np.take(self._table, truth)
        kinds = self._sides**2
        return _by_block(joint, window, kinds) if owners is None else _by_owner(joint, owners, kinds)


def _by_block(joint: NDArray[Any], window: Window, kinds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (blocks, kinds) of a window that starts where a block does, and the names of the blocks."""
    down, across = -(-joint.shape[0] // BLOCK), -(-joint.shape[1] // BLOCK)
    blocks = [
        np.bincount(joint[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK].ravel(), None, kinds)
        for row in range(down)
        for column in range(across)
    ]
    first = window.row_off // BLOCK, window.col_off // BLOCK
    rows, columns = np.arange(first[0], first[0] + down), np.arange(first[1], first[1] + across)
    return np.array(blocks), block_names(rows[:, None], columns[None, :]).ravel()


def _by_owner(joint: NDArray[Any], owners: Owners, kinds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (owners, kinds), and the names of the owners."""
    flat = owners.local.astype(np.int64) * kinds + joint
    return np.bincount(flat.ravel(), minlength=kinds * len(owners.names)).reshape(-1, kinds), owners.names
