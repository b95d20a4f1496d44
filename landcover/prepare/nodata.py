"""How chips tell where they have no data."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def with_data(image: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """An image (rows, columns, bands) as chips hold it, changed in place: 0 in all bands where it has no data, and
    nowhere else, for black ground gets the least value above 0 in its first band."""
    image[~valid] = 0
    black = valid & ~image.any(axis=-1)
    image[black, 0] = np.finfo(image.dtype).tiny if np.issubdtype(image.dtype, np.floating) else 1
    return image
