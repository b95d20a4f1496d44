import csv
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import write_image, write_polygons
from scipy.sparse import csr_array

from landcover.assess import as_text, assess
from landcover.assess.bootstrap import bootstrap
from landcover.assess.by_cover import assess_by_cover
from landcover.assess.contingency import tabulate
from landcover.assess.measures import measure
from landcover.assess.rawpairs import count_raw
from landcover.config import Config
from landcover.errors import ConfigError, ImageError, LabelError, OutputExists
from landcover.labelset import open_labels
from landcover.progress import silent
from landcover.raster import grid_of
from landcover.remap import Remap

MAP = np.array([[1, 1, 2, 2], [1, 2, 2, 7], [0, 0, 7, 7], [7, 7, 7, 7]], np.uint8)
TRUTH = np.array([[1, 1, 2, 2], [2, 2, 2, 1], [1, 0, 7, 7], [7, 0, 0, 1]], np.uint8)
COUNTS = [[2, 1, 0], [0, 4, 0], [2, 0, 3]]


@pytest.fixture
def config(tmp_path, scheme) -> Config:
    paths = {"data": tmp_path / "data", "models": tmp_path / "models", "reports": tmp_path / "reports"}
    return Config.model_validate({"scheme": scheme, "paths": paths})


def _raster(path: Path, classes: np.ndarray, **more) -> Path:
    return write_image(path, classes[None], **more)


def test_rows_are_the_map_and_columns_the_reference(tmp_path, config) -> None:
    made = assess(config, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "truth.tif", TRUTH))])
    assert made.result.counts.tolist() == COUNTS
    assert made.result.left_out == (("no data in the map", 1),)
    with (made.path / "contingency.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["map \\ reference", "water", "forest", "bare land", "total"]
    assert rows[1] == ["water", "2", "1", "0", "3"]
    assert rows[-1] == ["total", "4", "5", "3", "12"]
    record = json.loads((made.path / "accuracy.json").read_text())
    table = record["contingency"]
    assert (table["rows"], table["columns"], table["counts"]) == ("map", "reference", COUNTS)
    assert record["overall_accuracy"]["value"] == pytest.approx(9 / 12)
    bare = {key: value["value"] for key, value in record["classes"]["bare land"].items() if isinstance(value, dict)}
    assert bare == {
        "users_accuracy": pytest.approx(3 / 5), "producers_accuracy": pytest.approx(1),
        "f1": pytest.approx(6 / 8), "iou": pytest.approx(3 / 5),
    }  # fmt: skip
    bare = record["classes"]["bare land"]
    assert (bare["mapped_pixels"], bare["reference_pixels"]) == (5, 3)
    with (made.path / "measures.csv").open() as file:
        row = {row["class"]: row for row in csv.DictReader(file)}["bare land"]
    assert (row["value"], row["mapped_pixels"], row["users_accuracy"]) == ("7", "5", "0.6")
    text = as_text(made.result)
    assert "reference (columns)" in text
    assert "map (rows)" in text
    assert "left out: 1 pixel no data in the map" in text
    # 12 of the 14 pixels that the map shows
    assert "overall accuracy 75.0 % on 85.7 % of the map, mean IoU" in text
    assert record["share_of_map"] == pytest.approx(12 / 14)
    assert record["classes"]["bare land"]["share_of_map"] == pytest.approx(7 / 14)


def test_kappa_is_on_request(tmp_path, config) -> None:
    shown, truth = _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "truth.tif", TRUTH))]
    asked = config.model_copy(update={"assess": config.assess.model_copy(update={"kappa": True})})
    for settings, said in ((config, False), (asked, True)):
        made = assess(settings, shown, truth, overwrite=True)
        page = (made.path / "report.html").read_text()
        record = json.loads((made.path / "accuracy.json").read_text())
        assert ["kappa" in as_text(made.result), "kappa" in record, "; kappa 0." in page] == [said] * 3
    assert record["kappa"] == float(made.result.measures.kappa)


def test_kappa_is_cohens() -> None:
    # Congalton (1991), Remote Sensing of Environment 37:35-46, table 1
    counts = np.array([[65, 4, 22, 24], [6, 81, 5, 8], [0, 11, 85, 19], [4, 7, 3, 90]])
    measures = measure(counts)
    assert measures.overall == pytest.approx(0.74, abs=0.005)
    assert measures.kappa == pytest.approx(0.65, abs=0.005)
    assert measures.producers[0] == pytest.approx(65 / 75)
    assert measures.users[0] == pytest.approx(65 / 115)


