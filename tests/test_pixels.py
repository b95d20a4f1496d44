"""Models of pixels: trained on chips, stored safely, and mapped the same at any tile size."""

import csv
import json
import pickle
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import rasterio
import skops.io
from conftest import run, textured, write_image, write_polygons
from sklearn.linear_model import LogisticRegression

from landcover.chipstore import Chip, StoreInfo, create_store
from landcover.classify.pixelmapper import PixelMapper
from landcover.classify.predict import classify_image
from landcover.config import load_config
from landcover.doctor.outputs import check_model
from landcover.errors import ConfigError, LabelError, LandcoverError, ModelError, OutputExists
from landcover.export import export
from landcover.features import radii_of
from landcover.model import read_card
from landcover.modelfile import ENTRY
from landcover.pixelmodel import load_estimator, probabilities
from landcover.progress import unheard
from landcover.settings import ClassifySettings, Paths, TrainSettings
from landcover.splitreport import Side, SplitReport, write_report
from landcover.train.chipset import open_chips
from landcover.train.pixels import fit_pixels
from landcover.train.pixelsample import draw_sample, pixel_weights, wanted

SIZE = 64
MODELS = ("random-forest", "gradient-boosting", "fully-connected")
GREY = np.array([0, 60, 120, 0, 0, 0, 0, 200])


@pytest.fixture(autouse=True, scope="module")
def small() -> None:
    from landcover.train import estimators

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "TREES", 12)
        patch.setattr(estimators, "ROUNDS", 8)
        yield


