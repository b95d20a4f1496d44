"""How well a model of pixels does on the validation chips: figures, and pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landcover.features import features, features_at
from landcover.files import make_folder
from landcover.parallel import on_all_cores
from landcover.pixelmodel import alone, probabilities
from landcover.scheme import ClassScheme
from landcover.train.chipset import ChipSet
from landcover.train.pictures import draw_chips, typical_chips
from landcover.train.result import LEAKING, Scores

LEAST = 1e-7
"""The probability that a pixel's own class is taken to have had at least, in the loss."""


def validate(
    estimator: Any, chips: ChipSet, scheme: ClassScheme, radii: tuple[int, ...], advance: Callable[[float], None]
) -> tuple[NDArray[np.int64], float]:
    """The contingency table (classes of the label, classes shown) of labelled pixels, and the mean cross-entropy."""
    table, loss = np.zeros((len(scheme),) * 2, np.int64), 0.0
    for counts, part in judged(estimator, chips, scheme, radii):
        table += counts
        loss += part
        advance(1)
    return table, loss / max(int(table.sum()), 1)


def judged(
    estimator: Any, chips: ChipSet, scheme: ClassScheme, radii: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.int64], float]]:
    """Of each chip its contingency table, and the sum of the cross-entropy of its pixels."""
    place = np.full(256, -1)
    place[list(scheme.values)] = range(len(scheme))
    outputs = place[np.asarray(estimator.classes_)]

    def checked(number: int) -> tuple[NDArray[np.int64], float]:
        image, label = chips.read(number)
        valid = np.asarray(image.any(axis=-1))
        there = (place[label] >= 0) & valid
        counts = np.zeros((len(scheme),) * 2, np.int64)
        if not there.any():
            return counts, 0.0
        with alone("openmp"):
            shares = probabilities(estimator, features_at(image, valid, radii, 0, there))
        true = place[label[there]]
        np.add.at(counts, (true, outputs[shares.argmax(axis=1)]), 1)
        every = np.zeros((len(true), len(scheme)))
        every[:, outputs] = shares
        return counts, float(-np.log(np.maximum(every[np.arange(len(true)), true], LEAST)).sum())

    with alone("blas"):
        yield from on_all_cores(checked, range(len(chips)))


def draw_validation(
    estimator: Any,
    chips: ChipSet,
    scheme: ClassScheme,
    radii: tuple[int, ...],
    scores: Scores,
    leaking: bool,
    folder: Path,
) -> None:
    """Pictures of a chip a class: image, label, what is shown, and where the two differ."""
    images, labels, shown = [], [], []
    for number in typical_chips(chips, scheme):
        image, label = chips.read(number)
        images.append(image)
        labels.append(label)
        made = features(image, np.asarray(image.any(axis=-1)), radii)
        shares = probabilities(estimator, made.reshape(-1, made.shape[-1]))
        shown.append(np.asarray(estimator.classes_)[shares.argmax(axis=1)].reshape(made.shape[:2]))
    if not shown:
        return
    title = f"validation chips, mean IoU {scores.mean_iou:.3f}" + (f", {LEAKING}" if leaking else "")
    make_folder(folder)
    draw_chips(images, labels, shown, scheme, title, folder / "chips.png")
