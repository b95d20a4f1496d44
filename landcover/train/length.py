"""How long a training is, in epochs and steps, where the settings leave it open. Arithmetic, without a network."""

from dataclasses import dataclass

from pydantic import Field

from landcover.catalogue import find_kind
from landcover.precision import Format
from landcover.settings import TrainSettings
from landcover.train.chipset import Chips

ENOUGH = {"muon": 15_000, "adamw": 25_000}
"""Chips to show, by the optimizer: docs/explanation/training.md tells what was tried."""

OFTEN = {"muon": 280, "adamw": 460}
"""Times to show labelled ground, which chips that overlap and their copies do several times an epoch: of a few polygons
all is learnt before so many chips are shown, and then by heart."""

FEWEST, MOST = 2, 30
"""Epochs that are not gone beyond."""

STEPS = 100
"""Of a sweep of learning rates, at most."""

SHARE, LEAST = 0.05, 40
"""A sweep before a training takes at most this share of its steps, and is left out where that makes too few."""


class Settled(TrainSettings):
    """Settings with a number of epochs."""

    epochs: int = Field(ge=1)


@dataclass(frozen=True, kw_only=True)
class Length:
    """Of the training of a network: chips to train on, `copies` of them, and chips to validate; how many of the first
    two an epoch has `shown`; epochs, and steps of each; `sweep`: steps that find a learning rate before."""

    chips: int
    copies: int
    validation: int
    shown: int
    epochs: int
    steps: int
    sweep: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan(Length):
    """`seconds`: of the sweep and of all epochs, if none is saved by stopping early; `memory`: bytes of main memory, at
    most, that the trial took."""

    parameters: int
    precision: Format
    step_seconds: float
    seconds: float
    memory: int


def length_of(chips: Chips, settings: Settled) -> Length:
    number = len(chips.train) + len(chips.copies)
    return Length(
        chips=len(chips.train), copies=len(chips.copies), validation=len(chips.validation),
        shown=chips_of(number, settings), epochs=settings.epochs, steps=steps_of(number, settings),
        sweep=sweep_steps(chips, settings),
    )  # fmt: skip


def settled(settings: TrainSettings, chips: Chips) -> Settled:
    """The settings for these chips: with `epochs` of `auto` so many as show about ENOUGH of them, and what is labelled
    no more than about OFTEN, besides those in which a backbone stands still."""
    epochs = settings.epochs
    if epochs == "auto":
        shown = chips_of(len(chips.train) + len(chips.copies), settings)
        enough = ENOUGH[settings.optimizer] / shown
        if chips.overlap is not None:
            enough = min(enough, OFTEN[settings.optimizer] / (chips.overlap * shown / len(chips.train)))
        still = settings.backbone.frozen if find_kind(settings.model).backbone else 0
        epochs = min(MOST, max(FEWEST, round(enough))) + (0 if still == "auto" else still)
    return Settled(**dict(settings) | {"epochs": epochs})


def chips_of(number: int, settings: TrainSettings) -> int:
    """How many chips an epoch shows, in whole batches, of so many that there are."""
    shown = number if settings.chips_per_epoch == "all" else settings.chips_per_epoch
    return shown - shown % settings.chips_a_step if shown >= settings.chips_a_step else shown


def steps_of(number: int, settings: TrainSettings) -> int:
    """How many steps an epoch has."""
    return -(-chips_of(number, settings) // settings.chips_a_step)


def known_rate(settings: TrainSettings) -> float | None:
    """The learning rate by the settings, or the model's own; None where one has to be found."""
    given = settings.learning_rate
    return find_kind(settings.model).rate if given == "auto" else given


def sweep_steps(chips: Chips, settings: Settled) -> int:
    """How many steps a sweep before the training takes, 0 if there is none."""
    if known_rate(settings) is not None:
        return 0
    steps = min(STEPS, int(SHARE * settings.epochs * steps_of(len(chips.train) + len(chips.copies), settings)))
    return steps if steps >= LEAST else 0
