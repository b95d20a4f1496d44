"""Exported models, run by what they are for."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import rasterio
from conftest import run, textured, write_image

from landcover.classify.mapper import open_mapper
from landcover.classify.onnxmapper import onnx_bytes
from landcover.classify.predict import classify_image
from landcover.errors import ConfigError, ModelError, OutputExists
from landcover.export import FORMATS, export
from landcover.export.esri import definition
from landcover.export.LandcoverClassifier import LandcoverClassifier
from landcover.export.onnxgraph import to_onnx
from landcover.model import ModelCard, load_network, read_card, save_model
from landcover.modelfile import ENTRY
from landcover.settings import ClassifySettings, NetSettings
from landcover.train.unet import build_unet

DEEPNESS_STATISTICS = ("standardization_mean", "standardization_std")
HOST = Path(__file__).with_name("arcgis_host.py")


@pytest.fixture(scope="module")
def exported(random_model, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    formats = {to: name for to, name in FORMATS.items() if to != "stac"}
    return {to: export(random_model, to, folder / name.format("net")) for to, name in formats.items()}


def _run(model: bytes, images: np.ndarray) -> np.ndarray:
    """Probabilities (batch, rows, columns, outputs) of images (batch, rows, columns, bands)."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = np.moveaxis(images, -1, 1).astype(np.float32)
    return np.moveaxis(session.run(None, {"image": given})[0], 1, -1)


def _agree(found: np.ndarray, expected: np.ndarray) -> None:
    """To 1e-4 in probability, and in every likeliest class that is ahead by more."""
    np.testing.assert_allclose(found, expected, atol=1e-4)
    first, second = np.sort(expected, axis=-1)[..., -1], np.sort(expected, axis=-1)[..., -2]
    clear = first - second > 2e-4
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(found.argmax(axis=-1)[clear], expected.argmax(axis=-1)[clear])


def test_onnx_gives_what_keras_gives_for_any_size(random_model, exported) -> None:
    onnx.checker.check_model(onnx.load(exported["onnx"]), full_check=True)
    network = load_network(random_model)
    for rows, columns, batch in ((96, 160, 2), (256, 256, 1)):
        images = np.moveaxis(np.stack([textured(rows, columns)] * batch), 1, -1)
        expected = network.predict_on_batch(images.astype(np.float32))
        _agree(_run(exported["onnx"].read_bytes(), images), expected)


@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", ["elu", "relu", "leaky_relu", "gelu", "silu"])
def test_every_net_of_the_configuration_can_be_exported(normalisation, activation) -> None:
    net = NetSettings(depth=3, filters=4, activation=activation, normalisation=normalisation)
    network = build_unet(4, 3, [100.0] * 4, [40.0] * 4, settings=net)
    # as after training: nothing is 0 or 1 by chance
    random = np.random.default_rng(0)
    network.set_weights([w + random.uniform(0, 0.1, w.shape) for w in network.get_weights()])
    images = np.moveaxis(textured(48, 64)[None], 1, -1)
    expected = network.predict_on_batch(images.astype(np.float32))
    np.testing.assert_allclose(_run(to_onnx(network).SerializeToString(), images), expected, atol=1e-4)


def test_deepness_is_told_what_it_asks_for(random_model, exported) -> None:
    card = read_card(random_model)
    session = onnxruntime.InferenceSession(exported["deepness"], providers=["CPUExecutionProvider"])
    known = {key: json.loads(text) for key, text in session.get_modelmeta().custom_metadata_map.items()}
    assert known["model_type"] == "Segmentor"
    assert known["class_names"] == {str(n): c.name for n, c in enumerate(card.scheme)}
    assert known["resolution"] == pytest.approx(100 * card.pixel_size[0])
    side = known["tile_size"]
    assert session.get_inputs()[0].shape == [1, 4, side, side]
    assert session.get_outputs()[0].shape == [1, len(card.scheme), side, side]
    assert known["tiles_overlap"] / 100 * side >= 2 * card.halo
    # the plugin hands over grey values divided by 255
    image = np.moveaxis(textured(side, side)[None], 1, -1)
    every = load_network(random_model).predict_on_batch(image.astype(np.float32))[..., 1:]
    _agree(_run(exported["deepness"].read_bytes(), image / 255), every / every.sum(axis=-1, keepdims=True))