def test_a_class_that_is_nowhere_has_no_measure(tmp_path, config) -> None:
    two = np.where(MAP == 7, 2, MAP)
    made = assess(config, _raster(tmp_path / "map.tif", two), [str(_raster(tmp_path / "t.tif", np.minimum(TRUTH, 2)))])
    assert json.loads((made.path / "accuracy.json").read_text())["classes"]["bare land"]["iou"]["value"] is None
    assert made.result.measures.mean_iou == pytest.approx(np.mean(made.result.measures.iou[:2]))


def test_polygons_are_a_reference_too(tmp_path, config) -> None:
    shown = _raster(tmp_path / "map.tif", MAP)
    drawn = write_polygons(tmp_path / "r.gpkg", [(0, 0, 2, 2, "water"), (2, 2, 4, 4, "bare land")], "Classname")
    made = assess(config, shown, [str(drawn)])
    assert made.result.counts.tolist() == [[3, 0, 0], [1, 0, 0], [0, 0, 4]]


def test_the_reference_is_reclassified_as_labels_are(tmp_path, config) -> None:
    coded = np.where(TRUTH == 0, 99, TRUTH).astype(np.uint8)
    with pytest.raises(LabelError, match=r"99 \(3 pixels\)"):
        assess(config, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "t.tif", coded))])
    again = config.model_copy(update={"labels": config.labels.model_copy(update={"reclassify": {99: 0}})})
    made = assess(again, tmp_path / "map.tif", [str(tmp_path / "t.tif")])
    assert made.result.counts.tolist() == COUNTS


def test_only_the_maps_pixels_decide_which_are_compared(tmp_path, config) -> None:
    big = np.random.default_rng(0).choice(np.array([0, 1, 2, 7], np.uint8), (700, 900))
    truth = np.random.default_rng(1).choice(np.array([0, 1, 2, 7], np.uint8), (500, 1200))
    shown = _raster(tmp_path / "map.tif", big)
    made = assess(config, shown, [str(_raster(tmp_path / "t.tif", truth, column=-100, row=300))])
    a, b = big[300:], truth[:400, 100:1000]
    expected = [[int(((a == i) & (b == j)).sum()) for j in (1, 2, 7)] for i in (1, 2, 7)]
    assert made.result.counts.tolist() == expected


def test_what_cannot_be_compared_is_refused(tmp_path, config) -> None:
    shown, truth = _raster(tmp_path / "map.tif", MAP), _raster(tmp_path / "t.tif", TRUTH)
    with pytest.raises(LabelError, match="values that are not in the scheme: 9"):
        assess(config, _raster(tmp_path / "nine.tif", np.full((4, 4), 9, np.uint8)), [str(truth)])
    with pytest.raises(LabelError, match="no mapped pixel has a reference class"):
        assess(config, _raster(tmp_path / "none.tif", np.zeros((4, 4), np.uint8)), [str(truth)])
    with pytest.raises(ImageError, match="is no map: 4 bands of uint8"):
        assess(config, write_image(tmp_path / "i.tif", np.ones((4, 4, 4), np.uint8)), [str(truth)])
    with pytest.raises(ConfigError, match=r"which map\? .* holds none"):
        assess(config, None, [str(truth)])
    assert not config.paths.reports.exists()
    assess(config, shown, [str(truth)])
    with pytest.raises(OutputExists):
        assess(config, shown, [str(truth)])


def test_map_and_reference_are_not_swapped(tmp_path, config) -> None:
    shown, truth = _raster(tmp_path / "map.tif", MAP), _raster(tmp_path / "t.tif", TRUTH)
    with rasterio.open(shown, "r+") as dataset:
        dataset.update_tags(LANDCOVER_MODEL_SHA256="0")
    with pytest.raises(LabelError, match=r"map\.tif: is a map that a model made"):
        assess(config, truth, [str(shown)])
    polygons = write_polygons(tmp_path / "p.gpkg", [(0, 0, 4, 4, 1)])
    with pytest.raises(ImageError, match=r"p\.gpkg: is a layer of features, not a map: name the map first"):
        assess(config, polygons, [str(shown)])
    assert assess(config, shown, [str(truth)]).result.counts.tolist() == COUNTS


