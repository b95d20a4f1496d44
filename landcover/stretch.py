"""Image bands as something to look at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NARROWEST = 128
"""Of 256 levels no fewer are spread over all: dark woods stay dark, and noise is not blown up."""


def stretched(
    bands: NDArray[Any], there: NDArray[np.bool_] | None = None, cut: tuple[float, float] = (1, 99)
) -> NDArray[np.uint8]:
    """(rows, columns, 3) of as many bands, all alike, between the percentiles `cut` of what is `there` (rows, columns),
    white where nothing is. Of bands of bytes at least NARROWEST levels lie between them, about their middle."""
    values = bands.astype(np.float32)
    low, high = (float(level) for level in np.percentile(values if there is None else values[there], cut))
    if bands.dtype == np.uint8 and high - low < NARROWEST:
        low = min(max((low + high - NARROWEST) / 2, 0.0), 255.0 - NARROWEST)
        high = low + NARROWEST
    scaled = (values - low) / max(high - low, float(np.finfo(np.float32).tiny)) * 255
    shown = np.clip(np.nan_to_num(scaled), 0, 255)
    return (shown if there is None else np.where(there[..., None], shown, 255)).astype(np.uint8)
