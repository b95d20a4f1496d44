"""Maps of networks that see all of a tile: overlapping tiles, blended."""

import subprocess
import sys
import zipfile
from functools import partial
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
import rasterio
import tensorflow as tf
from conftest import textured, write_image, write_polygons
from keras import layers
from killed import map_blended
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter

from landcover.classify import Kept, classify_one, journal
from landcover.classify.blend import Sums, taper
from landcover.classify.cells import Cell, key_of
from landcover.classify.mapper import open_mapper
from landcover.classify.predict import Classified, classify_image
from landcover.classify.seams import Seams
from landcover.classify.tiles import Tiling
from landcover.cli.summary import classified
from landcover.config import load_config
from landcover.errors import ConfigError, Interrupted, ModelError, OutputExists
from landcover.export import export
from landcover.export.onnxgraph import to_onnx
from landcover.field import receptive_field
from landcover.image import find_image
from landcover.memory import bytes_a_pixel
from landcover.model import ModelCard, load_network, read_card, save_model
from landcover.modelfile import ENTRY
from landcover.pooling import Enlarged, PartMeans, of_any_size
from landcover.provenance import read_run
from landcover.settings import ClassifySettings
from landcover.train.losses import masked_crossentropy
from landcover.train.unet import logits_of


@pytest.fixture(scope="module")
def pooling_model(tmp_path_factory, scheme) -> Path:
    """A small network that compares a pixel with means of quarters of what it sees, mixed with one another: of larger
    images they would be others."""
    keras.utils.set_random_seed(2)
    image = keras.Input((None, None, 4), name="image")
    x = layers.Normalization(mean=[128.0] * 4, variance=[900.0] * 4, name="normalisation", dtype="float32")(image)
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(x)
    around = Enlarged()([layers.Conv2D(6, 3, padding="same")(PartMeans(2)(x)), x])
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.Concatenate()([x, around]))
    start = keras.initializers.RandomNormal(stddev=2.0)
    logits = layers.Conv2D(4, 1, name="logits", dtype="float32", kernel_initializer=start)(x)
    network = keras.Model(image, layers.Softmax(name="probabilities", dtype="float32")(logits))
    halo, multiple = receptive_field(network)
    assert (halo, multiple) == (None, 2)
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(128.0,) * 4, deviation=(30.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=64, halo=halo, multiple=multiple, split="blocks", pixels={}, scores={}, model="pspnet",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("blend") / "model.keras"
    save_model(network, card, path)
    return path


@pytest.fixture
def settings(pooling_model) -> ClassifySettings:
    return ClassifySettings(model=pooling_model, precision="float32", batch=3)


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_weights_of_tiles_that_share_a_pixel_add_up_to_one() -> None:
    tiling = Tiling(48, 64, 8, 1, blended=True)
    weights, sums = taper(tiling), np.zeros((48 * 3 + 16, 64 * 3 + 16))
    for row in range(3):
        for column in range(3):
            sums[row * 48 : row * 48 + 64, column * 64 : column * 64 + 80] += weights
    np.testing.assert_allclose(sums[16:-16, 16:-16], 1, atol=1e-6)
    assert weights[0].max() < 0.1


def test_a_map_is_the_weighted_sum_of_its_tiles(tmp_path, settings, scheme, caplog) -> None:
    image = textured(150, 130)
    image[:, :30, 100:] = 0
    path = write_image(tmp_path / "a.tif", image)
    with caplog.at_level("INFO", "landcover"):
        made = classify_image(path, settings.model_copy(update={"confidence": True}), tmp_path / "m.tif")
    assert caplog.text.count("tiles overlap and are blended") == 1
    assert (made.tiling.rows, made.tiling.columns, made.tiling.halo) == (40, 40, 12)
    assert made.borders is not None
    assert "40 x 40 px, 24 px of two blended; too few tiles to say whether their borders show" in classified(made)
    network, (rows, columns, halo) = load_network(settings.model), (40, 40, 12)
    filled = np.moveaxis(np.where(image.any(axis=0), image, 128), 0, -1).astype(np.float32)
    padded = np.pad(filled, ((0, 100), (0, 100), (0, 0)), constant_values=128)
    sums = np.zeros((274, 254, 3))
    for top in range(0, 150, rows):
        for left in range(0, 130, columns):
            # at the edges of the image what is read lies in it
            first, start = min(max(top - halo, 0), 150 - 64), min(max(left - halo, 0), 130 - 64)
            read = padded[first : first + rows + 2 * halo, start : start + columns + 2 * halo]
            scores = np.zeros((274, 254, 3))
            found = network.predict_on_batch(read[None])[0, ..., 1:]
            scores[halo + first :, halo + start :][:64, :64] = found / found.sum(axis=-1, keepdims=True)
            seen = (slice(top, top + rows + 2 * halo), slice(left, left + columns + 2 * halo))
            sums[seen] += taper(made.tiling)[..., None] * scores[seen]
    shown = sums[halo : halo + 150, halo : halo + 130]
    expected = np.where(image.any(axis=0), np.array(scheme.values)[shown.argmax(-1)], 0)
    found = _read(tmp_path / "m.tif")
    assert (found == expected).mean() > 0.999
    assert not found[:30, 100:].any()
    percent = _read(tmp_path / "m_confidence.tif")[found > 0]
    np.testing.assert_allclose(percent, (100 * shown.max(-1) / shown.sum(-1))[found > 0], atol=0.51)


def test_cut_off_it_goes_on_and_becomes_the_same_map(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "a.tif", textured(160, 200))
    one = classify_image(path, settings, tmp_path / "one.tif")
    kept, added = journal.Journal.add, []

    def struck(self, index, *what) -> None:
        if len(added) == 7:
            raise KeyboardInterrupt
        kept(self, index, *what)
        added.append(index)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", struck)
        with pytest.raises(Interrupted, match="7 tiles are done and kept"):
            classify_image(path, settings, tmp_path / "two.tif")
    with monkeypatch.context() as patch:
        again = []
        patch.setattr(
            journal.Journal, "add", lambda self, index, *what: (again.append(index), kept(self, index, *what))
        )
        classify_image(path, settings, tmp_path / "two.tif")
    assert not set(again) & set(added)
    assert len(again) + len(added) == one.tiling.number(160, 200)
    np.testing.assert_array_equal(_read(tmp_path / "one.tif"), _read(tmp_path / "two.tif"))


def test_killed_at_any_moment_it_becomes_the_same_map(tmp_path, scheme) -> None:
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(128.0,) * 4, deviation=(30.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=64, halo=None, multiple=2, split="blocks", pixels={}, scores={}, model="pspnet",
    )  # fmt: skip
    model, out = tmp_path / "model.keras", tmp_path / "maps/two.tif"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr(ENTRY, card.model_dump_json())
    path = write_image(tmp_path / "a.tif", textured(160, 200))
    one = map_blended(path, model, tmp_path / "maps/one.tif")
    moments = ["tile=6", "tile=1", "tile=8", "change=1", "change=2", "change=3"]
    program = [sys.executable, str(Path(__file__).with_name("killed.py")), *map(str, (path, model, out)), *moments]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"{moment} -9" for moment in moments], done.stderr
    two = map_blended(path, model, out)
    assert (two.pixels, two.borders) == (one.pixels, one.borders)
    for name in ("{}.tif", "{}_confidence.tif"):
        np.testing.assert_array_equal(*(_read(out.with_name(name.format(which))) for which in ("one", "two")))
    left = {p.name.replace("one", "two") for p in out.parent.iterdir()}
    assert {p.name for p in out.parent.iterdir() if "one" not in p.name} == left


