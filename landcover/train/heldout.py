"""What a trained model shows of held-out chips, chip by chip: pixels of one chip are not independent."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landcover.catalogue import find_kind
from landcover.model import read_card
from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings
from landcover.train.chipset import ChipSet
from landcover.train.origin import METRICS


def chip_tables(folder: Path, chips: ChipSet, settings: TrainSettings, scheme: ClassScheme) -> NDArray[np.int64]:
    """(chips, classes of the label, classes shown) labelled pixels, by the model that a training left in a folder; as
    its validation counts them."""
    path = folder / find_kind(settings.model).file
    if find_kind(settings.model).family == "pixels":
        from landcover.pixelmodel import load_estimator
        from landcover.train.pixelcheck import judged

        card = read_card(path)
        counted = [table for table, _ in judged(load_estimator(path, card), chips, scheme, card.radii)]
        return np.array(counted, np.int64)
    return _by_network(path, folder, chips, settings, scheme)


def _by_network(
    path: Path, folder: Path, chips: ChipSet, settings: TrainSettings, scheme: ClassScheme
) -> NDArray[np.int64]:
    from landcover.model import load_network
    from landcover.train.batches import Batches
    from landcover.train.unet import logits_of

    told = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    network = logits_of(load_network(path, told["precision"], settings.model))
    check, classes = Batches(chips, scheme, settings.chips_a_step, read_card(path).mean), len(scheme)
    tables = []
    for index in range(len(check)):
        images, targets = check[index]
        shown = np.asarray(network.predict_on_batch(images))[..., 1:].argmax(axis=-1)
        for label, found in zip(targets, shown, strict=True):
            there = label > 0
            kinds = (label[there].astype(np.int64) - 1) * classes + found[there]
            tables.append(np.bincount(kinds, minlength=classes**2).reshape(classes, classes))
    return np.array(tables, np.int64)
