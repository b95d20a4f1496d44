"""How fast a model maps: on ground of the chips, without reading and writing files."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.classify.mapper import Mapper, open_mapper
from landcover.errors import ConfigError
from landcover.settings import ClassifySettings
from landcover.train.chipset import ChipSet

SIDE = 512
"""Pixels a side of the piece that is mapped, a halo around it."""

IMAGE = 8192
"""Pixels a side of the image that speeds are told for: what tiles share is computed more than once."""


def speed_of(settings: ClassifySettings, model: Path, code: str | None, chips: ChipSet) -> float:
    """Megapixels of a large image a second, by the best of a few tries. Raises ModelError."""
    # number formats are for networks to choose
    precision = settings.precision if model.suffix == ".keras" else "auto"
    own = {"model": model, "code": code, "precision": precision, "aoi": None, "tile": "auto", "halo": "auto"}
    mapper = open_mapper(settings.model_copy(update=own))
    try:
        tiling = mapper.tiling(IMAGE, IMAGE)
    except ConfigError as error:
        raise ConfigError(f"{error} (classify.memory, classify.batch); its training is kept") from None
    return IMAGE**2 / (tiling.seen(IMAGE, IMAGE) * _pace(mapper, chips, tiling.batch)) / 1e6


def _pace(mapper: Mapper, chips: ChipSet, batch: int) -> float:
    """Seconds for a pixel that the model sees."""
    side, number = (mapper.side, batch) if mapper.side else (SIDE + 2 * mapper.halo, 1)
    pixels = np.repeat(_ground(chips, side)[None], number, axis=0)
    valid = np.ones(pixels.shape[:3], bool)
    compute, precision, times = mapper.scores if mapper.card.blended else mapper.map, mapper.precision, []
    for _ in range(4):
        started = time.perf_counter()
        compute(pixels, valid, precision)
        times.append(time.perf_counter() - started)
    # the first one compiles
    return min(times[1:]) / valid.size


def _ground(chips: ChipSet, side: int) -> NDArray[Any]:
    """(side, side, bands) of chips beside one another, as many as it takes: trees are faster on ground that is all
    alike."""
    size = chips.stores[0].info.size
    across = -(-side // size)
    images = [chips.read(number % len(chips))[0] for number in range(across**2)]
    rows = [np.concatenate(images[n * across : (n + 1) * across], axis=1) for n in range(across)]
    return np.concatenate(rows, axis=0)[:side, :side]
