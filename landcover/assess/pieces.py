"""The pieces of a reference whose pixels belong together: polygons, and blocks of a raster."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from landcover.labelset import CELL
from landcover.owners import BLOCK, block_names, block_place

ENOUGH = 50
"""Blocks of a raster are as large as leaves so many of them."""

LARGEST = CELL
"""Pixels a side of the largest block."""


def gather(
    names: NDArray[np.int64], kinds: NDArray[np.int64], pixels: NDArray[np.int64], number: int, block: int | None
) -> tuple[csr_array, int | None]:
    """A table (pieces, number) of pixels by kind from counts (n,) of pieces by name, which may come several times; and
    the side of its blocks in pixels, None where all pieces are polygons."""
    side = None
    if (names < 0).any():
        side = block or _side(names[names < 0])
        names = np.where(names < 0, _merged(names, side // BLOCK), names)
    found, piece = np.unique(names, return_inverse=True)
    return csr_array(coo_array((pixels, (piece, kinds)), shape=(len(found), number))), side


def described(pieces: int, side: int | None, polygons: bool) -> str:
    """ "212 polygons", "96 blocks of 128 x 128 px", or both."""
    kinds = ["polygons"] if polygons else []
    kinds += [f"blocks of {side} x {side} px"] if side else []
    return f"{pieces:,} {' and '.join(kinds)}"


def _side(names: NDArray[np.int64]) -> int:
    """Of the largest blocks that leave enough of them, or of the smallest."""
    side = LARGEST
    while side > BLOCK and len(np.unique(_merged(names, side // BLOCK))) < ENOUGH:
        side //= 2
    return side


def _merged(names: NDArray[np.int64], times: int) -> NDArray[np.int64]:
    """A name below 0 for each larger block, of the names (n,) of blocks in it."""
    return block_names(*(block_place(names).T // times))
