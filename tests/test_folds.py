import csv
from contextlib import closing

import numpy as np
import pytest
from test_train import QUICK, _report, _stores

from landcover.chipstore import Chip, StoreInfo, create_store
from landcover.errors import Interrupted, LabelError, LandcoverError, OutputExists
from landcover.settings import TrainSettings
from landcover.splitreport import Side
from landcover.train import estimators
from landcover.train.chipset import open_chips
from landcover.train.folds import cross_validate
from landcover.train.metrics import Scores
from landcover.train.parts import cut_parts, deal, ways

pytestmark = pytest.mark.usefixtures("undrawn")

SHORT = QUICK.model_copy(update={"epochs": 2})


def test_sites_are_chips_that_touch() -> None:
    corners = np.array([[0, 0], [32, 0], [64, 32], [200, 0], [216, 0], [500, 500]])
    places, kind = next(ways(corners, 32, 3, 1024))
    assert places.tolist() == [0, 0, 0, 1, 1, 2]
    assert kind == "3 sites"


def test_with_few_sites_there_are_blocks() -> None:
    corners = np.array([[x, y] for y in range(0, 256, 16) for x in range(0, 256, 16)])
    places, kind = next(ways(corners, 32, 4, 1024))
    assert kind == "4 blocks of 128 px"
    assert len(np.unique(places)) == 4
    # larger ones come last: more ground is left between them
    kinds = [kind for _, kind in ways(corners, 32, 4, 64)]
    assert kinds == ["16 blocks of 64 px", "64 blocks of 32 px", "4 blocks of 128 px"]
    assert not list(ways(np.array([[0, 0], [1, 0]]), 32, 2, 1024))


def test_places_are_taken_that_leave_something_to_train_on(tmp_path, scheme) -> None:
    # a place of one chip, and another of all the others, of which blocks of a chip would leave nothing apart
    ground, far = [(x, y) for y in range(0, 256, 16) for x in range(0, 256, 16)], [(900, 900)]
    paths = _stores(tmp_path, scheme)
    for side, corners in ((paths.train, ground), (paths.validation, far)):
        info = StoreInfo(scheme.named, 32, 4, "uint8", (1.0, 1.0), "blocks", "k")
        (side / "water.h5").unlink()
        with create_store(side / "water.h5", info) as writer:
            for n, corner in enumerate(corners):
                label = np.ones((32, 32), np.uint8)
                writer.append(Chip(np.full((32, 32, 4), 9, np.uint8), label, (*corner, 32, 32), f"{n}.tif"))
    sides = {"train": len(ground), "validation": len(far)}
    _report(paths, scheme, 0, **{name: Side(chips=n, pixels={}, hectares={}) for name, n in sides.items()})
    with closing(open_chips(paths, scheme)) as chips:
        parts = cut_parts(chips, scheme, 2, 32)
    assert parts.kind == "17 blocks of 64 px"
    for part in parts.chips:
        assert len(part.train) > len(ground) / 5
        assert len(part.validation) < 2 / 3 * len(ground)


def test_folds_share_the_classes_evenly() -> None:
    places = np.repeat([0, 1, 2, 3], 5)
    pixels = np.repeat([[100, 0], [0, 10], [90, 0], [0, 12]], 5, axis=0)
    folds = deal(places, pixels, 2)
    assert all(len(set(folds[places == place])) == 1 for place in range(4))
    held = np.stack([pixels[folds == fold].sum(axis=0) for fold in range(2)])
    assert (held > 0).all()


