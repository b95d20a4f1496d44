"""What mapping images would take, from their headers and a trial of the model."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landcover.classify.mapper import Mapper, open_mapper
from landcover.classify.predict import CONFIDENCE_BYTES, MAP_BYTES
from landcover.cluster import HERE, Machines, open_cluster
from landcover.grid import Grid
from landcover.image import find_image
from landcover.settings import ClassifySettings
from landcover.words import counted

log = logging.getLogger(__name__)

SIDE = 512
"""Pixels a side of the piece that is mapped on trial, a halo around it."""


@dataclass(frozen=True)
class Estimate:
    """`pixels` of the images; `seconds` to map them all, None if that was not tried; bytes of `disk` while the largest
    is made, and of main `memory` at most."""

    images: int
    pixels: int
    seconds: float | None
    disk: int
    memory: int


def estimate(images: Sequence[str], settings: ClassifySettings, machines: Machines | None = HERE) -> Estimate:
    """On a cluster by a trial on each worker, all at once; on no machines without one, and without the model. Raises
    ImageError, ModelError, ConfigError as `classify` would."""
    grids = [find_image(path, settings.collar, settings.skip_bad).grid for path in images]
    sizes = [grid.height * grid.width for grid in grids]
    each = MAP_BYTES + CONFIDENCE_BYTES * settings.confidence
    seconds = None if machines is None else _seconds(grids, settings, machines)
    return Estimate(len(images), sum(sizes), seconds, round(max(sizes) * each), settings.memory)


def _seconds(grids: Sequence[Grid], settings: ClassifySettings, machines: Machines) -> float:
    """How long it takes to map images on these grids."""
    mapper, pixels = open_mapper(settings), 0
    for grid in grids:
        pixels += mapper.tiling(*grid.shape).seen(*grid.shape)
    return pixels * (_together(settings, machines) if machines.elsewhere else trial(mapper))


def _together(settings: ClassifySettings, machines: Machines) -> float:
    """Seconds a pixel of all workers of a cluster."""
    from landcover.classify.onworker import seconds_a_pixel

    absolute = settings.model_copy(update={"model": Path(os.path.abspath(settings.model)), "aoi": None})
    with open_cluster(machines) as cluster:
        times = cluster.on_all(seconds_a_pixel, absolute, [str(absolute.model)])
    log.info("Tried on %s", counted(len(times), "worker"))
    return 1 / sum(1 / seconds for seconds in times)


def trial(mapper: Mapper) -> float:
    """Seconds for each of the pixels that the network sees."""
    precision, times = mapper.precision, []
    for _ in range(3):
        started = time.perf_counter()
        seen = mapper.try_out(SIDE, precision)
        times.append((time.perf_counter() - started) / seen)
    # the first one compiles
    return min(times[1:])
