"""Training: from chip stores to model.keras."""

import csv
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from landcover.chipstore import ChipStore, open_stores
from landcover.config import Paths, TrainSettings
from landcover.errors import LabelError, LandcoverError
from landcover.field import receptive_field
from landcover.files import check_free, whole_folder
from landcover.model import ModelCard, in_precision, save_model
from landcover.precision import choose_precision
from landcover.progress import Progress, silent
from landcover.scheme import ClassScheme
from landcover.train.batches import Batches
from landcover.train.curves import draw_curves
from landcover.train.losses import class_weights, masked_crossentropy
from landcover.train.metrics import MeanIoU
from landcover.train.unet import build_unet, logits_of

Epoch = dict[str, float]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What `train` made: the model file, the best epoch (from 1) and its validation figures."""

    path: Path
    epoch: int
    epochs: int
    loss: float
    mean_iou: float
    per_class: dict[str, float | None]
    split: str


@dataclass(frozen=True)
class Statistics:
    """Of the training chips: mean and deviation of each band where there is data, labelled pixels of each class."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    pixels: NDArray[np.int64]


def fit(
    paths: Paths,
    settings: TrainSettings,
    scheme: ClassScheme,
    overwrite: bool = False,
    progress: Progress = silent,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Trained:
    """Train the U-Net on the stores under `paths`; writes models/<name>/ with model.keras, history.csv, curves.png
    and metrics.json.

    The weights kept are those of the epoch with the lowest validation loss; training stops when that has not fallen
    for `patience` epochs. Raises LabelError without chips, LandcoverError if the loss is no number, OutputExists.
    """
    out = paths.models / settings.name
    check_free(out, overwrite)
    train, validation = _stores(paths, scheme)
    info = train[0].info
    statistics = training_statistics([s for s in train if s.path.parent == paths.train], scheme)
    weights = _weights(settings, scheme, statistics.pixels)
    unseen = [name for name, pixels in zip(scheme.names, statistics.pixels, strict=True) if not pixels]
    if unseen:
        log.warning("Note: no training pixel of %s: the map will not show what was not shown", ", ".join(unseen))
    keras.utils.set_random_seed(settings.seed)
    network = build_unet(info.bands, len(scheme), statistics.mean, statistics.deviation, settings.seed)
    halo, multiple = receptive_field(network)
    precision = choose_precision(settings.precision, training=True)
    learner = logits_of(in_precision(network, precision))
    feed = Batches(train, scheme, settings.batch, statistics.mean, True, settings.turns, settings.jitter, settings.seed)
    check = Batches(validation, scheme, settings.batch, statistics.mean)
    learner.compile(
        optimizer=keras.optimizers.AdamW(
            _schedule(settings, steps=len(feed) * settings.epochs), weight_decay=1e-4, clipnorm=1.0
        ),
        loss=partial(masked_crossentropy, weights=weights),
        metrics=[MeanIoU(len(scheme))],
    )
    watch = Watch(settings, feed, progress, on_epoch)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=settings.patience, restore_best_weights=True)
    started = time.monotonic()
    with whole_folder(out) as folder:
        try:
            learner.fit(feed, epochs=settings.epochs, validation_data=check, callbacks=[watch, stop], verbose=0)
        finally:
            watch.close()
        network.set_weights(learner.get_weights())
        best = stop.best_epoch
        scores = _evaluate(learner, check, scheme) | {"epoch": best + 1, "epochs": len(watch.history)}
        card = ModelCard(
            scheme=scheme, bands=info.bands, dtype=info.dtype, mean=statistics.mean, deviation=statistics.deviation,
            pixel_size=info.pixel_size, chip_size=info.size, halo=halo, multiple=multiple, split=info.split,
            pixels=dict(zip(scheme.names, statistics.pixels.tolist(), strict=True)), scores=scores,
        )  # fmt: skip
        save_model(network, card, folder / "model.keras")
        _write_history(folder / "history.csv", watch.history)
        draw_curves(watch.history, best, folder / "curves.png")
        summary = scores | {
            "split": info.split,
            "chips": {"train": feed.chips, "validation": check.chips},
            "precision": precision,
            "parameters": network.count_params(),
            "class_weights": dict(zip(scheme.names, weights[1:], strict=True)),
            "seconds": round(time.monotonic() - started, 1),
            "settings": settings.model_dump(mode="json"),
        }
        (folder / "metrics.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    for store in (*train, *validation):
        store.close()
    return Trained(
        out / "model.keras", best + 1, len(watch.history), scores["loss"], scores["mean_iou"], scores["iou"], info.split
    )


def _schedule(settings: TrainSettings, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up to the learning rate in the first twentieth of the steps, then down to nothing along a cosine."""
    warm = max(1, steps // 20)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm), warmup_target=settings.learning_rate, warmup_steps=warm
    )


def _stores(paths: Paths, scheme: ClassScheme) -> tuple[list[ChipStore], list[ChipStore]]:
    train = open_stores(paths.train, scheme)
    validation = open_stores(paths.validation, scheme)
    for folder, stores in ((paths.train, train), (paths.validation, validation)):
        if not any(map(len, stores)):
            raise LabelError(
                f"{folder}: holds no chips: run `landcover prepare`; if it left none for this side, label more "
                "places, or lower chips.size or split.block"
            )
    train += open_stores(paths.augmented, scheme)
    for store in (*train, *validation):
        if store.info != train[0].info:
            # copies or validation chips of an earlier split would leak
            raise LabelError(
                f"{store.path}: is not of the same chips as {train[0].path}: run `landcover prepare` again"
            )
    return train, validation


def training_statistics(stores: list[ChipStore], scheme: ClassScheme) -> Statistics:
    """One pass over the training chips, their copies left out. Pixels with all bands 0 are no data."""
    bands = stores[0].info.bands
    number, total, squares = 0, np.zeros(bands), np.zeros(bands)
    pixels = np.zeros(256, np.int64)
    for store in stores:
        for row in range(len(store)):
            image = store.image(row).reshape(-1, bands)
            image = image[image.any(axis=1)].astype(np.float64)
            number += len(image)
            total += image.sum(axis=0)
            squares += (image**2).sum(axis=0)
            pixels += np.bincount(store.label(row).ravel(), minlength=256)
    mean = total / max(number, 1)
    deviation = np.sqrt(np.maximum(squares / max(number, 1) - mean**2, 1.0))
    return Statistics(tuple(mean.tolist()), tuple(deviation.tolist()), pixels[list(scheme.values)])


def _weights(settings: TrainSettings, scheme: ClassScheme, pixels: NDArray[np.int64]) -> list[float]:
    """The weight of each output of the network, background's 0 first."""
    weights = class_weights(pixels, settings.weight_cap)
    if settings.class_weights != "auto":
        given = {c.value: w for key, w in settings.class_weights.items() if (c := scheme.find(key))}
        weights = np.array([given.get(value, 1.0) for value in scheme.values])
    return [0.0, *weights.tolist()]


def _evaluate(learner: keras.Model, check: Batches, scheme: ClassScheme) -> dict[str, Any]:
    """Loss and intersection over union of the weights that are kept, over the whole validation set."""
    metric = MeanIoU(len(scheme))
    losses, sizes = [], []
    for index in range(len(check)):
        images, targets = check[index]
        logits = learner.predict_on_batch(images)
        metric.update_state(targets, logits)
        losses.append(float(learner.loss(targets, logits)))
        sizes.append(len(images))
    per_class = [None if np.isnan(v) else float(v) for v in metric.per_class()]
    return {
        "loss": float(np.average(losses, weights=sizes)),
        "mean_iou": float(metric.result()),
        "iou": dict(zip(scheme.names, per_class, strict=True)),
    }


class Watch(keras.callbacks.Callback):
    """Follows the training: tells progress and each epoch's figures, stops it when the loss is no number."""

    def __init__(
        self, settings: TrainSettings, feed: Batches, progress: Progress, on_epoch: Callable[[Epoch], None]
    ) -> None:
        super().__init__()
        self.history: list[Epoch] = []
        self._settings, self._feed, self._progress, self._on_epoch = settings, feed, progress, on_epoch
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._started = time.monotonic()
        self._bar = self._progress(f"epoch {epoch + 1} of {self._settings.epochs}", self._feed.chips, "chips")
        self._advance = self._bar.__enter__()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise LandcoverError(f"the loss is no number at batch {batch}: lower train.learning_rate")
        self._advance(self._settings.batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.close()
        figures = {"epoch": float(epoch + 1), "seconds": round(time.monotonic() - self._started, 2), **(logs or {})}
        self.history.append(figures)
        self._on_epoch(figures)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


def _write_history(path: Path, history: list[Epoch]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows({k: int(v) if k == "epoch" else v for k, v in epoch.items()} for epoch in history)