def test_every_chip_is_held_out_once_and_shares_nothing_with_those_that_train(tmp_path, scheme, monkeypatch) -> None:
    import landcover.train.folds as module

    paths = _stores(tmp_path, scheme, number=8)
    parts, taken = [], module.learn

    def watched(chips, *rest):
        parts.append((chips.train.corners, chips.validation.corners))
        return taken(chips, *rest)

    monkeypatch.setattr(module, "learn", watched)
    # two rows of chips that touch: two sites, so that three folds are of blocks
    made = cross_validate(paths, SHORT, scheme, 3, 64)
    assert made.places.endswith("blocks of 64 px")
    held = np.concatenate([validation for _, validation in parts])
    assert len(held) == len(np.unique(held, axis=0)) == 16
    for train, validation in parts:
        gaps = np.abs(train[:, None] - validation[None]).max(axis=-1)
        assert gaps.min() >= 32
    assert made.pooled == Scores.of(np.sum([fold.scores.table for fold in made.folds], axis=0))
    assert sum(map(sum, made.pooled.table)) == 16 * 32 * 24
    with (made.path / "folds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["fold"] for row in rows] == ["1", "2", "3", "all"]
    assert float(rows[-1]["accuracy"]) == made.pooled.accuracy
    with pytest.raises(OutputExists):
        cross_validate(paths, SHORT, scheme, 3, 64)


@pytest.mark.parametrize("slack", [0, 1])
def test_chips_whose_places_are_rounded_are_held_apart_by_what_that_may_be(tmp_path, scheme, slack) -> None:
    paths = _stores(tmp_path, scheme, number=8)
    _report(paths, scheme, 8, slack=slack)
    with closing(open_chips(paths, scheme)) as chips:
        parts = cut_parts(chips, scheme, 3, 64)
        for part in parts.chips:
            gaps = np.abs(part.train.corners[:, None] - part.validation.corners[None]).max(axis=-1)
            assert gaps.min() == (64 if slack else 32)


def test_no_fold_is_empty_where_places_are_of_one_class_each() -> None:
    assert sorted(deal(np.arange(3), 100 * np.eye(3, dtype=np.int64), 3)) == [0, 1, 2]
    even = deal(np.arange(6), np.full((6, 2), 7), 3)
    assert np.bincount(even).tolist() == [2, 2, 2]


def test_copies_of_what_is_held_out_do_not_train(tmp_path, scheme, monkeypatch) -> None:
    import landcover.train.folds as module

    paths = _stores(tmp_path, scheme, number=8)
    info = StoreInfo(scheme.named, 32, 4, "uint8", (1.0, 1.0), "blocks", "k")
    with create_store(paths.augmented / "water.h5", info) as writer:
        for n in range(8):
            pixels = np.full((32, 32, 4), 9, np.uint8)
            writer.append(Chip(pixels, np.ones((32, 32), np.uint8), (n * 32, 0, 32, 32), f"{n}.tif turned 90"))
    parts = []

    def watched(chips, settings, scheme, folder, *rest):
        parts.append((chips.copies.corners, chips.validation.corners))
        return taken(chips, settings, scheme, folder, *rest)

    taken = module.learn
    monkeypatch.setattr(module, "learn", watched)
    cross_validate(paths, SHORT, scheme, 2, 64)
    assert sorted(len(copies) for copies, _ in parts) == [0, 8]
    for copies, held in parts:
        assert not set(map(tuple, copies.tolist())) & set(map(tuple, held.tolist()))


def test_chips_that_do_not_tell_where_they_lie_make_no_folds(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, number=8, method="random")
    _report(paths, scheme, 8, method="random", placed=False)
    with pytest.raises(
        LabelError, match="--folds 2: parts are made by place, and these chips do not tell where they lie"
    ):
        cross_validate(paths, SHORT, scheme, 2, 64)


def test_folds_that_leave_too_little_to_train_on_are_refused_at_once(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, number=8, stride=8)
    with pytest.raises(
        LabelError, match=r"--folds 3: of \d blocks of 32 px, part \d of 3 holds out .* take fewer folds"
    ):
        cross_validate(paths, SHORT, scheme, 3, 32)
    assert not paths.models.exists()


def test_folds_go_on_where_they_were_cut_off(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme)
    epochs = []

    def cut(figures, of):
        epochs.append(figures["epoch"])
        if len(epochs) == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="1 of 2 folds and the last whole epoch of the next are kept: go on with"):
        cross_validate(paths, SHORT, scheme, 2, 64, on_epoch=cut)
    with pytest.raises(LandcoverError, match="go on with --resume"):
        cross_validate(paths, SHORT, scheme, 2, 64)
    with pytest.raises(LandcoverError, match="began with other chips, or others held out"):
        cross_validate(paths, SHORT, scheme, 3, 64, resume=True)
    made = cross_validate(paths, SHORT, scheme, 2, 64, resume=True, on_epoch=lambda f, of: epochs.append(f["epoch"]))
    assert epochs == [1, 2, 1, 2]
    assert made.places == "2 sites"


def test_models_of_pixels_have_folds_too(tmp_path, scheme, monkeypatch) -> None:
    monkeypatch.setattr(estimators, "TREES", 5)
    paths = _stores(tmp_path, scheme, number=8)
    settings = TrainSettings(model="random-forest", name="forest")
    made = cross_validate(paths, settings, scheme, 2, 64)
    assert (made.path, [fold.held for fold in made.folds]) == (paths.models / "forest-folds", [8, 8])
    assert sum(map(sum, made.pooled.table)) == 16 * 32 * 24
    assert made.pooled.mean_iou > 0.8
    assert sorted(path.name for path in (made.path / "fold_1").iterdir()) == [
        "history.csv", "metrics.json", "model.skops", "validation",
    ]  # fmt: skip
