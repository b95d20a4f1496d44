"""The labelled pixels that a model of pixels is trained on: a seeded draw from the training chips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landcover.errors import LabelError
from landcover.features import features_at
from landcover.parallel import on_all_cores
from landcover.progress import Advance
from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings
from landcover.train.chipset import ChipSet
from landcover.train.prior import Prior, own_weights

MOST = 150_000
"""Pixels of all classes together: with the features, some tens of megabytes."""

COUNTABLE = 10**9
"""Pixels from which on NumPy draws them with replacement alone; a chip then hardly comes to its end."""

ROOT = 0.5
"""Classes are drawn by their frequency to this power: of rare ones there are enough to learn from."""


@dataclass(frozen=True)
class Sample:
    """Features (pixels, features) float32, class values (pixels,) uint8, and what each pixel counts, 1 on average."""

    features: NDArray[np.float32]
    classes: NDArray[np.uint8]
    weights: NDArray[np.float64]


def inner_pixels(chips: ChipSet, scheme: ClassScheme, margin: int) -> NDArray[np.int64]:
    """(chips, classes) labelled pixels that are at least `margin` from the edge of their chip: chips overlap, so that
    most pixels near the edge of one are inside another, with all that is around them."""
    inside = slice(margin, -margin)
    counts = [np.bincount(chips.label(n)[inside, inside].ravel(), minlength=256) for n in range(len(chips))]
    return np.array(counts, np.int64).reshape(-1, 256)[:, list(scheme.values)]


def wanted(pixels: NDArray[np.int64], settings: TrainSettings, most: int = MOST) -> NDArray[np.int64]:
    """(classes,) how many of the pixels (classes,) are drawn: by the root of their number, and by their number where
    class weights are the user's own."""
    shares = pixels.astype(np.float64) ** (ROOT if settings.class_weights == "auto" else 1.0)
    return np.minimum(np.ceil(most * shares / max(shares.sum(), 1.0)), pixels).astype(np.int64)


def pixel_weights(
    drawn: NDArray[np.int64], pixels: NDArray[np.int64], own: Sequence[float], prior: Prior
) -> NDArray[np.float64]:
    """(classes,) what a pixel counts, so that all of a class together count as often as it is labelled, or as often as
    any other, times its weight by the user; 1 on average, 0 for a class without pixels."""
    present = drawn > 0
    expected = np.where(present, 1.0 if prior == "equal" else pixels, 0) * np.asarray(own)
    weights = np.where(present, expected / np.maximum(drawn, 1), 0.0)
    return weights * drawn.sum() / max(float((weights * drawn).sum()), 1e-12)


def draw_sample(
    chips: ChipSet,
    scheme: ClassScheme,
    radii: Sequence[int],
    settings: TrainSettings,
    pixels: NDArray[np.int64],
    prior: Prior,
    advance: Advance,
    most: int = MOST,
) -> Sample:
    """Draw at most about so many pixels, each place on the ground once. `pixels`: labelled pixels of each class in all
    of the chips. Raises LabelError where there are less than two classes to tell apart."""
    margin = max(radii)
    inner = inner_pixels(chips, scheme, margin)
    totals = inner.sum(axis=0)
    _check_classes(totals, scheme, margin)
    random = np.random.default_rng(settings.seed)
    numbers = zip(wanted(totals, settings, most), inner.T, strict=True)
    counts = np.stack([_spread(number, held, random) for number, held in numbers], axis=1)
    corners = chips.corners

    def drawn(number: int) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.int64]]:
        image, label = chips.read(number)
        inside = label[margin:-margin, margin:-margin]
        places = _places(inside, scheme, counts[number], np.random.default_rng((settings.seed, number)))
        valid = np.asarray(image.any(axis=-1))
        rows, columns = np.unravel_index(places, inside.shape)
        there = valid[rows + margin, columns + margin]
        rows, columns = rows[there], columns[there]
        made = features_at(image, valid, radii, margin, (rows, columns))
        ground = corners[number] + np.stack([columns, rows], axis=1)
        return made, inside[rows, columns], ground

    parts = []
    for part in on_all_cores(drawn, np.flatnonzero(counts.sum(axis=1)).tolist()):
        parts.append(part)
        advance(1)
    made, classes, ground = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    _, first = np.unique(ground, axis=0, return_index=True)
    made, classes = made[first], classes[first]
    number = np.bincount(classes, minlength=256)[list(scheme.values)]
    # what is labelled may all lie where there is no data
    _check_classes(number, scheme, margin)
    table = np.zeros(256)
    table[list(scheme.values)] = pixel_weights(number, pixels, own_weights(settings, scheme), prior)
    return Sample(made, classes, table[classes])


def _spread(number: int, held: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """How many of a number of pixels come from each chip, by how many each holds."""
    if held.sum() < COUNTABLE:
        return random.multivariate_hypergeometric(held, number, method="marginals")
    return np.minimum(random.multinomial(number, held / held.sum()), held)


def _places(
    label: NDArray[np.uint8], scheme: ClassScheme, counts: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.int64]:
    """So many pixels of each class, as places in the flat label."""
    flat = label.ravel()
    chosen = [
        random.choice(np.flatnonzero(flat == value), count, replace=False)
        for value, count in zip(scheme.values, counts, strict=True)
        if count
    ]
    return np.concatenate(chosen)


def _check_classes(totals: NDArray[np.int64], scheme: ClassScheme, margin: int) -> None:
    there = [name for name, total in zip(scheme.names, totals, strict=True) if total]
    if len(there) < 2:
        found = f"only {there[0]}" if there else "no class"
        raise LabelError(
            f"the training chips show {found} {margin} px or more from their edges: label two classes or more, and run "
            "`landcover prepare` again"
        )
