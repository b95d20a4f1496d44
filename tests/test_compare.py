import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from conftest import CRS, ORIGIN, write_image, write_polygons
from scipy.sparse import csr_array

from landcover.assess.compare import compare
from landcover.assess.designbased import difference, estimate
from landcover.assess.paired import compare_pieces, compare_points, mcnemar
from landcover.cli.summary import compared
from landcover.config import Config
from landcover.errors import LabelError, LandcoverError, OutputExists

TRUTH = np.kron(np.random.default_rng(0).choice([1, 2, 7], (20, 20), p=[0.3, 0.4, 0.3]), np.ones((32, 32))).astype(
    np.uint8
)


@pytest.fixture
def config(tmp_path, scheme) -> Config:
    paths = {"data": tmp_path / "data", "models": tmp_path / "models", "reports": tmp_path / "reports"}
    return Config.model_validate({"scheme": scheme, "paths": paths})


def _wrong(share: float, seed: int) -> np.ndarray:
    """The truth but for a share of pixels, which are of the next class."""
    following = np.select([TRUTH == 1, TRUTH == 2], [2, 7], 1)
    return np.where(np.random.default_rng(seed).random(TRUTH.shape) < share, following, TRUTH).astype(np.uint8)


@pytest.fixture
def maps(tmp_path) -> tuple[Path, Path]:
    worse = _wrong(0.3, 1)
    better = np.where(np.random.default_rng(2).random(TRUTH.shape) < 0.5, TRUTH, worse)
    return write_image(tmp_path / "a.tif", worse[None]), write_image(tmp_path / "b.tif", better[None].astype(np.uint8))


def _judged(path: Path, rows: np.ndarray, columns: np.ndarray, **fields: np.ndarray) -> str:
    frame = gpd.GeoDataFrame(
        {"GrndTruth": TRUTH[rows, columns].astype(np.int32), **fields},
        geometry=gpd.points_from_xy(ORIGIN[0] + columns + 0.5, ORIGIN[1] - rows - 0.5),
        crs=CRS,
    )
    frame.to_file(path)
    return str(path)


def test_the_better_map_is_found_by_pixels(tmp_path, config, maps) -> None:
    truth = write_image(tmp_path / "t.tif", TRUTH[None])
    made = compare(config, *maps, [str(truth)])
    gap = made.differences["overall accuracy"]
    shown = [rasterio.open(path).read(1) for path in maps]
    assert (gap.first, gap.second) == tuple(pytest.approx((s == TRUTH).mean()) for s in shown)
    assert gap.low < gap.value < gap.high
    assert gap.low > 0.1
    assert (made.probability, made.total) == (None, TRUTH.size)
    assert "bootstrap over 100 blocks of 64 x 64 px" in made.intervals
    assert list(made.differences) == ["overall accuracy", "mean IoU", "F1 water", "F1 forest", "F1 bare land"]
    text = compared(made)
    assert text.startswith(f"A {maps[0]}, B {maps[1]} on all of A, by {TRUTH.size:,} pixels\n")
    assert "\noverall accuracy " in text
    assert "\nmean IoU  " in text
    assert "  *" in text
    assert (made.path / "difference.png").stat().st_size > 1000
    record = json.loads((made.path / "comparison.json").read_text())
    assert record["differences"]["overall accuracy"]["difference"] == pytest.approx(gap.value)
    with pytest.raises(OutputExists):
        compare(config, *maps, [str(truth)])


