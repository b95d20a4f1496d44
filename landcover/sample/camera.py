"""The aerial camera: from light to grey values, with the blur, noise and colour cast of one flight line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from landcover.sample.shapes import noise

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Flight:
    """One flight line: the day, the gain of each band, the contrast around mid grey, and a haze in grey values."""

    day: str
    gain: tuple[float, float, float, float]
    contrast: float = 1.0
    haze: float = 0.0


def expose(light: Floats, flight: Flight, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A photograph (4, rows, columns) of the light: grey values 1 to 255, as 0 in all bands means nothing was seen."""
    drift = 1 + 0.035 * noise(rng, (light.shape[1], light.shape[2]), 260)
    photo = np.empty(light.shape, np.uint8)
    for band, gain in enumerate(flight.gain):
        seen = gaussian_filter(light[band] * drift, 0.55) * np.float32(gain)
        grey = 105 + (seen - 105) * flight.contrast + flight.haze
        grey += 3 * rng.standard_normal(grey.shape, np.float32)
        photo[band] = np.clip(np.rint(grey), 1, 255)
    return photo
