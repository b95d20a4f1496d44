"""Sites: places apart from one another, each of chips that touch. Arithmetic alone, no files."""

import numpy as np
from numpy.typing import NDArray


def sites(corners: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """The site (n,) of each chip, numbered from 0: chips are squares of `size` pixels at `corners` (n, 2: column, row),
    and two that overlap or touch are of one site."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    pairs = KDTree(corners).query_pairs(size, p=np.inf, output_type="ndarray")
    touching = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(corners),) * 2)
    _, numbers = connected_components(touching, directed=False)
    return np.asarray(numbers, np.int64)
