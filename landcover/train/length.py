"""How long a training is, where the settings leave it open."""

from pydantic import Field

from landcover.catalogue import find_kind
from landcover.settings import TrainSettings
from landcover.train.batches import chips_of
from landcover.train.chipset import Chips

ENOUGH = {"muon": 15_000, "adamw": 25_000}
"""Chips to show, by the optimizer: docs/explanation/training.md tells what was tried."""

FEWEST, MOST = 2, 30
"""Epochs that are not gone beyond."""


class Settled(TrainSettings):
    """Settings with a number of epochs."""

    epochs: int = Field(ge=1)


def settled(settings: TrainSettings, chips: Chips) -> Settled:
    """The settings for these chips: with `epochs` of `auto` so many as show about ENOUGH of them, besides those in
    which a backbone stands still."""
    epochs = settings.epochs
    if epochs == "auto":
        shown = chips_of(len(chips.train) + len(chips.copies), settings)
        still = settings.backbone.frozen if find_kind(settings.model).backbone else 0
        epochs = min(MOST, max(FEWEST, round(ENOUGH[settings.optimizer] / shown))) + (0 if still == "auto" else still)
    return Settled(**dict(settings) | {"epochs": epochs})