def test_a_blended_map_of_other_tiles_is_not_up_to_date(tmp_path, settings, tiny_model) -> None:
    path, out = str(write_image(tmp_path / "a.tif", textured(100, 120))), tmp_path / "m.tif"
    own = [f"classify.model={settings.model}", "classify.precision=float32"]
    first = classify_one(load_config(None, own), path, out)
    assert isinstance(first, Classified)
    assert read_run(out).heeded == ("classify.tile",)
    assert isinstance(classify_one(load_config(None, [*own, "classify.batch=2"]), path, out), Kept)
    other = load_config(None, [*own, "classify.tile=64"])
    with pytest.raises(OutputExists, match=r"it is not up to date: classify\.tile: auto -> 64"):
        classify_one(other, path, out)
    assert isinstance(classify_one(other, path, out, overwrite=True), Classified)
    assert isinstance(classify_one(other, path, out), Kept)
    exact = [f"classify.model={tiny_model}", "classify.precision=float32"]
    assert isinstance(classify_one(load_config(None, exact), path, tmp_path / "e.tif"), Classified)
    assert isinstance(classify_one(load_config(None, [*exact, "classify.tile=64"]), path, tmp_path / "e.tif"), Kept)


def test_a_blended_map_in_a_store_is_known_by_its_tiles_too(tmp_path, settings, tiny_model) -> None:
    image = find_image(write_image(tmp_path / "a.tif", textured(40, 40)))
    cell = Cell(image, image.grid.whole, tmp_path / "m.tif")
    for model, keys in ((settings.model, 2), (tiny_model, 1)):
        own = settings.model_copy(update={"model": model})
        mapper = open_mapper(own)
        found = {key_of(cell, own.model_copy(update={"tile": tile}), mapper) for tile in ("auto", 64)}
        assert len(found) == keys