def test_a_table_without_geometry_is_told_what_to_become(tmp_path, config) -> None:
    (tmp_path / "points.csv").write_text("x,y,GrndTruth\n1,2,1\n")
    with pytest.raises(LabelError, match="Add Delimited Text Layer"):
        assess(config, _raster(tmp_path / "map.tif", MAP), [str(tmp_path / "points.csv")])


def test_the_mean_is_over_the_classes_of_the_reference(tmp_path, config) -> None:
    made = assess(config, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "t.tif", np.minimum(TRUTH, 2)))])
    assert made.result.measures.mean_iou == pytest.approx(np.mean(made.result.measures.iou[:2]))
    text = as_text(made.result)
    assert "not in the reference, so not in the mean IoU: bare land" in text
    mean = made.result.measures.mean_iou
    assert f"mean IoU {100 * mean:.1f} % of 2 of 3 classes, " in text
    assert json.loads((made.path / "accuracy.json").read_text())["mean_iou_classes"] == 2
    assert f"{100 * mean:.1f}&nbsp;%</span> of 2 of 3 classes." in (made.path / "report.html").read_text()
    whole = assess(config, tmp_path / "map.tif", [str(_raster(tmp_path / "t.tif", TRUTH))], overwrite=True)
    assert "classes" not in as_text(whole.result)
    assert "of 3 classes" not in (whole.path / "report.html").read_text()


def test_how_much_of_each_class_was_compared_is_said_where_it_is_little(tmp_path, config) -> None:
    shown = np.ones((20, 40), np.uint8)
    shown[:, 20:], shown[:, 30:] = 2, 7
    path = _raster(tmp_path / "map.tif", shown)
    few = write_polygons(tmp_path / "few.gpkg", [(0, 0, 20, 10, 1), (20, 0, 25, 20, 2)])
    told = (
        "note: only part of the map was compared with the reference. Of what it shows as each class that part is: "
        "water 50 %, forest 50 %, bare land 0 %. The figures are of that part. The rest may be worse: "
    )
    assert told in as_text(assess(config, path, [str(few)]).result)
    most = write_polygons(tmp_path / "most.gpkg", [(0, 0, 20, 20, 1), (20, 0, 30, 20, 2), (30, 0, 40, 14, 7)])
    assert "only part of the map was compared" not in as_text(assess(config, path, [str(most)], overwrite=True).result)


def test_of_a_class_that_the_reference_never_shows_nothing_is_said(tmp_path, config) -> None:
    """Bare land is mapped where the reference says forest: whether it would know bare land, nobody can tell."""
    lacking = np.where(TRUTH == 7, 2, TRUTH).astype(np.uint8)
    made = assess(config, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "t.tif", lacking))])
    assert np.isnan(made.result.measures.iou[2])
    bare = json.loads((made.path / "accuracy.json").read_text())["classes"]["bare land"]
    for name in ("users_accuracy", "producers_accuracy", "f1", "iou"):
        assert bare[name] == {"value": None, "standard_error": None, "interval_95": [None, None]}, name
    text = as_text(made.result)
    row = next(line for line in text.split("per cent")[1].splitlines() if line.startswith("7 bare land"))
    assert row.split() == ["7", "bare", "land", "-", "-", "-", "-"]
    assert "bare land (50.0 % of the map)" in text
    assert "overall and user's accuracies may flatter the map" in text
    assert "flatter the map. Of what is compared, 5 pixels are mapped as such: they count as errors" in text
    page = (made.path / "report.html").read_text()
    assert 'data-class="bare land" data-figure="iou">-<' in page
    assert "on 85.7 % of the map" in page


