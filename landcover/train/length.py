"""How long a training is, where the settings leave it open."""

from pydantic import Field

from landcover.catalogue import find_kind
from landcover.settings import TrainSettings
from landcover.train.batches import chips_of
from landcover.train.chipset import Chips

ENOUGH = {"muon": 15_000, "adamw": 25_000}
"""Chips to show, by the optimizer: docs/explanation/training.md tells what was tried."""

OFTEN = {"muon": 140, "adamw": 230}
"""Times to show labelled ground, which chips that overlap and their copies do several times an epoch: of a few polygons
all is learnt before so many chips are shown, and then by heart."""

FEWEST, MOST = 2, 30
"""Epochs that are not gone beyond."""


class Settled(TrainSettings):
    """Settings with a number of epochs."""

    epochs: int = Field(ge=1)


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