def test_strips_and_areas_change_nothing(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "a.tif", textured(100, 300))
    classify_image(path, settings, tmp_path / "one.tif")
    whole = _read(tmp_path / "one.tif")
    area = write_polygons(tmp_path / "area.gpkg", [(70, 10, 200, 60, "water")])
    classify_image(path, settings.model_copy(update={"aoi": area}), tmp_path / "part.tif")
    part = _read(tmp_path / "part.tif")
    assert (part > 0).sum() == 130 * 50
    np.testing.assert_array_equal(part[part > 0], whole[part > 0])
    kept, computed = Sums.__init__, []

    def counting(self, *given) -> None:
        kept(self, *given)
        computed.extend(self.tiles)

    monkeypatch.setattr(Sums, "__init__", counting)
    monkeypatch.setattr("landcover.classify.tiles.SUMS", 40 * 40 * 3 * 4 * 6)
    made = classify_image(path, settings, tmp_path / "strips.tif")
    np.testing.assert_array_equal(_read(tmp_path / "strips.tif"), whole)
    assert made.tiling.strip == 2
    # 3 rows and 8 columns, and a column on both sides of where the four strips meet
    assert len(computed) == 3 * (8 + 6) == made.tiling.seen(100, 300) // 64**2


def test_seams_are_counted_against_neighbours_that_lie_alike() -> None:
    classes = np.random.default_rng(0).integers(1, 3, (64, 64)).astype(np.uint8)
    seams = Seams(4)
    for row in (0, 32):
        for column in (0, 32):
            seams.add(classes[row : row + 32, column : column + 32], Window(column, row, 32, 32))
    across, down = classes[:, 1:] != classes[:, :-1], classes[1:] != classes[:-1]
    border = (across[:, 31].sum() + down[31].sum()) / 128
    columns = [c - 1 for c in range(4, 64, 4) if c != 32]
    inside = (across[:, columns].sum() + down[columns].sum()) / (2 * 64 * len(columns))
    assert seams.borders.ratio == pytest.approx(border / inside)
    assert seams.borders.interval is None  # of four tiles
    assert Seams(4).borders is None
    # where tiles are blended, they are compared with what is blended
    blended = Seams(4, 8)
    for row in (0, 32):
        for column in (0, 32):
            blended.add(classes[row : row + 32, column : column + 32], Window(column, row, 32, 32))
    columns = [c - 1 for c in (4, 8, 24, 28, 36, 40, 56, 60)]
    beside = (across[:, columns].sum() + down[columns].sum()) / (2 * 64 * len(columns))
    assert blended.borders.ratio == pytest.approx(border / beside)


def test_the_interval_of_seams_holds_what_it_promises() -> None:
    random, side, held, widths = np.random.default_rng(1), 8, 0, []
    for _ in range(200):
        # coarse and fine ground in patches of the size of tiles, with no seam anywhere
        fine = gaussian_filter(random.normal(0, 1, (96, 96)), 5)[16:80, 16:80] > 0
        classes = (1 + (random.random((64, 64)) < 0.05 + 0.45 * fine)).astype(np.uint8)
        seams = Seams(2)
        for row, column in product(range(0, 64, side), range(0, 64, side)):
            seams.add(classes[row : row + side, column : column + side], Window(column, row, side, side))
        low, high = seams.borders.interval
        held += low <= 1 <= high
        widths.append(high - low)
    assert held >= 0.94 * 200
    assert np.mean(widths) < 0.3


def test_tiles_of_one_model_differ_in_size(settings) -> None:
    mapper, network = open_mapper(settings), load_network(settings.model)
    for rows, columns in ((32, 48), (64, 32), (48, 80)):
        image = np.moveaxis(textured(rows, columns)[None], 1, -1)
        expected = np.asarray(network(image.astype(np.float32)))[..., 1:]
        found = mapper.scores(image, np.ones(image.shape[:3], bool), "float32")
        np.testing.assert_allclose(found, expected / expected.sum(axis=-1, keepdims=True), atol=1e-5)


def test_a_network_that_sees_all_of_a_tile_is_served_for_any_size(pooling_model, tmp_path) -> None:
    network = load_network(pooling_model)
    served = keras.layers.TFSMLayer(export(pooling_model, "savedmodel", tmp_path / "served"), call_endpoint="serve")
    for rows, columns in ((64, 96), (112, 48)):
        images = np.moveaxis(textured(rows, columns)[None], 1, -1).astype(np.float32)
        np.testing.assert_allclose(served(images), network(images), atol=1e-5)


