"""What mapping images would take, from their headers and a trial of the model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from landcover.classify.mapper import Mapper, open_mapper
from landcover.classify.predict import CONFIDENCE_BYTES, MAP_BYTES
from landcover.classify.tiles import choose_tiling
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
        tiling = choose_tiling(
            *grid.shape, mapper.halo, mapper.card.multiple, mapper.bytes_a_pixel, settings.memory,
            None if settings.tile == "auto" else settings.tile, None if settings.batch == "auto" else settings.batch,
        )  # fmt: skip
        seen = (tiling.rows + 2 * tiling.halo) * (tiling.columns + 2 * tiling.halo)
        seconds += tiling.number(*grid.shape) * seen
        sizes.append(grid.height * grid.width)
    each = MAP_BYTES + CONFIDENCE_BYTES * settings.confidence
    return Estimate(
        len(images), sum(sizes), seconds * _seconds_a_pixel(mapper), round(max(sizes) * each), settings.memory
    )


def _seconds_a_pixel(mapper: Mapper) -> float:
    """Of those that the network sees."""
    side = SIDE + 2 * mapper.halo
    pixels = np.zeros((1, side, side, mapper.card.bands), mapper.card.dtype)
    valid, precision = np.ones(pixels.shape[:3], bool), mapper.precision
    times = []
    for _ in range(3):
        started = time.perf_counter()
        mapper.map(pixels, valid, precision)
        times.append(time.perf_counter() - started)
    # the first one compiles
    return min(times[1:]) / side**2
