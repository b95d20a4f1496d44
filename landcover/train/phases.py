"""The phases of a training, and how fast each learns: a backbone may stand still at first, then all is trained."""

import keras

from landcover.catalogue import find_kind
from landcover.errors import LandcoverError
from landcover.settings import TrainSettings
from landcover.train.backbone import backbone_of
from landcover.train.devices import devices_of, parts_of_a_step
from landcover.train.length import Settled, known_rate
from landcover.train.metrics import MeanIoU
from landcover.train.muon import ConvolutionMuon
from landcover.words import counted

USUAL = 0.001
"""Learning rate where none is known."""

SLIGHT = 0.0001
"""Weight decay that hardly bears on a training."""

FROZEN = 0.1
"""The share of the epochs in which a backbone stands still, where that is left open."""

SLOWER = 0.1
"""Of the rate with which all is trained after a backbone stood still. fastai takes a half for the last layers and a
two-hundredth for the first, in between by steps (Howard and Gugger 2020, Information 11:108)."""

SAMPLED = 4
"""Of the training chips every fourth row and column is enough for a figure to watch."""


def known_decay(settings: TrainSettings) -> float:
    """The weight decay by the settings, or the model's own; a slight one for AdamW."""
    given = settings.weight_decay
    if given == "auto":
        own = find_kind(settings.model).decay if settings.optimizer == "muon" else None
        return SLIGHT if own is None else own
    return given


def frozen_epochs(settings: Settled) -> int:
    """For how many epochs the backbone stands still, 0 of a network that has none. Raises LandcoverError where none is
    left to train it in."""
    if not find_kind(settings.model).backbone:
        return 0
    asked, epochs = settings.backbone.frozen, settings.epochs
    if asked == "auto":
        return max(1, round(FROZEN * epochs)) if epochs > 1 else 0
    if asked and asked >= epochs:
        raise LandcoverError(
            f"train.backbone.frozen {asked}: of {counted(epochs, 'epoch')} none is left to train the backbone in: "
            "lower it, or take more epochs"
        )
    return asked


def begins_phase(epoch: int, settings: Settled) -> bool:
    """Whether a phase, with an optimizer of its own, begins with an epoch, from 0."""
    return epoch in (0, frozen_epochs(settings))


def end_of_phase(epoch: int, settings: Settled) -> int:
    """The epoch before which the phase of an epoch ends."""
    frozen = frozen_epochs(settings)
    return frozen if epoch < frozen else settings.epochs


def begin_phase(learner: keras.Model, settings: Settled, loss: object, steps: int, epoch: int) -> None:
    """Make a network ready to be trained from an epoch, from 0, to the end of its phase: what stands still, and an
    optimizer. An epoch has so many `steps`."""
    frozen = frozen_epochs(settings)
    still = epoch < frozen
    if frozen:
        for layer in backbone_of(learner, settings.backbone):
            # its batch normalisation then keeps to its statistics, too
            layer.trainable = not still
    highest = (known_rate(settings) or USUAL) * (1.0 if still or not frozen else SLOWER)
    number = steps * (end_of_phase(epoch, settings) - (0 if still else frozen))
    with devices_of(learner):
        learner.compile(
            optimizer=build_optimizer(learner, settings, _schedule(settings, highest, number)),
            loss=loss,
            metrics=[MeanIoU(learner.output.shape[-1] - 1, every=SAMPLED)],
        )
        learner.optimizer.build(learner.trainable_variables)


def build_optimizer(
    learner: keras.Model, settings: TrainSettings, rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """The optimizer of a network, within its devices. The gradients of each part of a step are clipped by themselves,
    then added: together they are no longer than `clip`."""
    clip, decay = settings.clip / parts_of_a_step(learner), known_decay(settings)
    if settings.optimizer == "muon":
        return ConvolutionMuon(learner, rate, decay, clip)
    return keras.optimizers.AdamW(rate, weight_decay=decay, clipnorm=clip)


def _schedule(settings: TrainSettings, highest: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up to the learning rate over the first share of the steps, from the first on, then down to nothing along a
    cosine."""
    warm = round(steps * settings.warmup)
    if warm < 2:
        return keras.optimizers.schedules.CosineDecay(highest, max(1, steps))
    # the first of `warm` steps is taken at this rate, the last at the highest
    return keras.optimizers.schedules.CosineDecay(
        highest / warm, max(1, steps - warm + 1), warmup_target=highest, warmup_steps=warm - 1
    )
