from pathlib import Path

import numpy as np
import pytest

from landcover.cli import summary as tell
from landcover.prepare.chips import Chips
from landcover.prepare.ground import labelled_ground
from landcover.splitreport import Side, SplitReport, nearest_distance, shared_pixels


def test_shared_pixels_are_counted_once() -> None:
    one, other = np.array([[0, 0], [10, 0]]), np.array([[25, 30], [20, 25], [500, 500]])
    assert shared_pixels(one, other, 32) == _shared(one, other, 32) > 0
    random = np.random.default_rng(0)
    many = random.integers(0, 200, (30, 2)), random.integers(0, 200, (20, 2))
    assert shared_pixels(*many, 16) == _shared(*many, 16) > 0
    assert shared_pixels(np.array([[0, 0]]), np.array([[32, 0]]), 32) == 0
    assert shared_pixels(one, np.empty((0, 2), np.int64), 32) == 0


def _shared(one: np.ndarray, other: np.ndarray, size: int) -> int:
    grids = []
    for corners in (one, other):
        grid = np.zeros((600, 600), bool)
        for column, row in corners:
            grid[row : row + size, column : column + size] = True
        grids.append(grid)
    return int((grids[0] & grids[1]).sum())


def test_the_nearest_distance_is_in_metres_on_the_ground() -> None:
    one = np.array([[0, 0]])
    assert nearest_distance(one, np.array([[13, 14], [100, 100]]), 10, (2.0, 0.5)) == pytest.approx(np.hypot(6, 2))
    assert nearest_distance(one, np.array([[10, 0]]), 10, (1.0, 1.0)) == 0
    assert nearest_distance(one, np.empty((0, 2), np.int64), 10, (1.0, 1.0)) is None


def test_labelled_ground_is_counted_once_however_chips_overlap(monkeypatch) -> None:
    monkeypatch.setattr("landcover.prepare.ground.BLOCK", 50)
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, (130, 170)).astype(np.uint8)
    corners = np.stack([random.integers(0, 170 - 24, 40), random.integers(0, 130 - 24, 40)], axis=1)
    shown = np.zeros(labels.shape, bool)
    for column, row in corners:
        shown[row : row + 24, column : column + 24] = True

    def label(number: int) -> np.ndarray:
        column, row = corners[number]
        return labels[row : row + 24, column : column + 24]

    counted = labelled_ground(label, corners, 24, (1, 2, 3))
    assert counted.tolist() == [int((labels[shown] == value).sum()) for value in (1, 2, 3)]


def test_it_is_said_what_is_counted_more_than_once_and_of_how_few_chips_figures_are(scheme) -> None:
    side = Side(chips=19, pixels=dict.fromkeys(scheme.names, 50), hectares=dict.fromkeys(scheme.names, 1), overlap=9.34)
    told = {"method": "blocks", "key": "k", "scheme": scheme, "dropped": 0, "nearest": 1.0, "shared_pixels": 0}
    report = SplitReport(train=side, validation=side, **told)
    assert "ha: of the labelled ground, once; a pixel of it is in 9.3 training chips" in tell.split(report)
    few = Chips(Path("chips"), report, 50, {}, ("no chip holds water",))
    assert tell.notes(few)[0] == "Note: no chip holds water"
    assert tell.notes(few)[1].startswith("Note: validation has no more than 19 chips, which say little")
    enough = report.model_copy(update={"validation": side.model_copy(update={"chips": 20})})
    assert tell.notes(Chips(Path("chips"), enough, 50, {}, ())) == []


def test_a_leaking_split_is_said_in_capitals(scheme) -> None:
    empty = Side(chips=1, pixels=dict.fromkeys(scheme.names, 5), hectares=dict.fromkeys(scheme.names, 0.01))
    told = {"key": "k", "scheme": scheme, "train": empty, "validation": empty, "dropped": 0, "nearest": 0.0}
    leaking = SplitReport(method="random", shared_pixels=1234, **told)
    assert "1,234 pixels on both sides, nearest distance 0.0 m; LEAKING SPLIT" in tell.split(leaking)
    nowhere = SplitReport(method="random", shared_pixels=0, placed=False, **told)
    assert "split by random: where the chips lie is not known; LEAKING SPLIT" in tell.split(nowhere)
    assert "LEAKING" not in tell.split(SplitReport(method="blocks", shared_pixels=0, **told))


def test_sides_that_share_nothing_and_have_no_ground_between_them_touch(scheme) -> None:
    side = Side(chips=1, pixels=dict.fromkeys(scheme.names, 5), hectares=dict.fromkeys(scheme.names, 0.01))
    told = {"method": "blocks", "key": "k", "scheme": scheme, "train": side, "validation": side, "dropped": 0}
    lines = [tell.split(SplitReport(shared_pixels=0, nearest=m, **told)).splitlines()[-1] for m in (0.0, 0.6, None)]
    assert lines == [
        "split by blocks: 0 pixels on both sides, which touch",
        "split by blocks: 0 pixels on both sides, nearest distance 0.6 m",
        "split by blocks: 0 pixels on both sides, one side is empty",
    ]