def test_deepness_takes_the_plain_file_too(random_model, exported) -> None:
    """The plugin takes (grey values / 255 - mean) / std, by the metadata that newer versions of it read."""
    session = onnxruntime.InferenceSession(exported["onnx"], providers=["CPUExecutionProvider"])
    known = {key: json.loads(session.get_modelmeta().custom_metadata_map[key]) for key in DEEPNESS_STATISTICS}
    image = np.moveaxis(textured(96, 96)[None], 1, -1)
    mean, deviation = (np.array(known[key]) for key in DEEPNESS_STATISTICS)
    expected = load_network(random_model).predict_on_batch(image.astype(np.float32))
    _agree(_run(exported["onnx"].read_bytes(), (image / 255 - mean) / deviation), expected)


def _map(image: Path, model: Path, out: Path, **more) -> np.ndarray:
    classify_image(image, ClassifySettings(model=model, precision="float32", **more), out)
    with rasterio.open(out) as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("to", ["onnx", "dlpk"])
def test_an_exported_model_makes_the_same_map(tmp_path, random_model, exported, to) -> None:
    pixels = textured(300, 420)
    pixels[:, 40:90, 100:200] = 0
    image = write_image(tmp_path / "a.tif", pixels, nodata=0)
    one = _map(image, random_model, tmp_path / "one.tif", confidence=True)
    other = _map(image, exported[to], tmp_path / "other.tif", confidence=True, tile=128)
    assert (one != other).mean() <= 1e-4
    assert (other[40:90, 100:200] == 0).all()
    first, second = (rasterio.open(tmp_path / f"{name}_confidence.tif").read(1) for name in ("one", "other"))
    assert np.abs(first.astype(int) - second).max() <= 1


def test_an_exported_model_maps_without_tensorflow(tmp_path, exported) -> None:
    image = write_image(tmp_path / "a.tif", textured(64, 96))
    script = """
import sys
sys.modules["keras"] = sys.modules["tensorflow"] = None
from landcover.cli import main
main()
"""
    command = ["classify", str(image), "-m", str(exported["onnx"]), "-o", str(tmp_path / "m.tif")]
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.tif").exists()


