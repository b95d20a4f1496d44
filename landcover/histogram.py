"""Fast counts of the values of byte rasters."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def byte_counts(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(256,) how often each value occurs in an array (rows, columns).

    Pillow counts bytes as they are, and lets other threads run; numpy.bincount first makes eight bytes of each.
    """
    if not values.size:
        return np.zeros(256, np.int64)
    return np.array(Image.fromarray(np.ascontiguousarray(values)).histogram(), np.int64)


def joint_counts(
    first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of values that occur at the same place of two arrays (rows, columns), and how often: three (pairs,)."""
    if max(first.max(initial=0), second.max(initial=0)) < 16:
        counts = byte_counts((first << np.uint8(4)) | second).reshape(16, 16)
    else:
        joint = first.astype(np.uint16)
        joint <<= 8
        joint |= second
        counts = np.bincount(joint.ravel(), minlength=2**16).reshape(256, 256)
    one, other = np.nonzero(counts)
    return one, other, counts[one, other]
