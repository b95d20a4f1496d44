import csv
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import write_image, write_polygons

from landcover.assess import as_text, assess
from landcover.assess.estimate import accuracy
from landcover.config import Config
from landcover.errors import ConfigError, ImageError, LabelError, OutputExists

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
    assert made.table.counts.tolist() == COUNTS
    assert made.table.unmapped == 1
    with (made.path / "contingency.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["map \\ reference", "water", "forest", "bare land", "total"]
    assert rows[1] == ["water", "2", "1", "0", "3"]
    assert rows[-1] == ["total", "4", "5", "3", "12"]
    record = json.loads((made.path / "accuracy.json").read_text())
    assert record["contingency"] == {"rows": "map", "columns": "reference", "counts": COUNTS}
    assert record["overall_accuracy"] == pytest.approx(9 / 12)
    bare = record["classes"]["bare land"]
    assert (bare["precision"], bare["recall"]) == (pytest.approx(3 / 5), pytest.approx(1.0))
    assert (bare["f1"], bare["iou"]) == (pytest.approx(6 / 8), pytest.approx(3 / 5))
    assert (bare["mapped_pixels"], bare["reference_pixels"]) == (5, 3)
    text = as_text(made.table, made.measures)
    assert "reference (columns)" in text
    assert "map (rows)" in text
    assert "1 more reference pixels have no data in the map" in text
    assert "overall accuracy 75.0 %" in text


def test_kappa_is_cohens() -> None:
    # Congalton (1991), Remote Sensing of Environment 37:35-46, table 1
    counts = np.array([[65, 4, 22, 24], [6, 81, 5, 8], [0, 11, 85, 19], [4, 7, 3, 90]])
    measures = accuracy(counts)
    assert measures.overall == pytest.approx(0.74, abs=0.005)
    assert measures.kappa == pytest.approx(0.65, abs=0.005)
    assert measures.recall[0] == pytest.approx(65 / 75)
    assert measures.precision[0] == pytest.approx(65 / 115)


def test_a_class_that_is_nowhere_has_no_measure(tmp_path, config) -> None:
    two = np.where(MAP == 7, 2, MAP)
    made = assess(config, _raster(tmp_path / "map.tif", two), [str(_raster(tmp_path / "t.tif", np.minimum(TRUTH, 2)))])
    assert json.loads((made.path / "accuracy.json").read_text())["classes"]["bare land"]["iou"] is None
    assert made.measures.mean_iou == pytest.approx(np.mean(made.measures.iou[:2]))


def test_polygons_are_a_reference_too(tmp_path, config) -> None:
    shown = _raster(tmp_path / "map.tif", MAP)
    drawn = write_polygons(tmp_path / "r.gpkg", [(0, 0, 2, 2, "water"), (2, 2, 4, 4, "bare land")], "Classname")
    made = assess(config, shown, [str(drawn)])
    assert made.table.counts.tolist() == [[3, 0, 0], [1, 0, 0], [0, 0, 4]]


def test_the_reference_is_reclassified_as_labels_are(tmp_path, config) -> None:
    coded = np.where(TRUTH == 0, 99, TRUTH).astype(np.uint8)
    with pytest.raises(LabelError, match=r"99 \(3 pixels\)"):
        assess(config, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "t.tif", coded))])
    again = config.model_copy(update={"labels": config.labels.model_copy(update={"reclassify": {99: 0}})})
    made = assess(again, tmp_path / "map.tif", [str(tmp_path / "t.tif")])
    assert made.table.counts.tolist() == COUNTS


def test_only_the_maps_pixels_decide_which_are_compared(tmp_path, config) -> None:
    big = np.random.default_rng(0).choice(np.array([0, 1, 2, 7], np.uint8), (700, 900))
    truth = np.random.default_rng(1).choice(np.array([0, 1, 2, 7], np.uint8), (500, 1200))
    shown = _raster(tmp_path / "map.tif", big)
    made = assess(config, shown, [str(_raster(tmp_path / "t.tif", truth, column=-100, row=300))])
    a, b = big[300:], truth[:400, 100:1000]
    expected = [[int(((a == i) & (b == j)).sum()) for j in (1, 2, 7)] for i in (1, 2, 7)]
    assert made.table.counts.tolist() == expected


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
    assert assess(config, shown, [str(truth)]).table.counts.tolist() == COUNTS


def test_the_mean_is_over_the_classes_of_the_reference(tmp_path, config) -> None:
    made = assess(config, _raster(tmp_path / "map.tif", MAP), [str(_raster(tmp_path / "t.tif", np.minimum(TRUTH, 2)))])
    assert made.measures.mean_iou == pytest.approx(np.mean(made.measures.iou[:2]))
    assert made.measures.iou[2] == 0
    assert "not in the reference, so not in the mean: bare land" in as_text(made.table, made.measures)


def test_a_map_of_other_classes_is_refused(tmp_path, config, scheme) -> None:
    other = scheme.model_dump_json().replace("bare land", "crops")
    shown = _raster(tmp_path / "map.tif", MAP)
    with rasterio.open(shown, "r+") as dataset:
        dataset.update_tags(LANDCOVER_SCHEME=other)
    with pytest.raises(LabelError, match="7 is crops in the map and bare land in the scheme"):
        assess(config, shown, [str(_raster(tmp_path / "t.tif", TRUTH))])