def _in_arcgis(package: Path, image: Path, out: Path, *arguments: str) -> tuple[np.ndarray, dict]:
    command = [sys.executable, str(HOST), str(package), str(image), str(out), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(out), json.loads(done.stdout)


@pytest.mark.parametrize("arguments", [(), ("tile_size=300", "padding=90", "batch_size=6")])
def test_the_package_maps_in_arcgis_as_classify_does(tmp_path, random_model, exported, arguments) -> None:
    pixels = textured(700, 900)
    # not 0, which would be a collar even without a mask
    pixels[:, 100:250, 300:420] = 200
    pixels[3, 500:520, 500:520] = 200  # one band alone is no gap
    image = write_image(tmp_path / "a.tif", pixels, nodata=200)
    expected = _map(image, random_model, tmp_path / "m.tif")
    shown, told = _in_arcgis(exported["dlpk"], image, tmp_path / "a.npy", *arguments)
    assert told["blocks"] > 3
    assert (shown == expected).mean() >= 0.9999
    assert (shown[100:250, 300:420] == 0).all()
    assert (shown[500:520, 500:520] > 0).all()
    assert told["imported"] == []
    # without its padding there are seams: the comparison can fail
    seams, _ = _in_arcgis(exported["dlpk"], image, tmp_path / "s.npy", "padding=0", "tile_size=128")
    assert (seams != expected).mean() > 0.0001


def test_the_package_maps_a_real_scene_in_arcgis_as_classify_does(tmp_path, real_data, random_model, exported) -> None:
    image = real_data / "ohio-naip-landcover" / "test" / "site02_scene.tif"
    shown, _ = _in_arcgis(exported["dlpk"], image, tmp_path / "a.npy")
    expected = _map(image, random_model, tmp_path / "m.tif")
    assert (expected == 0).any()
    assert (shown == expected).mean() >= 0.9999
    assert ((shown == 0) == (expected == 0)).all()
    shown, _ = _in_arcgis(exported["dlpk"], image, tmp_path / "a.npy", "collar=False")
    assert (shown > 0).all()


def test_arcgis_is_told_what_it_asks_for(tmp_path, random_model, exported) -> None:
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    _, told = _in_arcgis(exported["dlpk"], image, tmp_path / "a.npy")
    assert told["before"] == ["raster", "model", "device"]
    assert told["parameters"] == ["raster", "model", "device", "padding", "batch_size", "tile_size", "collar"]
    known = told["configuration"]
    halo = read_card(random_model).halo
    assert (known["padding"], known["tx"], known["ty"]) == (halo, 2 * (512 - 2 * halo), 2 * (512 - 2 * halo))
    assert known["extractBands"] == [0, 1, 2, 3]
    assert known["inputMask"] is True
    assert (told["output"]["bandCount"], told["output"]["pixelType"]) == (1, "u1")
    table = json.loads(told["output"]["rasterAttributeTable"])
    rows = [feature["attributes"] for feature in table["features"]]
    card = read_card(random_model)
    assert [(r["Value"], r["Class"], (r["Red"], r["Green"], r["Blue"])) for r in rows] == [
        (c.value, c.name, c.rgb) for c in card.scheme
    ]


@pytest.mark.parametrize(("halo", "multiple"), [(6, 2), (96, 16), (192, 32), (384, 64)])
def test_arcgis_hands_over_what_the_network_looks_at_however_deep_it_is(random_model, halo, multiple) -> None:
    function = LandcoverClassifier()
    card = read_card(random_model).model_copy(update={"halo": halo, "multiple": multiple})
    function.definition = definition(card, "net")
    for tile in (None, "1", "300"):
        known = function.getConfiguration(batch_size="1", **{} if tile is None else {"tile_size": tile})
        assert known["padding"] == halo
        assert known["tx"] == known["ty"] > 0
        assert known["tx"] % multiple == 0
        assert known["tx"] >= (halo if tile is None else multiple)


def test_arcgis_is_told_of_an_image_that_the_model_does_not_know(exported) -> None:
    (path,) = exported["emd"].glob("*.emd")
    function = LandcoverClassifier()
    function.initialize(model=str(path))
    function.getConfiguration(padding="0", tile_size="64", batch_size="1")
    pixels = textured(64, 64)

    def classified(pixels: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        blocks = {"raster_pixels": pixels} | ({} if mask is None else {"raster_mask": mask})
        return function.updatePixels((0, 0), (1, 64, 64), {"pixelType": "u1"}, **blocks)["output_pixels"]

    assert (classified(pixels) > 0).all()
    for bands in (1, 3):
        with pytest.raises(RuntimeError, match=f"has {bands} bands for the model, which was trained on 4"):
            classified(pixels[:bands])
    bright = pixels.astype(np.uint16)
    bright[0, 5, 5] = 3000
    with pytest.raises(RuntimeError, match="values up to 3000, but the model was trained on values up to 255"):
        classified(bright)
    mask = np.ones((64, 64), np.uint8)
    mask[5, 5] = 0
    assert classified(bright, mask)[0, 5, 5] == 0


def test_the_definition_and_the_package_hold_what_esri_names(random_model, exported) -> None:
    (path,) = exported["emd"].glob("*.emd")
    known = json.loads(path.read_text())
    card = read_card(random_model)
    assert (known["ModelType"], known["ImageHeight"] % card.multiple) == ("ImageClassification", 0)
    assert known["Classes"] == [{"Value": c.value, "Name": c.name, "Color": list(c.rgb)} for c in card.scheme]
    assert known["Padding"] == card.halo
    assert (path.parent / known["ModelFile"]).is_file()
    assert (path.parent / known["InferenceFunction"]).stem == LandcoverClassifier.__name__
    with zipfile.ZipFile(exported["dlpk"]) as archive:
        names = archive.namelist()
        page = archive.read("model_metrics.html").decode()
    assert {"net.emd", "net.onnx", "LandcoverClassifier.py", "model_metrics.html"} <= set(names)
    assert all(c.name in page for c in card.scheme)


def test_what_no_training_pixel_showed_is_never_given(tmp_path, random_model) -> None:
    card = read_card(random_model)
    network = load_network(random_model)
    absent = card.scheme.root[1]
    # a net that finds it everywhere
    kernel, bias = network.get_layer("logits").get_weights()
    bias[2] = 100.0
    network.get_layer("logits").set_weights([kernel, bias])
    model = tmp_path / "n" / "model.keras"
    save_model(network, card.model_copy(update={"pixels": card.pixels | {absent.name: 0}}), model)
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    shown, _ = _in_arcgis(export(model, "dlpk"), image, tmp_path / "a.npy")
    again = _map(image, export(model, "onnx"), tmp_path / "m.tif")
    for classes in (shown, again):
        assert absent.value not in classes
        assert (classes > 0).all()
    assert (tmp_path / "n" / "n.dlpk").exists()


def test_h5_and_savedmodel_are_read_by_keras_and_tensorflow(random_model, exported) -> None:
    images = np.moveaxis(textured(64, 96)[None], 1, -1).astype(np.float32)
    expected = load_network(random_model).predict_on_batch(images)
    again = keras.models.load_model(exported["h5"], compile=False).predict_on_batch(images)
    np.testing.assert_allclose(again, expected, atol=1e-6)
    served = keras.layers.TFSMLayer(exported["savedmodel"], call_endpoint="serve")(images)
    np.testing.assert_allclose(served, expected, atol=1e-5)


def test_a_format_that_is_none_and_an_output_that_is_there(tmp_path, random_model, exported) -> None:
    with pytest.raises(ConfigError, match="coreml: is no format to export to: there are onnx, deepness, dlpk"):
        export(random_model, "coreml")
    with pytest.raises(OutputExists):
        export(random_model, "onnx", exported["onnx"])
    before = exported["onnx"].read_bytes()
    assert export(random_model, "onnx", exported["onnx"], overwrite=True).read_bytes() == before
    with pytest.raises(ModelError, match="is the model itself"):
        export(random_model, "h5", random_model, overwrite=True)
    for to, name, suffix in (("h5", "net.keras", ".h5"), ("dlpk", "net.zip", ".dlpk"), ("deepness", "net", ".onnx")):
        with pytest.raises(ConfigError, match=rf"must have a name that ends in \{suffix}"):
            export(random_model, to, tmp_path / name)
    with pytest.raises(
        ConfigError, match=rf"is a folder: name a file in it, such as .*{random_model.parent.name}\.onnx"
    ):
        export(random_model, "onnx", tmp_path)


@pytest.mark.parametrize("to", ["emd", "savedmodel"])
def test_a_folder_that_is_no_export_is_not_replaced(tmp_path, random_model, to, monkeypatch) -> None:
    monkeypatch.setattr("landcover.model.load_network", lambda path: pytest.fail("the work had begun"))
    model = tmp_path / "net" / "model.keras"
    model.parent.mkdir()
    model.write_bytes(random_model.read_bytes())
    for out in (model.parent, tmp_path):
        with pytest.raises(ConfigError, match="holds the model"):
            export(model, to, out, overwrite=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("mine")
    for out in (tmp_path / "notes", tmp_path / "missing" / ".." / "notes", tmp_path / "notes" / "notes.txt"):
        with pytest.raises(ConfigError, match=f"is there and no export to {to}"):
            export(model, to, out, overwrite=True)
    assert (tmp_path / "notes" / "notes.txt").read_text() == "mine"
    assert model.exists()


def test_a_folder_of_an_earlier_export_is_replaced(tmp_path, random_model) -> None:
    out = tmp_path / "package"
    out.mkdir()
    (export(random_model, "emd", out, overwrite=True) / "old.onnx").touch()
    with pytest.raises(OutputExists):
        export(random_model, "emd", out)
    export(random_model, "emd", out, overwrite=True)
    assert not (out / "old.onnx").exists()


def test_a_stac_item_lies_beside_what_it_describes(tmp_path, random_model) -> None:
    copy = tmp_path / "net" / "model.keras"
    copy.parent.mkdir()
    copy.write_bytes(random_model.read_bytes())
    assert export(copy, "stac") == copy.with_name("model.stac.json")
    with pytest.raises(OutputExists):
        export(copy, "stac")
    with pytest.raises(ConfigError, match="leave out --out"):
        export(copy, "stac", tmp_path / "item.json")
    image = write_image(tmp_path / "a.tif", textured(64, 64))
    _map(image, random_model, tmp_path / "m.tif")
    item = export(tmp_path / "m.tif", "stac")
    assert json.loads(item.read_text())["assets"]["map"]["href"] == "./m.tif"


def test_models_of_another_make_are_refused(tmp_path, exported) -> None:
    image = write_image(tmp_path / "a.tif", textured(64, 64))

    def refused(model: Path, match: str) -> None:
        with pytest.raises(ModelError, match=match):
            _map(image, model, tmp_path / "m.tif")
        assert not (tmp_path / "m.tif").exists()

    refused(exported["deepness"], "is not a model that `landcover export")
    refused(tmp_path / "none.onnx", r"none\.onnx: no such model")
    (tmp_path / "cut.onnx").write_bytes(exported["onnx"].read_bytes()[:5000])
    refused(tmp_path / "cut.onnx", "ONNX Runtime cannot load it")
    (tmp_path / "cut.dlpk").write_bytes(exported["dlpk"].read_bytes()[:5000])
    refused(tmp_path / "cut.dlpk", r"cut\.dlpk: cannot be read")
    refused(_package(tmp_path, exported["dlpk"], without="net.onnx"), r"lacks net\.onnx")
    refused(_package(tmp_path, exported["dlpk"], without="net.emd"), r"holds 0 model definitions")
    refused(_package(tmp_path, exported["dlpk"], ModelFile=None), r"net\.emd names no model")
    # as arcgis.learn packs its own
    refused(_package(tmp_path, exported["dlpk"], ModelFile="LandcoverClassifier.py"), "is no ONNX file: name a package")
    refused(
        exported["h5"],
        r"is not a model that `landcover train` wrote, or is damaged: copy it again, or name another model\.keras",
    )
    refused(exported["emd"], r"is not a model that `landcover train` wrote")
    for path in ("../net.onnx", "/etc/net.onnx", "C:\\\\net.onnx"):
        refused(_package(tmp_path, exported["dlpk"], ModelFile=path), "names a model outside the package")
    with pytest.raises(ConfigError, match="an exported model computes in float32"):
        classify_image(image, ClassifySettings(model=exported["onnx"], precision="bfloat16"), tmp_path / "m.tif")


def _patched(path: Path, out: Path, *changes: tuple[bytes, int, int]) -> Path:
    """A copy of a zip file with a byte of each of its headers set: (signature of the header, place in it, value)."""
    content = bytearray(path.read_bytes())
    for signature, place, value in changes:
        at = content.find(signature)
        while at >= 0:
            content[at + place] = value
            at = content.find(signature, at + 4)
    out.write_bytes(content)
    return out


CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


@pytest.mark.parametrize("suffix", [".dlpk", ".keras"])
@pytest.mark.parametrize("changes", [[(CENTRAL, 8, 1), (LOCAL, 6, 1)], [(CENTRAL, 10, 9)]], ids=["encrypted", "packed"])
def test_zip_files_that_cannot_be_unpacked_are_told_in_a_line(
    tmp_path, random_model, exported, suffix, changes
) -> None:
    given = exported["dlpk"] if suffix == ".dlpk" else random_model
    model = _patched(given, tmp_path / f"changed{suffix}", *changes)
    with pytest.raises(ModelError, match=rf"changed\{suffix}: (cannot be read|is not a model)"):
        open_mapper(ClassifySettings(model=model))


def test_a_damaged_model_file_is_told_in_a_line(tmp_path, random_model) -> None:
    content = bytearray(random_model.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(byte ^ 0x5A for byte in content[middle : middle + 400])
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.keras: Keras cannot load it .*: copy it again"):
        export(tmp_path / "model.keras", "onnx")


def test_a_package_may_be_packed_again_with_its_folder_but_not_swell(tmp_path, exported, monkeypatch) -> None:
    again = tmp_path / "again.dlpk"
    with zipfile.ZipFile(exported["dlpk"]) as given, zipfile.ZipFile(again, "w") as made:
        for name in given.namelist():
            made.writestr(f"net_emd/{name}", given.read(name))
            made.writestr(f"__MACOSX/net_emd/._{name}", b"shadow")
    assert onnx_bytes(again) == exported["onnx"].read_bytes()
    monkeypatch.setattr("landcover.classify.onnxmapper.LARGEST", 100_000)
    with pytest.raises(ModelError, match=r"net\.onnx would be \d+ MB, as no ONNX model is"):
        onnx_bytes(again)


def test_a_file_that_another_program_changed_is_refused(tmp_path, exported) -> None:
    changed = tmp_path / "changed.onnx"

    def refused(model: onnx.ModelProto) -> None:
        onnx.save(model, changed)
        with pytest.raises(ModelError, match=r"changed\.onnx: another program has changed it"):
            open_mapper(ClassifySettings(model=changed))

    model = onnx.load(exported["onnx"])
    kept = [item for item in model.metadata_props if item.key != "landcover_bytes_a_pixel"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    refused(model)
    # a network of as many bands, but other outputs, under the same description
    other = onnx.load(exported["deepness"])
    other.metadata_props.extend(onnx.load(exported["onnx"]).metadata_props)
    refused(other)


def _package(folder: Path, package: Path, without: str = "", **changes: str | None) -> Path:
    """A copy of a package without a member, or with other entries in its definition."""
    out = folder / "changed.dlpk"
    with zipfile.ZipFile(package) as given, zipfile.ZipFile(out, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            if name.endswith(".emd"):
                content = json.dumps(json.loads(content) | changes).encode()
            if name != without:
                made.writestr(name, content)
    return out


def test_a_keras_file_with_code_in_it_is_refused(tmp_path, random_model) -> None:
    image = keras.Input((None, None, 4))
    made = keras.layers.Lambda(lambda x: x * 2)(image)
    keras.Model(image, made).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras", "a") as archive:
        archive.writestr(ENTRY, read_card(random_model).model_dump_json())
    with pytest.raises(ModelError, match="holds code of its own"):
        export(tmp_path / "model.keras", "onnx")


def test_a_layer_without_a_counterpart_is_named(tmp_path, random_model) -> None:
    image = keras.Input((None, None, 4))
    network = keras.Model(image, keras.layers.UpSampling2D(name="larger")(image))
    with pytest.raises(ModelError, match="layer larger: a UpSampling2D cannot be written as ONNX"):
        to_onnx(network)
    model = tmp_path / "model.keras"
    save_model(network, read_card(random_model), model)
    with pytest.raises(ModelError, match=r"model\.keras: the network does not give as many rows and columns"):
        export(model, "onnx")
    save_model(keras.Model(image, keras.layers.AveragePooling2D(2)(network.output)), read_card(random_model), model)
    with pytest.raises(ModelError, match=r"model\.keras: layer larger"):
        export(model, "onnx")


def test_a_card_from_another_version_is_told(tmp_path, exported) -> None:
    model = onnx.load(exported["onnx"])
    for item in model.metadata_props:
        if item.key == "landcover":
            item.value = item.value.replace('"halo"', '"rim"')
    onnx.save(model, tmp_path / "old.onnx")
    assert ModelCard.model_fields["halo"]
    with pytest.raises(ModelError, match="was it made by another version"):
        _map(write_image(tmp_path / "a.tif", textured(64, 64)), tmp_path / "old.onnx", tmp_path / "m.tif")


def test_how_an_export_was_made_is_told(tmp_path, random_model) -> None:
    for to, name in (("h5", "m.h5"), ("emd", "m_emd")):
        out = tmp_path / name
        assert run("export", random_model, "--to", to, "-o", out).exit_code == 0
        told = run("explain", out).stdout
        assert "made by `landcover export`" in told
        assert "model.keras" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.h5", "m.h5.run.json", "m_emd"]
