"""How long a training is, where the settings leave it open."""

from pydantic import Field

from landcover.catalogue import find_kind
from landcover.settings import TrainSettings
from landcover.train.batches import chips_of
from landcover.train.chipset import Chips

ENOUGH = 10_000
"""Chips to show. On Ohio, in epochs of 3,241 chips, the loss on what was held out was least after the second or third
of six; from then on the U-Net learnt its own chips by heart."""

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
        epochs = min(MOST, max(FEWEST, round(ENOUGH / shown))) + (0 if still == "auto" else still)
    return Settled(**dict(settings) | {"epochs": epochs})
