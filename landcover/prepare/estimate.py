"""What `prepare` would take, from the headers of the images, samples of the labels, and a trial of a few chips."""

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
from landcover.labelpolygons import Polygons
from landcover.labelset import LabelSet, open_labels
from landcover.prepare.augment import varied
from landcover.prepare.expected import Expected, expected_chips
from landcover.prepare.mosaic import lay_out
from landcover.provenance import read_run
from landcover.raster import chip_bytes
from landcover.remap import Remap
from landcover.scene import Scene
from landcover.sources import RASTER_SUFFIXES, expand
from landcover.splitreport import read_report

TRIAL = 0.5
"""Seconds for which each kind of work is tried."""


@dataclass(frozen=True)
class Estimate:
    """`pixels` of the images, and their `hectares`, overlaps each time; `labelled` pixels; about how many `windows`
    have labels and data enough, and how many `chips` of them train or validate: exactly, if they are `there` and up to
    date. Bytes of `disk` for chips, as files and in stores, and for `copies` at most, if all classes are rare;
    `seconds` for chips and copies, None if that was not tried; and the bytes of main `memory` that the stages took the
    last time, None if there was none."""

    images: int
    pixels: int
    hectares: float
    labelled: int
    windows: int
    chips: int
    there: bool
    disk: int
    copies: int
    seconds: float | None
    memory: int | None


def estimate(config: Config, current: bool = False, timed: bool = True) -> Estimate:
    """Of all five stages; `current`: the chips are up to date; `timed`: try out how long a chip takes. Raises
    LandcoverError as they would."""
    paths = expand(config.mosaic.images, RASTER_SUFFIXES, ImageError)
    scenes = [describe(path) for path in paths]
    grid, windows = lay_out(scenes)
    labels = open_labels(config.labels.source, grid, config.remap, config.labels.field)
    expected = _made(config) if current else expected_chips(labels, windows, config.scheme, config.chips, config.split)
    pixels = [scene.grid.height * scene.grid.width for scene in scenes]
    metres = [float(pixel_areas(s.grid).sum()) * s.grid.width for s in scenes]
    size = config.chips.size**2 * (scenes[0].bands * np.dtype(scenes[0].dtype).itemsize + 1)
    outs = (config.paths.mosaic, config.paths.labels, config.paths.chips, config.paths.stacks, config.paths.augmented)
    return Estimate(
        images=len(scenes), pixels=sum(pixels), hectares=sum(metres) / 1e4, labelled=_labelled(labels, config.remap),
        windows=expected.windows, chips=expected.chips, there=current,
        disk=2 * expected.chips * size, copies=expected.chips * size * config.augment.copies,
        seconds=expected.chips * _trial(scenes[0], config) if timed else None,
        memory=max((run.peak_memory for out in outs if (run := read_run(out))), default=None),
    )  # fmt: skip


def _made(config: Config) -> Expected:
    """By the report on the split of chips that are there."""
    report = read_report(config.paths.chips)
    chips = report.train.chips + report.validation.chips
    return Expected(chips + report.dropped, chips)


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
