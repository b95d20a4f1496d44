"""How long a training is that is left open."""

from types import SimpleNamespace

import pytest

from landcover.cli import summary as tell
from landcover.settings import BackboneSettings, TrainSettings
from landcover.train.length import ENOUGH as CHIPS
from landcover.train.length import OFTEN, length_of, settled
from landcover.train.phases import frozen_epochs

ENOUGH = CHIPS["muon"]


def chips(train: int, copies: int = 0, overlap: float | None = None) -> SimpleNamespace:
    return SimpleNamespace(train=range(train), copies=range(copies), overlap=overlap)


@pytest.mark.parametrize(
    ("found", "epochs"),
    [(chips(ENOUGH // 10), 10), (chips(ENOUGH // 20, ENOUGH // 20), 10), (chips(3), 30), (chips(10 * ENOUGH), 2)],
)
def test_epochs_of_auto_show_about_as_many_chips_of_few_and_of_many(found, epochs) -> None:
    assert settled(TrainSettings(), found).epochs == epochs


def test_labelled_ground_is_not_shown_so_often_that_it_is_learnt_by_heart() -> None:
    # of 100 chips that show each labelled pixel twelve times, with half as many copies: 18 times an epoch
    few = chips(100, 50, overlap=12.0)
    assert settled(TrainSettings(), few).epochs == round(OFTEN["muon"] / 18)
    assert settled(TrainSettings(optimizer="adamw"), few).epochs == round(OFTEN["adamw"] / 18)
    assert settled(TrainSettings(chips_per_epoch=300), few).epochs == round(OFTEN["muon"] / 36)
    # where chips hardly overlap it is their number that tells
    assert settled(TrainSettings(), chips(ENOUGH // 10, overlap=1.0)).epochs == 10


def test_adamw_is_shown_more() -> None:
    few = chips(CHIPS["adamw"] // 20)
    assert settled(TrainSettings(optimizer="adamw"), few).epochs == 20
    assert settled(TrainSettings(), few).epochs == 12


def test_epochs_in_which_a_backbone_stands_still_come_on_top() -> None:
    few = chips(ENOUGH // 3)
    for frozen, epochs in ((0, 3), (4, 7), ("auto", 3)):
        made = settled(TrainSettings(model="pspnet", backbone=BackboneSettings(frozen=frozen)), few)
        assert made.epochs == epochs
        assert frozen_epochs(made) in (frozen, 1)
    # a U-Net has none
    assert settled(TrainSettings(backbone=BackboneSettings(frozen=4)), few).epochs == 3


def test_epochs_that_are_named_are_kept() -> None:
    made = settled(TrainSettings(epochs=77, name="other", balance="sqrt"), chips(5000))
    assert (made.epochs, made.name, made.balance) == (77, "other", "sqrt")
    # what an epoch shows is set by hand
    assert settled(TrainSettings(chips_per_epoch=ENOUGH // 4), chips(9)).epochs == 4


def test_a_plan_tells_how_many_chips_an_epoch_shows_as_a_training_does() -> None:
    few = chips(71, 116)
    few.validation = range(25)
    told = tell.plan(length_of(few, settled(TrainSettings(epochs=2, batch=6), few)))  # type: ignore[arg-type]
    assert "chips: 71 to train on, 116 copies of them, 25 to validate\n" in told
    assert told.endswith("; an epoch shows 186 chips")