def test_a_picture_that_fails_costs_no_figures(tmp_path, config, maps, monkeypatch) -> None:
    def fail(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("landcover.assess.compare.draw_difference", fail)
    with pytest.raises(LandcoverError, match=r"difference\.png: cannot be written \(No space left"):
        compare(config, *maps, [str(write_image(tmp_path / "t.tif", TRUTH[None]))])
    assert sorted(p.name for p in (config.paths.reports / "a_and_b").iterdir()) == ["comparison.json"]


def test_only_what_both_maps_show_is_compared(tmp_path, config) -> None:
    one, two = TRUTH.copy(), TRUTH.copy()
    one[:320], two[:, :320] = 0, 0
    paths = write_image(tmp_path / "a.tif", one[None]), write_image(tmp_path / "b.tif", two[None, 5:], row=5)
    drawn = write_polygons(tmp_path / "r.gpkg", [(0, 0, 640, 640, 1)])
    made = compare(config, *paths, [str(drawn)])
    assert made.total == 320 * 320
    assert made.notes == ("not in the reference, so that nothing is known of it: forest, bare land",)
    assert np.isnan(made.differences["F1 forest"].value)
    assert made.spoken == pytest.approx(0.5)
    text = compared(made)
    assert "on 50.0 % of A, by 102,400 pixels" in text
    assert "\nmean IoU of 1 of 3  " in text
    assert json.loads((made.path / "comparison.json").read_text())["mean_iou_classes"] == 1
    away = write_polygons(tmp_path / "away.gpkg", [(0, 0, 300, 300, 1)])
    with pytest.raises(LabelError, match="show nothing together"):
        compare(config, *paths, [str(away)], overwrite=True)


def test_a_map_on_another_grid_is_brought_onto_the_first(tmp_path, config) -> None:
    first = write_image(tmp_path / "a.tif", TRUTH[None])
    second = write_image(tmp_path / "b.tif", TRUTH[None, ::2, ::2], size=2)
    made = compare(config, first, second, [str(write_image(tmp_path / "t.tif", TRUTH[None]))])
    assert made.differences["overall accuracy"].value == 0
    assert made.total == TRUTH.size
    assert "b.tif lies on another grid" in made.notes[0]


def test_points_tell_it_in_pairs(tmp_path, config, maps) -> None:
    rows, columns = np.random.default_rng(5).integers(0, 640, (2, 400))
    # a point that was added by hand has no number
    numbers = np.where(np.arange(400) == 7, np.nan, np.arange(400))
    made = compare(config, *maps, [_judged(tmp_path / "p.gpkg", rows, columns, Point=numbers)])
    one, two = (rasterio.open(path).read(1)[rows, columns] == TRUTH[rows, columns] for path in maps)
    assert (made.only_first, made.only_second) == (0, int((two & ~one).sum()))
    assert made.probability < 1e-6
    assert made.differences["overall accuracy"].low > 0
    assert "McNemar: right in A alone are 0 points, in B alone" in compared(made)
    assert (made.averaged, made.classes) == (3, 3)


def test_points_that_the_second_map_does_not_show_stay_in_the_sample_without_ground(tmp_path, config, maps) -> None:
    one, two = (rasterio.open(path).read(1) for path in maps)
    # most of what the first map shows as forest, little of it elsewhere
    two[(one == 2) & (np.arange(640) < 500)] = 0
    two[:32] = 0
    gaps = write_image(tmp_path / "gaps.tif", two[None])
    rows, columns = np.random.default_rng(5).integers(0, 640, (2, 400))
    made = compare(config, maps[0], gaps, [_judged(tmp_path / "p.gpkg", rows, columns)])
    first, second, true = (classes[rows, columns] for classes in (one, two, TRUTH))
    there = second > 0
    # each stands for its part of a class of the first map, as if the second showed all
    weight = np.array([(one == value).sum() / (first == value).sum() for value in first.tolist()]) * there
    gap = made.differences["overall accuracy"]
    expected = tuple(pytest.approx(np.average(shown == true, weights=weight)) for shown in (first, second))
    assert (gap.first, gap.second) == expected
    assert gap.low < gap.value < gap.high
    assert made.spoken == pytest.approx(weight.sum() / one.size)
    assert (made.only_first, made.only_second) == (0, int(((first != true) & (second == true)).sum()))
    assert made.total == there.sum()
    assert f"gaps.tif shows nothing at {(~there).sum()} points" in made.notes


def test_a_map_is_not_compared_with_itself_nor_with_the_reference(tmp_path, config, maps) -> None:
    truth = write_image(tmp_path / "t.tif", TRUTH[None])
    copied = Path(shutil.copy(maps[0], tmp_path / "copy.tif"))
    for twin in (maps[0], tmp_path / "." / "a.tif", copied):
        with pytest.raises(LandcoverError, match=r"is the same map as .*a\.tif: name two different ones"):
            compare(config, maps[0], twin, [str(truth)])
    with pytest.raises(LabelError, match=r"t\.tif: is named as a map and as its reference"):
        compare(config, maps[0], truth, [str(truth)])


def test_swapped_names_are_told_before_what_exists_already(tmp_path, config, maps) -> None:
    truth = write_image(tmp_path / "t.tif", TRUTH[None])
    drawn = write_polygons(tmp_path / "r.gpkg", [(0, 0, 640, 640, 1)])
    with rasterio.open(maps[1], "r+") as dataset:
        dataset.update_tags(LANDCOVER_MODEL_SHA256="0")
    for first in (truth, drawn):
        (config.paths.reports / f"{first.stem}_and_a").mkdir(parents=True)
        with pytest.raises(LandcoverError, match=r"are the two swapped\?|name the map first, then the reference"):
            compare(config, first, maps[0], [str(maps[1])])


def test_mcnemar_is_the_exact_test() -> None:
    # two-sided, of a fair coin: 2 x (1 + 8) / 2^8
    assert mcnemar(1, 7) == pytest.approx(18 / 256)
    assert (mcnemar(0, 0), mcnemar(5, 5)) == (1, 1)


def test_the_intervals_of_pairs_are_narrower_than_those_of_two_samples() -> None:
    """Two maps that share nearly all their errors: of 200 points 5 differ."""
    strata, true = np.zeros(200, int), np.zeros(200, int)
    first, second = np.ones(200, int), np.ones(200, int)
    first[:100], second[:105] = 0, 0
    sizes, areas = {0: 10**6}, np.ones(200)
    gap, error = difference(strata, first == true, second == true, sizes, areas)
    assert gap == pytest.approx(0.025)
    assert error == pytest.approx((0.025 * 0.975 / 199) ** 0.5)
    assert error < float(estimate(strata, first, true, sizes, 2).estimates.overall.error) / 3
    found = compare_points(strata, (first * 2 + second) * 2 + true, 2, sizes, areas)
    both = found["overall accuracy"]
    assert (both.low, both.high) == (
        pytest.approx(gap - 1.96 * error, abs=0.01),
        pytest.approx(gap + 1.96 * error, abs=0.01),
    )


def test_a_class_that_is_nowhere_has_no_difference() -> None:
    pieces = np.zeros((4, 27))
    pieces[:, 0] = 5
    found = compare_pieces(csr_array(pieces), 3)
    assert found["overall accuracy"].value == 0
    assert np.isnan([found["F1 2"].value, found["F1 2"].low]).all()


def test_values_that_the_scheme_does_not_know_are_refused_in_either_map(tmp_path, config, maps) -> None:
    strange = write_image(tmp_path / "nine.tif", np.where(TRUTH == 2, 9, TRUTH)[None].astype(np.uint8))
    truth = str(write_image(tmp_path / "t.tif", TRUTH[None]))
    points = _judged(tmp_path / "p.gpkg", *np.mgrid[0:640:40, 0:640:40].reshape(2, -1))
    for pair in ((strange, maps[0]), (maps[0], strange)):
        for reference in (truth, points):
            with pytest.raises(LabelError, match=r"scheme: 9|9 \("):
                compare(config, *pair, [reference])