def test_shares_of_the_map_are_of_all_that_it_shows(tmp_path, config) -> None:
    """Labels in a corner of a large map; and a raster over all of it, which is counted in another way."""
    shown = np.ones((8300, 8300), np.uint8)
    shown[:4150] = 2
    shown[:, :100] = 0
    path = _raster(tmp_path / "map.tif", shown, compress="deflate", tiled=True)
    corner = write_polygons(tmp_path / "r.gpkg", [(100, 0, 200, 100, 2)])
    small = assess(config, path, [str(corner)]).result
    assert small.mapped_share.tolist() == [0.5, 0.5, 0]
    assert small.spoken == pytest.approx(100 * 100 / (8200 * 8300))
    assert "on less than 0.1 % of the map" in as_text(small)
    truth = _raster(tmp_path / "t.tif", np.ones_like(shown), compress="deflate", tiled=True)
    whole = assess(config, path, [str(truth)], overwrite=True).result
    assert (whole.mapped_share.tolist(), whole.spoken) == ([0.5, 0.5, 0], 1)
    assert "of the map, mean IoU" not in as_text(whole)


def test_a_map_of_other_classes_is_refused(tmp_path, config, scheme) -> None:
    other = scheme.model_dump_json().replace("bare land", "crops")
    shown = _raster(tmp_path / "map.tif", MAP)
    with rasterio.open(shown, "r+") as dataset:
        dataset.update_tags(LANDCOVER_SCHEME=other)
    with pytest.raises(LabelError, match="7 is crops in the map and bare land in the scheme"):
        assess(config, shown, [str(_raster(tmp_path / "t.tif", TRUTH))])


def test_the_measures_of_esris_example() -> None:
    """Compute Confusion Matrix, help page: the user's accuracy of the first class is printed as 0.8594, but 49 of 57 is
    0.8596."""
    counts = np.array([[49, 4, 4], [2, 40, 2], [3, 3, 59]])
    found = measure(counts)
    assert found.users.round(4).tolist() == [0.8596, 0.9091, 0.9077]
    assert found.producers.round(4).tolist() == [0.9074, 0.8511, 0.9077]
    assert (round(float(found.overall), 4), round(float(found.kappa), 4)) == (0.8916, 0.8357)


