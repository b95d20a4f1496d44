"""What a training is put together from: network, loss, optimizer, batches."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from landcover.chipstore import StoreInfo
from landcover.errors import LandcoverError
from landcover.field import receptive_field
from landcover.model import in_precision
from landcover.precision import Format, choose_precision
from landcover.scheme import ClassScheme
from landcover.settings import TrainSettings
from landcover.train.augmentation import share_kept
from landcover.train.batches import Batches
from landcover.train.chipset import Chips, Statistics, label_pixels, statistics
from landcover.train.devices import all_devices
from landcover.train.length import Settled, chips_of
from landcover.train.losses import Loss, build_loss, class_weights, emphasis_of
from landcover.train.metrics import MeanIoU
from landcover.train.networks import build_network
from landcover.train.phases import begin_phase, frozen_epochs
from landcover.train.prior import Prior, own_weights, prior_of
from landcover.train.unet import logits_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """`learner` computes logits, in the precision chosen, with weights of its own; `checker` shares them, and counts
    every labelled pixel, `held` in all, in `metric`, where the learner's own figures are of a sample; `network` is what
    is saved, whose receptive field is `halo` pixels wide (None where it has no end), and which takes chips of multiples
    of `multiple` pixels."""

    network: keras.Model
    halo: int | None
    multiple: int
    learner: keras.Model
    checker: keras.Model
    metric: MeanIoU
    feed: Batches
    check: Batches
    statistics: Statistics
    held: int
    weights: tuple[float, ...]
    prior: Prior
    precision: Format
    leaking: bool


def prepare_task(
    chips: Chips,
    settings: Settled,
    scheme: ClassScheme,
    precision: Format | None = None,
    quietly: bool = False,
    epoch: int = 0,
) -> Task:
    """Network, loss, optimizer and batches, ready for the first step of an epoch, from 0; in the precision given, or as
    settings say; `quietly`, without a word on the chips, where they are not all."""
    shown = chips_of(len(chips.train) + len(chips.copies), settings)
    known = statistics(chips.train, chips.copies, scheme, settings.balance, shown)
    held = label_pixels(chips.validation, scheme).sum(axis=0)
    for pixels, side, result in (
        (known.pixels, "training", "the map will not show what was not shown"),
        (held, "validation", "no figure can be given, the means are without"),
    ):
        absent = [name for name, n in zip(scheme.names, pixels, strict=True) if not n]
        if absent and not quietly:
            log.warning("Note: no %s pixel of %s: %s", side, ", ".join(absent), result)
    weights = _weights(settings, scheme, known)
    prior = prior_of(settings, known.covered)
    if prior == "equal" and settings.class_prior == "auto" and not quietly:
        log.info(
            "Labels cover %.0f %% of the training chips, and may show some classes more often than there are: the "
            "network takes all to be as frequent (train.class_prior)", 100 * known.covered,
        )  # fmt: skip
    own = weights if settings.class_weights == "auto" else [1.0] * len(scheme)
    emphasis = emphasis_of(known.pixels, known.shown, own, prior).tolist()
    keras.utils.set_random_seed(settings.seed)
    network = build_network(settings, chips.info.bands, len(scheme), known.mean, known.deviation)
    halo, multiple = receptive_field(network)
    if chips.info.size % multiple:
        raise _unfit(settings, chips.info, multiple)
    # of no label at all no loss is left to divide
    fed = max(float(known.shown.sum()) * share_kept(settings.augmentation), 1.0)
    loss = build_loss(settings, weights, emphasis, fed)
    held_loss = build_loss(settings, weights, emphasis, max(float(held.sum() / len(chips.validation)), 1.0))
    if precision is None:
        trial = partial(_step, network, loss, chips.info, settings.chips_a_step)
        precision = choose_precision(settings.precision, trial)
    feed = Batches(chips.train + chips.copies, scheme, settings.chips_a_step, known.mean, settings)
    check = Batches(chips.validation, scheme, settings.chips_a_step, known.mean)
    with all_devices(settings.chips_a_step):
        computing, metric = in_precision(network, precision), MeanIoU(len(scheme))
        learner, checker = logits_of(computing), logits_of(computing)
        checker.compile(loss=held_loss, metrics=[metric])
        begin_phase(learner, settings, loss, len(feed), epoch)
    leaking = chips.info.split == "random"
    return Task(
        network,
        halo,
        multiple,
        learner,
        checker,
        metric,
        feed,
        check,
        known,
        int(held.sum()),
        tuple(weights),
        prior,
        precision,
        leaking,
    )


def check_fits(settings: Settled, info: StoreInfo) -> None:
    """Raise LandcoverError if the U-Net that is asked for cannot take the chips, or a backbone would never be trained.
    Of other networks it shows when they are built whether they take the chips."""
    frozen_epochs(settings)
    divisor = 2 ** (settings.net.depth - 1)
    if settings.model == "unet" and info.size % divisor:
        raise LandcoverError(
            f"train.net.depth: a net of depth {settings.net.depth} needs chips of a multiple of {divisor} px, these "
            f"have {info.size}: lower it, or change chips.size"
        )


def _unfit(settings: TrainSettings, info: StoreInfo, multiple: int) -> LandcoverError:
    return LandcoverError(
        f"train.model {settings.model} needs chips of a multiple of {multiple} px, these have {info.size}: change "
        "chips.size"
    )


def _step(network: keras.Model, loss: Loss, info: StoreInfo, chips: int, precision: Format) -> Callable[[], object]:
    """A step on so many chips in a number format."""
    learner = logits_of(in_precision(network, precision))
    learner.compile(optimizer="adam", loss=loss)
    images = np.zeros((chips, info.size, info.size, info.bands), np.float32)
    targets = np.ones(images.shape[:-1], np.uint8)
    return partial(learner.train_on_batch, images, targets)


def _weights(settings: TrainSettings, scheme: ClassScheme, known: Statistics) -> list[float]:
    """The weight of each class in the loss."""
    if settings.class_weights == "auto":
        return [float(w) for w in class_weights(known.pixels, known.shown, settings.weight_cap)]
    return own_weights(settings, scheme)
