"""What mapping images would take, from their headers and a trial of the model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from landcover.classify.mapper import Mapper, open_mapper
from landcover.classify.predict import CONFIDENCE_BYTES, MAP_BYTES
from landcover.image import find_image
from landcover.settings import ClassifySettings

SIDE = 512
"""Pixels a side of the piece that is mapped on trial, a halo around it."""


@dataclass(frozen=True)
class Estimate:
    """`pixels` of the images; `seconds` to map them all; bytes of `disk` while the largest is made, and of main
    `memory` at most."""

    images: int
    pixels: int
    seconds: float
    disk: int
    memory: int


def estimate(images: Sequence[str], settings: ClassifySettings) -> Estimate:
    """Raises ImageError, ModelError, ConfigError as `classify` would."""
    mapper = open_mapper(settings)
    seconds, sizes = 0.0, []
    for path in images:
        grid = find_image(path, settings.collar, settings.skip_bad).grid
        tiling = mapper.tiling(*grid.shape)
        seen = (tiling.rows + 2 * tiling.halo) * (tiling.columns + 2 * tiling.halo)
        seconds += tiling.number(*grid.shape) * seen
        sizes.append(grid.height * grid.width)
    each = MAP_BYTES + CONFIDENCE_BYTES * settings.confidence
    return Estimate(
        len(images), sum(sizes), seconds * _seconds_a_pixel(mapper), round(max(sizes) * each), settings.memory
    )


def _seconds_a_pixel(mapper: Mapper) -> float:
    """Of those that the network sees."""
    precision, times = mapper.precision, []
    for _ in range(3):
        started = time.perf_counter()
        seen = mapper.try_out(SIDE, precision)
        times.append((time.perf_counter() - started) / seen)
    # the first one compiles
    return min(times[1:])