def _ground(rows: int, columns: int, classes=(1, 2, 7), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """An image (rows, columns, 4) of classes that differ by brightness, in stripes of 16 pixels, and the classes."""
    label = np.resize(np.repeat(np.array(classes, np.uint8), 16), columns)[None].repeat(rows, axis=0)
    noise = np.random.default_rng(seed).normal(0, 12, (rows, columns, 4))
    return np.clip(GREY[label][..., None] + noise, 1, 255).astype(np.uint8), label


def _stores(folder: Path, scheme, classes=(1, 2, 7), number: int = 3) -> Paths:
    """Chips in a row that overlap by half, below them those that validate."""
    paths = Paths(data=folder / "data", models=folder / "models")
    info = StoreInfo(scheme.named, SIZE, 4, "uint8", (1.0, 1.0), "blocks", "k")
    width = SIZE // 2 * (number + 1)
    for side, top, seed in ((paths.train, 0, 1), (paths.validation, 4 * SIZE, 2)):
        image, label = _ground(SIZE, width, classes, seed)
        with create_store(side / "water.h5", info) as writer:
            for n in range(number):
                part = slice(n * SIZE // 2, n * SIZE // 2 + SIZE)
                writer.append(Chip(image[:, part], label[:, part], (part.start, top, SIZE, SIZE), f"{n}.tif"))
    one = Side(chips=number, pixels={}, hectares={})
    write_report(paths.stacks, SplitReport(
        method="blocks", key="k", scheme=scheme, train=one, validation=one, dropped=0, shared_pixels=0, nearest=192.0,
    ))  # fmt: skip
    return paths


def _settings(model: str, **more: object) -> TrainSettings:
    return TrainSettings(model=model, name=model, **more)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scheme) -> Paths:
    paths = _stores(tmp_path_factory.mktemp("pixels"), scheme)
    for model in MODELS:
        fit_pixels(paths, _settings(model), scheme)
    return paths


def _model(paths: Paths, name: str) -> Path:
    return paths.models / name / "model.skops"


@pytest.mark.parametrize("name", MODELS)
def test_training_learns_and_writes_everything(trained, scheme, name) -> None:
    folder = trained.models / name
    assert sorted(p.name for p in folder.iterdir()) == ["history.csv", "metrics.json", "model.skops", "validation"]
    assert [p.name for p in (folder / "validation").iterdir()] == ["chips.png"]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["val_mean_iou"] > 0.75
    table = np.array(metrics["val_table"])
    assert table.sum() == 3 * SIZE * SIZE
    assert metrics["val_accuracy"] == pytest.approx(np.trace(table) / table.sum())
    assert 0 < metrics["val_loss"] < 1
    with (folder / "history.csv").open() as file:
        [row] = csv.DictReader(file)
    assert float(row["val_iou_bare_land"]) == pytest.approx(metrics["val_iou"]["bare land"])
    card = read_card(folder / "model.skops")
    assert (card.scheme, card.bands, card.halo, card.multiple, card.radii) == (scheme, 4, 12, 1, radii_of(SIZE))
    assert sorted(p.name for p in trained.models.iterdir()) == sorted(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_the_map_is_the_same_whatever_the_tile(trained, tmp_path, scheme, name) -> None:
    image, label = _ground(150, 170, seed=3)
    image[50:90, 40:90] = 0
    path = write_image(tmp_path / "a.tif", np.moveaxis(image, -1, 0))
    maps = []
    for number, tile in enumerate(("auto", 96, 64)):
        settings = ClassifySettings(model=_model(trained, name), tile=tile, confidence=True)
        made = classify_image(path, settings, tmp_path / f"{number}.tif")
        assert made.confidence is not None
        with rasterio.open(made.path) as one, rasterio.open(made.confidence) as sure:
            maps.append((one.read(1), sure.read(1)))
    for classes, sure in maps[1:]:
        np.testing.assert_array_equal(classes, maps[0][0])
        np.testing.assert_array_equal(sure, maps[0][1])
    classes, sure = maps[0]
    there = image.any(axis=-1)
    assert (classes[~there] == 0).all()
    assert (classes[there] == label[there]).mean() > 0.9
    assert sure[there].min() >= 33
    seams = ClassifySettings(model=_model(trained, name), tile=64, halo=0)
    classify_image(path, seams, tmp_path / "seams.tif")
    with rasterio.open(tmp_path / "seams.tif") as dataset:
        assert (dataset.read(1) != classes).any()


def test_the_same_seed_makes_the_same_model(trained, tmp_path, scheme) -> None:
    pixels = np.random.default_rng(0).normal(100, 60, (500, 40)).astype(np.float32)
    again = _stores(tmp_path, scheme)
    fit_pixels(again, _settings("random-forest"), scheme)
    fit_pixels(again, _settings("random-forest", seed=1).model_copy(update={"name": "other"}), scheme)
    one, same, other = (
        probabilities(load_estimator(path, read_card(path)), pixels)
        for path in (_model(trained, "random-forest"), _model(again, "random-forest"), _model(again, "other"))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_class_that_was_not_shown_is_never_given(tmp_path, scheme) -> None:
    paths = _stores(tmp_path, scheme, classes=(1, 7))
    fit_pixels(paths, _settings("random-forest"), scheme)
    card = read_card(_model(paths, "random-forest"))
    assert (card.pixels["forest"], card.outputs) == (0, [0, 1, 0, 7])
    mapper = PixelMapper(ClassifySettings(model=_model(paths, "random-forest")))
    image, _ = _ground(80, 80)
    [classes] = mapper.map(image[None], np.ones((1, 80, 80), bool), "float32")
    assert set(np.unique(classes)) == {1, 7}


def test_each_place_on_the_ground_is_drawn_once(tmp_path, scheme) -> None:
    with closing(open_chips(_stores(tmp_path, scheme), scheme)) as chips:
        labelled = np.array([1000, 1000, 1000])
        given = dict(chips=chips.train, scheme=scheme, radii=(2,), settings=TrainSettings(), pixels=labelled)
        whole = draw_sample(**given, prior="labels", advance=unheard)
        # 2 px from the edges of three chips of 64 px that overlap by half, together 128 x 64 px
        assert len(whole.classes) == (128 - 4) * (64 - 4)
        few = draw_sample(**given, prior="labels", advance=unheard, most=300)
        assert 200 < len(few.classes) <= 303
        assert few.weights.mean() == pytest.approx(1)
        image, label = _ground(SIZE, 128, seed=1)
        shown = {tuple(p): c for p, c in zip(image.reshape(-1, 4).tolist(), label.ravel().tolist(), strict=True)}
        drawn = [shown[tuple(int(value) for value in pixel)] for pixel in few.features[:, :4].tolist()]
        assert drawn == few.classes.tolist()


def test_classes_count_as_often_as_the_prior_says() -> None:
    pixels, drawn = np.array([900, 100, 0]), np.array([60, 40, 0])
    by_labels = pixel_weights(drawn, pixels, (1, 1, 1), "labels") * drawn
    np.testing.assert_allclose(by_labels, [90, 10, 0])
    np.testing.assert_allclose(pixel_weights(drawn, pixels, (1, 1, 1), "equal") * drawn, [50, 50, 0])
    np.testing.assert_allclose(pixel_weights(drawn, pixels, (1, 3, 1), "equal") * drawn, [25, 75, 0])
    np.testing.assert_allclose(pixel_weights(drawn, pixels, (1, 3, 1), None) * drawn, [75, 25, 0])
    many = np.array([9_000_000, 1_000_000, 4])
    assert wanted(many, TrainSettings(), 4000).tolist() == [2999, 1000, 2]
    assert wanted(many, TrainSettings(class_weights={1: 2.0}), 4000).tolist() == [3600, 400, 1]


def test_chips_that_tell_no_classes_apart_are_refused(tmp_path, scheme) -> None:
    for classes, found in (((1,), "only water"), ((0,), "no class")):
        paths = _stores(tmp_path / found, scheme, classes=classes)
        with pytest.raises(LabelError, match=f"the training chips show {found} 12 px or more from their edges"):
            fit_pixels(paths, _settings("random-forest"), scheme)
        assert not paths.models.exists()


def test_there_is_nothing_to_resume(trained, scheme) -> None:
    with pytest.raises(LandcoverError, match="--resume: a random-forest is trained in one go"):
        fit_pixels(trained, _settings("random-forest"), scheme, resume=True)
    with pytest.raises(OutputExists):
        fit_pixels(trained, _settings("random-forest"), scheme)


def test_no_learning_rate_is_found_for_what_has_none() -> None:
    refused = run("train", "--model", "random-forest", "--find-lr")
    assert refused.exit_code == 1
    assert "--find-lr: a random-forest has no learning rate: leave it out, or name a network" in refused.stderr


class _Own:
    """A type of somebody else's."""


def _forged(path: Path, out: Path, change) -> Path:
    """The model with its estimator changed, its description as it was."""
    card = read_card(path)
    skops.io.dump(change(load_estimator(path, card)), out)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(ENTRY, card.model_dump_json())
    return out


def _with_own(estimator):
    estimator.extra = _Own()
    return estimator


def _broken(estimator):
    state = estimator.estimators_[0].tree_.__getstate__()
    state["nodes"]["left_child"][0] = 10**9
    estimator.estimators_[0].tree_.__setstate__(state)
    return estimator


def _in_circles(estimator):
    estimator._predictors[0][0].nodes["right"][0] = 0
    return estimator


def _other(estimator):
    return LogisticRegression().fit([[0], [1]], [1, 2])


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("random-forest", _with_own, r"holds what a model of pixels does not, and is not loaded: .*_Own"),
        ("random-forest", _broken, "one of its trees is broken"),
        ("gradient-boosting", _in_circles, "one of its trees is broken"),
        ("random-forest", _other, "a LogisticRegression is no model of pixels"),
    ],
)
def test_a_model_that_was_tampered_with_is_refused(trained, tmp_path, name, change, told) -> None:
    path = _forged(_model(trained, name), tmp_path / "m.skops", change)
    with pytest.raises(ModelError, match=rf"m\.skops: .*{told}"):
        PixelMapper(ClassifySettings(model=path))


def test_files_that_are_no_models_are_refused_in_a_line(trained, tmp_path) -> None:
    whole = _model(trained, "random-forest").read_bytes()
    (tmp_path / "half.skops").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickle.skops").write_bytes(pickle.dumps(LogisticRegression()))
    with zipfile.ZipFile(tmp_path / "bare.skops", "w") as archive:
        archive.writestr(ENTRY, read_card(_model(trained, "random-forest")).model_dump_json())
    for name, told in (
        ("half", "is not a model that `landcover train` wrote"),
        ("pickle", "is not a model that `landcover train` wrote"),
        ("bare", "scikit-learn cannot load it"),
        ("none", "no such model"),
    ):
        with pytest.raises(ModelError, match=rf"{name}\.skops: {told}"):
            PixelMapper(ClassifySettings(model=tmp_path / f"{name}.skops"))
    with pytest.raises(ConfigError, match="a model of pixels computes in float32"):
        PixelMapper(ClassifySettings(model=_model(trained, "random-forest"), precision="bfloat16"))


def test_a_model_of_pixels_is_exported_as_a_stac_item_alone(trained) -> None:
    model = _model(trained, "gradient-boosting")
    for to in ("onnx", "dlpk", "h5"):
        with pytest.raises(ModelError, match="a model of pixels is no network, and cannot be exported, but"):
            export(model, to)
    item = json.loads(export(model, "stac").read_text())
    assert item["properties"]["mlm:architecture"] == "Gradient boosting"
    assert item["properties"]["mlm:framework"] == "scikit-learn"
    assert item["properties"]["mlm:hyperparameters"]["max_iter"] == 8
    assert [c["value"] for c in item["properties"]["mlm:output"][0]["classification:classes"]] == [1, 2, 7]
    (model.parent / "model.stac.json").unlink()


CONFIG = """\
scheme:
  - {value: 1, name: water, color: "#1f78b4"}
  - {value: 2, name: forest, color: "#1b7837"}
  - {value: 7, name: bare land, color: "#fdbf6f"}
chips: {size: 32, stride: 32, max_background: 0.9}
split: {block: 64, validation: 0.3}
train: {model: random-forest}
"""
BOXES = [(0, 0, 60, 160, "water"), (60, 0, 120, 160, "forest"), (120, 0, 160, 160, "bare land")]
MODEL = "models/random-forest/model.skops"


def test_the_pipeline_runs_with_a_model_of_pixels(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = str(write_image(Path("data/raw/naip/a.tif"), textured(160, 160)))
    write_polygons(Path("data/raw/labels.gpkg"), BOXES)
    Path("configs").mkdir()
    Path("configs/default.yaml").write_text(CONFIG)
    assert run("prepare").exit_code == 0
    planned = run("train", "--plan").stdout.splitlines()
    assert planned[0].startswith("pixels: at most ")
    assert "29 features each: water " in planned[0]
    made = run("train")
    assert made.exit_code == 0, made.stderr
    assert made.stdout.splitlines()[-1].startswith(f"{MODEL}: validation: mean IoU ")
    assert Path("models/random-forest/model.stac.json").exists()
    record = json.loads(Path("models/random-forest/run.json").read_text())
    assert "scikit-learn" in record["versions"]
    assert sorted(record["settings"]["train"]) == ["class_prior", "class_weights", "model", "name", "seed"]
    # what is of networks alone changes nothing
    assert "up to date" in run("train", "--set", "train.epochs=3").stdout
    assert "train.seed" in run("train", "--set", "train.seed=1").stderr
    assert run("train", "--resume", "--overwrite").stderr.startswith(
        "Error: --resume: a random-forest is trained in one"
    )
    mapped = run("classify", image, "--tile", "64")
    assert mapped.exit_code == 0, mapped.stderr
    assessed = run("assess", "--set", "assess.reference=data/raw/labels.gpkg")
    assert assessed.exit_code == 0, assessed.stderr
    told = run("explain", "data/maps/a_landcover.tif").stdout
    assert MODEL in told
    assert "data/raw/labels.gpkg" in told
    Path("elsewhere").mkdir()
    Path("elsewhere/model.skops").write_bytes(Path(MODEL).read_bytes())
    assert "landcover train" in run("explain", "elsewhere/model.skops").stdout
    checked = run("labels", "--check")
    assert checked.exit_code == 0, checked.stderr
    rgb = str(write_image(Path("rgb.tif"), textured(160, 160)[:3]))
    assert "has 3 bands, but the model was trained on 4" in run("classify", rgb).stderr
    assert run("export", "--to", "onnx").stderr.startswith(f"Error: {MODEL}: a model of pixels is no network")
    [finding] = check_model(load_config(), [])
    assert (finding.severity, finding.what) == ("ok", "a model of 4 bands and 3 classes")