@pytest.mark.parametrize("kind", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
def test_images_are_enlarged_as_keras_does_whatever_their_size(kind, tmp_path) -> None:
    image = keras.Input((None, None, 4))
    network = keras.Model(image, layers.UpSampling2D((2, 3), interpolation=kind)(image))
    served = tf.function(of_any_size(network), [tf.TensorSpec((None, None, None, 4))])
    for rows, columns in ((5, 16), (12, 4)):
        pixels = np.moveaxis(textured(rows, columns)[None], 1, -1).astype(np.float32)
        # TensorFlow looks bicubic weights up in a table of 1,024 places
        np.testing.assert_allclose(served(pixels), network(pixels), atol=0.2)


def test_a_halo_is_at_most_half_a_tile(tmp_path, settings) -> None:
    path = write_image(tmp_path / "a.tif", textured(100, 100))
    with pytest.raises(ConfigError, match=r"--halo 24: is blended over half of a tile at most, 16 px of 32"):
        classify_image(path, settings.model_copy(update={"halo": 24, "tile": 32}), tmp_path / "m.tif")


def test_memory_of_strides_is_told_too(pooling_model) -> None:
    # at half the size: the features of 6 bands and of 12; the latter enlarged, and its logits
    assert bytes_a_pixel(load_network(pooling_model)) == pytest.approx(4 * (12 + 12 / 4), rel=0.5)


def test_what_cannot_be_exported_says_so(pooling_model, tmp_path, caplog, monkeypatch) -> None:
    with pytest.raises(
        ModelError,
        match=r"model\.keras: layer .*: a convolution of stride \(2, 2\) with padding same "
        "cannot be written as ONNX: export to h5 or savedmodel$",
    ):
        export(pooling_model, "dlpk", tmp_path / "m.dlpk")
    assert "seams" not in caplog.text  # of a file that there is not
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "onnx", None)
        with pytest.raises(
            ModelError, match=r"pip install 'landcover\[onnx\]' \(it knows few networks that see all of"
        ):
            export(pooling_model, "onnx", tmp_path / "m.onnx")
    image = keras.Input((None, None, 4))
    with pytest.raises(ModelError, match="a PartMeans cannot be written as ONNX"):
        to_onnx(keras.Model(image, PartMeans(2)(image)))
    with pytest.raises(ModelError, match="a Add cannot be written as ONNX"):
        to_onnx(keras.Model(image, image + 1))


def _lit(rows: int, columns: int, seed: int, light: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """An image (rows, columns, 4) of three kinds of ground in patches, under some light: what tells them apart is how
    bright they are beside the whole. And which is where: 1, 2 or 3."""
    random = np.random.default_rng(seed)
    heights = gaussian_filter(random.normal(0, 1, (rows, columns)), 10)
    kind = 1 + np.digitize(heights / heights.std(), (-0.4, 0.4))
    grey = np.array([95, 125, 155])[kind - 1] + (random.uniform(-60, 60) if light is None else light)
    image = grey[..., None] + random.normal(0, 12, (rows, columns, 4))
    return np.clip(image, 1, 255).astype(np.uint8), kind


def test_blending_takes_seams_away(tmp_path, settings, scheme) -> None:
    network = load_network(settings.model)
    learner = logits_of(network)
    learner.compile(keras.optimizers.Adam(0.01), loss=partial(masked_crossentropy, weights=[1.0, 1.0, 1.0]))
    for step in range(150):
        images, kinds = zip(*(_lit(64, 64, 10 * step + n) for n in range(4)), strict=True)
        learner.train_on_batch(np.stack(images).astype(np.float32), np.stack(kinds))
    save_model(network, read_card(settings.model), tmp_path / "model.keras")
    trained = settings.model_copy(update={"model": tmp_path / "model.keras", "batch": 16})
    image, kind = _lit(800, 1200, 9999, 0.0)
    path = write_image(tmp_path / "a.tif", np.moveaxis(image, -1, 0))
    blended = classify_image(path, trained, tmp_path / "m.tif")
    cut = classify_image(path, trained.model_copy(update={"halo": 0, "tile": 64}), tmp_path / "s.tif")
    share = (_read(tmp_path / "m.tif") == np.array([0, *scheme.values])[kind]).mean()
    assert share > 0.6
    # this network leans on its surroundings more than any that is of use
    assert abs(blended.borders.ratio - 1) < 0.25
    low, high = blended.borders.interval
    assert f"classes change {blended.borders.ratio:.2f} ({low:.2f} to {high:.2f}) times" in classified(blended)
    assert cut.borders.interval[0] > 2