def test_esris_layout(tmp_path, config) -> None:
    settings = config.model_copy(update={"assess": config.assess.model_copy(update={"esri": True})})
    made = assess(settings, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "truth.tif", TRUTH))])
    with (made.path / "confusion_matrix.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["ClassValue", "C_1", "C_2", "C_7", "Total", "U_Accuracy", "Kappa"]
    assert [row[0] for row in rows[1:]] == ["C_1", "C_2", "C_7", "Total", "P_Accuracy", "Kappa"]
    assert [float(v) for v in rows[1][1:]] == [2, 1, 0, 3, pytest.approx(2 / 3), 0]
    assert float(rows[5][5]) == pytest.approx(9 / 12)
    assert float(rows[6][6]) == pytest.approx(float(made.result.measures.kappa))


def test_tables_for_papers_leave_no_measure_beyond_its_range(tmp_path, config) -> None:
    """An interval from polygons is not plus or minus; and of three polygons it would pass 100 per cent."""
    boxes = [(20 * n, 0, 20 * (n + 1), 20, 1) for n in range(10)]
    for wrong, polygons, value in ((6, 3, "90.0"), (100, 10, "50.0")):
        shown = np.ones((1, 20, 20 * polygons), np.uint8)
        shown[:, :, :wrong] = 2
        path = write_image(tmp_path / f"map{wrong}.tif", shown)
        made = assess(config, path, [str(write_polygons(tmp_path / "r.gpkg", boxes[:polygons]))])
        known = made.result.estimates.overall
        assert (float(known.value + 1.96 * known.error) > 1) == (polygons == 3)
        interval = f"{value} ({100 * float(known.low):.1f} to {100 * float(known.high):.1f})"
        for name in ("table.md", "table.tex"):
            text = (made.path / name).read_text()
            assert interval in text
            assert "±" not in text
            assert r"\pm" not in text


def test_disagreement_of_quantity_and_of_allocation() -> None:
    """Nine pixels: as much of each class, but elsewhere; or too much of one."""
    swapped = measure(np.array([[3, 2], [2, 2]]))
    assert (float(swapped.quantity), float(swapped.allocation)) == (0, pytest.approx(4 / 9))
    more = measure(np.array([[3, 4], [0, 2]]))
    assert (float(more.quantity), float(more.allocation)) == (pytest.approx(4 / 9), pytest.approx(0))


def test_pixels_of_a_polygon_count_as_one(tmp_path, config) -> None:
    """Ten polygons, three of them wrong as a whole: of how many pixels they are does not matter."""
    size = 20
    shown = np.ones((1, size, 10 * size), np.uint8)
    shown[:, :, : 3 * size] = 2
    boxes = [(size * n, 0, size * (n + 1), size, 1) for n in range(10)]
    made = assess(
        config, write_image(tmp_path / "map.tif", shown), [str(write_polygons(tmp_path / "r.gpkg", boxes))]
    ).result
    known = made.estimates.overall
    assert float(known.value) == pytest.approx(0.7)
    # the error of 10 trials, not of 4,000
    assert float(known.error) == pytest.approx((0.7 * 0.3 / 10) ** 0.5, rel=0.1)
    assert (float(known.low), float(known.high)) == (pytest.approx(0.4, abs=0.11), pytest.approx(1.0, abs=0.11))
    assert "bootstrap over 10 polygons" in made.intervals
    one = write_polygons(tmp_path / "one.gpkg", boxes[:1])
    lone = assess(config, tmp_path / "map.tif", [str(one)], overwrite=True).result
    assert np.isnan([lone.estimates.overall.low, lone.estimates.overall.error]).all()
    assert "nan" not in as_text(lone)


def test_a_polygon_that_a_later_one_covers_keeps_what_is_left(tmp_path, config) -> None:
    shown = _raster(tmp_path / "map.tif", np.ones((4, 8), np.uint8))
    first = write_polygons(tmp_path / "a.gpkg", [(0, 0, 4, 4, 1), (4, 0, 8, 4, 1)])
    second = write_polygons(tmp_path / "b.gpkg", [(2, 0, 8, 4, 2)])
    table = tabulate(shown, open_labels([str(first), str(second)], _grid(shown), config.remap), config.scheme)
    assert sorted(table.pieces.toarray().tolist()) == [[0, 24, *[0] * 7], [8, *[0] * 8]]


def test_a_raster_speaks_in_blocks(tmp_path, config) -> None:
    """A map wrong in whole squares of 64 pixels: the error is that of squares."""
    random = np.random.default_rng(0)
    squares = random.random((16, 16)) < 0.2
    shown = np.where(np.kron(squares, np.ones((64, 64))), 2, 1).astype(np.uint8)
    truth = np.ones_like(shown)
    paths = _raster(tmp_path / "map.tif", shown), _raster(tmp_path / "t.tif", truth)
    labels = open_labels([str(paths[1])], _grid(paths[0]), config.remap)
    table = tabulate(paths[0], labels, config.scheme, block=64)
    assert table.pieces.shape[0] == 256
    assert sorted({tuple(row) for row in table.pieces.toarray().tolist()}) == [
        (0, 0, 0, 4096, *[0] * 5), (4096, *[0] * 8),
    ]  # fmt: skip
    share = squares.mean()
    error = float(bootstrap(table.pieces, 3).overall.error)
    assert error == pytest.approx((share * (1 - share) / 256) ** 0.5, rel=0.1)
    # by itself: 64 blocks of 128 px, for of 256 px there are but 16
    made = assess(config, paths[0], [str(paths[1])]).result
    assert "64 blocks of 128 x 128 px" in made.intervals
    assert float(made.estimates.overall.value) == pytest.approx(1 - share)


def test_a_class_in_a_few_blocks_is_known_badly_however_many_pixels_it_has() -> None:
    """60 blocks; the second class lies in three of them, 95 % right in each, and in one once more."""
    blocks = np.zeros((60, 4), np.int64)
    blocks[:, 0], blocks[:, 2] = 3600, np.arange(60) * 10
    blocks[:3, 3], blocks[:3, 1] = 950, 50
    many = bootstrap(csr_array(blocks), 2)
    assert (many.producers.high - many.producers.low)[0] < 0.05
    assert (many.producers.high - many.producers.low)[1] > 0.6
    assert many.producers.low[1] < 0.95 < many.producers.high[1]
    blocks[1:3, [1, 3]] = 0
    alone = bootstrap(csr_array(blocks), 2)
    assert (alone.producers.high - alone.producers.low)[1] > 0.9


def _grid(path: Path):
    with rasterio.open(path) as dataset:
        return grid_of(dataset)


@pytest.mark.parametrize("codes", [(1, 2, 7), (21, 22, 95)])
def test_the_fast_way_over_large_rasters_counts_the_same(tmp_path, config, codes) -> None:
    random = np.random.default_rng(0)
    shown = random.choice(np.array([0, 1, 2, 7], np.uint8), (1500, 2100))
    truth = random.choice(np.array([0, *codes, 255], np.uint8), (1600, 2200))
    remap = Remap.parse(dict(zip(codes, (1, 2, 7), strict=True)) | {255: 0}, config.scheme)
    path = _raster(tmp_path / "map.tif", shown)
    labels = open_labels([str(_raster(tmp_path / "t.tif", truth, column=-50, row=-20))], _grid(path), remap)
    inside = truth[20:1520, 50:2150]
    expected = [[int(((shown == i) & (inside == j)).sum()) for j in codes] for i in (1, 2, 7)]
    for block in (64, 256, 1024):
        raw = count_raw(path, labels.sources[0].path, block, silent)
        assert (raw is not None) == (block == 1024)
        table = tabulate(path, labels, config.scheme, block, counted=raw)
        assert table.counts.tolist() == expected
        assert table.unmapped == int(((shown == 0) & np.isin(inside, codes)).sum())
        assert table.pieces.shape[0] == -(-1500 // block) * -(-2100 // block)
    strange = _raster(tmp_path / "nine.tif", np.where(shown == 7, 9, shown))
    for block in (64, 1024):
        raw = count_raw(strange, labels.sources[0].path, block, silent)
        with pytest.raises(LabelError, match="not in the scheme: 9"):
            tabulate(strange, labels, config.scheme, block, counted=raw)


def test_blocks_do_not_depend_on_how_a_large_raster_is_counted(tmp_path, config) -> None:
    """Labels in a few places of a large raster: more blocks than the cells they lie in."""
    truth = np.zeros((8300, 8300), np.uint8)
    for n in range(10):
        truth[800 * n : 800 * n + 300, 700 * n : 700 * n + 300] = 1 + n % 2
    shown = _raster(tmp_path / "map.tif", np.full_like(truth, 1), compress="deflate", tiled=True)
    made = []
    for name, kind in (("byte", np.uint8), ("word", np.uint16)):
        path = _raster(tmp_path / f"{name}.tif", truth.astype(kind), compress="deflate", tiled=True)
        made.append(assess_by_cover(shown, [str(path)], config.remap))
        raw = count_raw(shown, str(path), None, silent)
        assert raw is None if kind == np.uint16 else raw.values()[1] == 5 * 300 * 300
    one, other = made
    assert one.intervals == other.intervals
    assert one.counts.tolist() == other.counts.tolist()
    assert int(one.intervals.split("over ")[1].split()[0]) >= 50


def test_codes_beyond_the_map_are_none_of_its_business(tmp_path, config) -> None:
    """A raster of a whole country need not be read for a map of a county."""
    truth = np.ones((300, 300), np.uint8)
    truth[:, 200:] = 99
    reference = str(_raster(tmp_path / "t.tif", truth))
    shown = _raster(tmp_path / "map.tif", np.ones((100, 150), np.uint8))
    assert assess_by_cover(shown, [reference], config.remap).counts[0, 0] == 100 * 150
    wide = _raster(tmp_path / "wide.tif", np.ones((100, 250), np.uint8))
    with pytest.raises(LabelError, match=r"99 \(5,000 pixels\)"):
        assess_by_cover(wide, [reference], config.remap)


def test_more_classes_than_pairs_in_a_byte(tmp_path) -> None:
    many = [{"value": 10 + 13 * n, "name": f"class {n}", "color": "#123456"} for n in range(18)]
    config = Config.model_validate({"scheme": many, "paths": {"reports": tmp_path / "reports"}})
    random = np.random.default_rng(0)
    values = np.array([0, *config.scheme.values], np.uint8)
    shown, truth = (random.choice(values, (300, 300)) for _ in range(2))
    made = assess(config, _raster(tmp_path / "m.tif", shown), [str(_raster(tmp_path / "t.tif", truth))]).result
    expected = [[int(((shown == i) & (truth == j)).sum()) for j in values[1:]] for i in values[1:]]
    assert made.counts.tolist() == expected
