"""Boosted trees and a random forest on hand-made features of pixels, from the chips that the network learns from.

    python benchmarks/trees.py ohio.yaml ohio/test/site02_scene.tif ohio/test/site02_labels.tif

Takes 2,000 labelled pixels of every fourth training chip (chips overlap), and scores every labelled pixel of an image.
Features: the bands, NDVI, NDWI and brightness, and local means and deviations of brightness, NDVI and NIR over 5, 11,
25 and 51 pixels.
"""

import argparse
import time
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from landcover.assess.measures import measure
from landcover.config import load_config
from landcover.image import find_image
from landcover.labelset import open_labels
from landcover.train.chipset import open_chips

SIDES = (5, 11, 25, 51)
PIXELS, EVERY = 2000, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("config", "image", "reference"):
        parser.add_argument(name)
    given = parser.parse_args()
    config = load_config(given.config)
    random = np.random.default_rng(0)
    with closing(open_chips(config.paths, config.scheme)) as chips:
        drawn = [_drawn(*chips.train.read(n), random) for n in range(0, len(chips.train), EVERY)]
    shown, true = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    with find_image(given.image).open() as reader:
        grid = reader.image.grid
        pixels, valid = reader.read(grid.whole)
    reference = np.where(valid, open_labels([given.reference], grid, config.remap).read(grid.whole), 0)
    there = reference > 0
    unseen = features(pixels)[there]
    place = np.zeros(256, np.int64)
    place[list(config.scheme.values)] = range(len(config.scheme))
    for model in (
        HistGradientBoostingClassifier(max_iter=200, random_state=0),
        RandomForestClassifier(200, min_samples_leaf=5, n_jobs=-1, random_state=0, max_samples=0.3),
    ):
        started = time.perf_counter()
        mapped = model.fit(shown, true).predict(unseen)
        counts = np.zeros((len(config.scheme),) * 2, np.int64)
        np.add.at(counts, (place[mapped], place[reference[there]]), 1)
        found = measure(counts)
        overall, mean_iou = 100 * float(found.overall), 100 * float(found.mean_iou)
        print(
            f"{type(model).__name__}: overall accuracy {overall:.1f} %, mean IoU {mean_iou:.1f} %, by class "
            f"{np.round(100 * found.iou, 1)}; {time.perf_counter() - started:.0f} s"
        )


def features(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(rows, columns, 31) of (rows, columns, 4)."""
    red, green, blue, nir = np.moveaxis(image.astype(np.float32), -1, 0)
    ndvi, ndwi = (nir - red) / (nir + red + 1), (green - nir) / (green + nir + 1)
    brightness = (red + green + blue + nir) / 4
    made = [red, green, blue, nir, ndvi, ndwi, brightness]
    for side in SIDES:
        for band in (brightness, ndvi, nir):
            mean = uniform_filter(band, side, mode="reflect")
            squares = uniform_filter(band * band, side, mode="reflect")
            made += [mean, np.sqrt(np.maximum(squares - mean * mean, 0))]
    return np.stack(made, axis=-1)


def _drawn(
    image: NDArray[np.uint8], label: NDArray[np.uint8], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    labelled = np.flatnonzero(label)
    chosen = random.choice(labelled, min(PIXELS, len(labelled)), replace=False)
    return features(image).reshape(-1, 7 + 6 * len(SIDES))[chosen], label.ravel()[chosen]


if __name__ == "__main__":
    main()
