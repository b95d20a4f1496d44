"""What `prepare` would take, from the headers of the images, the labels, and a trial of a few chips."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rasterio.windows import Window

from landcover.area import pixel_areas
from landcover.chipstore import Chip
from landcover.config import Config
from landcover.errors import ImageError
from landcover.grid import clip
from landcover.image import describe, find_image
from landcover.labelset import LabelSet, Polygons, open_labels
from landcover.prepare.augment import varied
from landcover.prepare.mosaic import lay_out
from landcover.provenance import read_run
from landcover.raster import chip_bytes
from landcover.remap import Remap
from landcover.scene import Scene
from landcover.sources import RASTER_SUFFIXES, expand

TRIAL = 0.5
"""Seconds for which each kind of work is tried."""


@dataclass(frozen=True)
class Estimate:
    """`pixels` of the images, and their `hectares`, overlaps each time; `labelled` pixels; about how many `chips`;
    bytes of `disk`, if all classes were copied; `seconds` for the chips and copies; and the bytes of main `memory` that
    the stages took the last time, None if there was none."""

    images: int
    pixels: int
    hectares: float
    labelled: int
    chips: int
    disk: int
    seconds: float
    memory: int | None


def estimate(config: Config) -> Estimate:
    """Of all five stages. Raises LandcoverError as they would."""
    paths = expand(config.mosaic.images, RASTER_SUFFIXES, ImageError)
    scenes = [describe(path) for path in paths]
    grid, _ = lay_out(scenes)
    labels = open_labels(config.labels.source, grid, config.remap, config.labels.field)
    labelled = _labelled(labels, config.remap)
    chips = round(labelled / config.chips.stride**2)
    pixels = [scene.grid.height * scene.grid.width for scene in scenes]
    metres = [float(pixel_areas(s.grid).sum()) * s.grid.width for s in scenes]
    size = config.chips.size**2 * (scenes[0].bands * np.dtype(scenes[0].dtype).itemsize + 1)
    outs = (config.paths.mosaic, config.paths.labels, config.paths.chips, config.paths.stacks, config.paths.augmented)
    return Estimate(
        images=len(scenes), pixels=sum(pixels), hectares=sum(metres) / 1e4, labelled=labelled, chips=chips,
        disk=chips * size * (2 + config.augment.copies), seconds=chips * _trial(scenes[0], config),
        memory=max((run.peak_memory for out in outs if (run := read_run(out))), default=None),
    )  # fmt: skip


def _labelled(labels: LabelSet, remap: Remap) -> int:
    """Pixels that the labels cover, where several do each time."""
    x, y = labels.grid.pixel_size
    total = 0.0
    for source in labels.sources:
        if isinstance(source, Polygons):
            total += float(source.frame.geometry.area[source.values > 0].sum()) / (x * y)
        else:
            total += sum(number for code, number in source.codes.items() if remap(code))
    return round(total)


def _trial(scene: Scene, config: Config) -> float:
    """Seconds that a chip takes, from the image to its copies."""
    side = config.chips.size
    image = find_image(scene.path)
    window = clip(Window(0, 0, side, side), *image.grid.shape) or image.grid.whole
    with image.open() as reader:
        pixels, _ = reader.read(window)
        label = np.ones(pixels.shape[:2], np.uint8)
        chip = Chip(pixels, label, (0, 0, side, side), "trial")
        random = np.random.default_rng(0)
        return (
            _seconds(lambda: reader.read(window))
            + _seconds(lambda: chip_bytes(pixels, image.grid.part(window)))
            + _seconds(lambda: chip_bytes(label[:, :, None], image.grid.part(window)))
            + _seconds(lambda: list(varied(chip, config.augment, random)))
        )


def _seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes, the slow first one left out."""
    work()
    started, number = time.monotonic(), 0
    while time.monotonic() - started < TRIAL:
        work()
        number += 1
    return (time.monotonic() - started) / max(number, 1)
