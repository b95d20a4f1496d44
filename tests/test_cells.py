"""Maps in cells: what stands when a run is cut off, or when something changes under it. The cells are mapped right
here, one after the other, by what a worker does."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from conftest import textured, write_image, write_model, write_polygons
from rasterio.windows import Window

from landcover.classify import Failed, Kept, Spread, cells, classify, onworker, spread
from landcover.classify.cells import Cell, key_of
from landcover.classify.mapper import Mapper
from landcover.classify.onworker import Whole
from landcover.classify.predict import Classified
from landcover.classraster import PRECISION_TAG
from landcover.cluster import Machines
from landcover.config import Config
from landcover.errors import ConfigError, LandcoverError, ModelError
from landcover.export import export
from landcover.flight import Outcome
from landcover.image import find_image
from landcover.model import ModelCard, load_network, read_card, save_model
from landcover.prepare.mosaic import mosaic
from landcover.scheme import ClassScheme
from landcover.settings import MosaicSettings, NetSettings
from landcover.sourcecode import code_digest
from landcover.store import Store

Before = Callable[[int, Cell | Whole], object]
"""What is done before the cell of a number is mapped; with their number, when all are mapped."""

SIDE = 512


class CutOff(Exception):
    """The end of a run before its end."""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Map an image in cells."""

    class Here:
        """In place of a cluster."""

        def __init__(self, before: Before) -> None:
            self._before = before

        def each(
            self, work: Callable[[object], object], items: Sequence[Cell], paths: object, libraries: object
        ) -> Iterator[Outcome]:
            for number, item in enumerate(items):
                try:
                    if isinstance(item, Cell | Whole):
                        self._before(number, item)
                    result, trouble = work(item), None
                except (ConfigError, ModelError):
                    raise
                except LandcoverError as error:
                    result, trouble = None, SimpleNamespace(kind=type(error), text=str(error), worker="here")
                if isinstance(item, Cell | Whole) and number + 1 == len(items):
                    self._before(number + 1, item)
                yield Outcome(item, result, trouble)

        def on_all(self, work: Callable[[object], object], item: object, *about: object) -> list[object]:
            return [work(item)]

    def made(
        config: Config,
        image: Path,
        out: Path,
        overwrite: bool = False,
        before: Before = lambda number, cell: None,
        store: Store | None = None,
    ) -> object:
        @contextmanager
        def here(machines: Machines) -> Iterator[Here]:
            yield Here(before)

        monkeypatch.setattr(spread, "open_cluster", here)
        monkeypatch.setattr(spread, "check_workers", lambda *given: None)
        (result,) = spread.classify_spread(
            config, {str(image): out}, Machines(workers=1), overwrite, named=True, store=store
        )
        return result

    return made


def cut_off_at(number: int) -> Before:
    def before(now: int, cell: Cell | Whole) -> None:
        if now == number:
            raise CutOff

    return before


def full_disk(number: int, cell: Cell | Whole) -> None:
    if number == 0:
        raise LandcoverError("the disk is full")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory, scheme: ClassScheme) -> Path:
    """As tiny_model, with other weights."""
    path = write_model(tmp_path_factory.mktemp("other") / "model.keras", scheme, NetSettings(depth=2, filters=2))
    network, random = load_network(path), np.random.default_rng(3)
    last = network.get_layer("logits")
    last.set_weights([random.normal(0, 1, w.shape) for w in last.get_weights()])
    save_model(network, read_card(path), path)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Four cells, the last one small."""
    return write_image(tmp_path / "a.tif", textured(600, 600))


def _config(model: Path, **more: object) -> Config:
    return Config.model_validate(
        {"classify": {"model": str(model), "precision": "float32", "cell": SIDE, "confidence": True, **more}}
    )


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def _tags(path: Path) -> dict[str, str]:
    with rasterio.open(path) as dataset:
        return dict(dataset.tags())


def _alone(config: Config, image: Path, out: Path) -> np.ndarray:
    """The map of one process."""
    return _read(classify(config, image, out, overwrite=True).path)


def test_a_map_whose_cells_are_being_replaced_is_not_taken_for_whole(
    tmp_path, make, image, tiny_model, other_model
) -> None:
    out, first, second = tmp_path / "maps/m.vrt", _config(tiny_model), _config(other_model)
    whole = {config.classify.model: _alone(config, image, tmp_path / "one.tif") for config in (first, second)}
    assert not np.array_equal(*whole.values())
    assert isinstance(make(first, image, out), Spread)
    with pytest.raises(CutOff):
        make(second, image, out, overwrite=True, before=cut_off_at(2))
    # nothing tells of the map that was
    left = {path.name for path in out.parent.rglob("*") if path.is_file()}
    assert not left & {"m.vrt", "m_confidence.vrt", "m.vrt.run.json", "cells.gpkg"}
    again = make(first, image, out)
    assert isinstance(again, Spread)
    assert (again.cells, again.kept) == (4, 2)
    np.testing.assert_array_equal(_read(out), whole[tiny_model])
    # a run that ends though cells failed
    assert isinstance(make(second, image, out, overwrite=True, before=full_disk), Failed)
    again = make(first, image, out)
    assert isinstance(again, Spread)
    assert again.kept == 1
    np.testing.assert_array_equal(_read(out), whole[tiny_model])
    assert isinstance(make(first, image, out), Kept)
    assert not list(out.parent.rglob(".*"))


@pytest.mark.parametrize("kind", ["", "_confidence"])
@pytest.mark.parametrize("of", ["model", "image"])
def test_an_index_is_kept_only_over_the_cells_that_it_was_written_for(
    tmp_path, make, image, tiny_model, other_model, of, kind
) -> None:
    """As earlier versions left them: with the record and the index of before."""
    config, out = _config(tiny_model), tmp_path / "m.vrt"
    make(config, image, out)
    assert isinstance(make(config, image, out), Kept)
    right = {path: _read(path) for path in (out, tmp_path / "m_confidence.vrt")}
    if of == "model":
        make(_config(other_model), image, tmp_path / "other.vrt")
    else:
        make(config, write_image(tmp_path / "b.tif", textured(600, 600)[:, ::-1]), tmp_path / "other.vrt")
    cell = tmp_path / f"m_cells/r0000000_c0000512{kind}.tif"
    times = cell.stat()
    cell.write_bytes((tmp_path / f"other_cells/{cell.name}").read_bytes())
    if of == "model":
        # its time does not tell
        os.utime(cell, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not isinstance(make(config, image, out), Kept)
    for path in right:
        np.testing.assert_array_equal(_read(path), right[path])


def test_an_index_in_a_store_is_taken_away_before_its_cells_are_replaced(
    tmp_path, make, image, tiny_model, other_model
) -> None:
    pytest.importorskip("fsspec")
    store = Store("memory://cells/maps", tmp_path / "staging")
    config, out = _config(tiny_model), store.staging / "m.vrt"
    indexes = [out, store.staging / "m_confidence.vrt", store.staging / "m_cells/cells.gpkg"]
    assert isinstance(make(config, image, out, store=store), Spread)
    assert all(map(store.holds, indexes))
    with pytest.raises(CutOff):
        make(_config(other_model), image, out, overwrite=True, before=cut_off_at(2), store=store)
    assert not any(map(store.holds, indexes))
    again = make(config, image, out, store=store)
    assert isinstance(again, Spread)
    assert again.kept == 2
    assert all(map(store.holds, indexes))


def _damage(path: Path) -> None:
    """Make all blocks of a raster unreadable."""
    with rasterio.open(path) as dataset:
        places = [
            [int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE")]
            for (row, column), _ in dataset.block_windows(1)
        ]
    content = bytearray(path.read_bytes())
    for start, size in places:
        content[start + 10 : start + size] = b"\xff" * (size - 10)
    path.write_bytes(content)


def _edit(path: Path) -> None:
    """Change a pixel as a GIS does: all else stays as it was."""
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.write(dataset.read(1, window=Window(0, 0, 1, 1)) % 3 + 1, 1, window=Window(0, 0, 1, 1))


@pytest.mark.parametrize("harm", [_damage, _edit])
@pytest.mark.parametrize("kind", ["", "_confidence"])
def test_a_cell_that_was_damaged_or_edited_is_mapped_anew(
    tmp_path, make, image, tiny_model, kind, harm, caplog
) -> None:
    config, out = _config(tiny_model), tmp_path / "m.vrt"
    make(config, image, out)
    right = {path: _read(path) for path in (out, tmp_path / "m_confidence.vrt")}
    cell = tmp_path / f"m_cells/r0000000_c0000000{kind}.tif"
    tags = _tags(cell)
    harm(cell)
    assert _tags(cell) == tags
    # it is newer than the index
    again = make(config, image, out)
    assert isinstance(again, Spread)
    assert again.kept == 3
    assert f"{image}: 1 cells had been changed or removed since they were made: they are made anew" in caplog.text
    for path in right:
        np.testing.assert_array_equal(_read(path), right[path])
    # once it is told, nothing is said any more
    caplog.clear()
    out.unlink()
    assert make(config, image, out).kept == 4
    assert not caplog.text


def test_a_run_that_was_cut_off_before_it_told_of_a_cell_goes_on_with_it(tmp_path, make, image, tiny_model) -> None:
    config, out = _config(tiny_model), tmp_path / "m.vrt"
    make(config, image, out)
    told = tmp_path / "m_cells/r0000000_c0000000.tif.made.json"
    content = told.read_bytes()
    for left in (None, b"{"):
        out.unlink()
        told.unlink()
        if left is not None:
            told.write_bytes(left)
        assert make(config, image, out).kept == 4
        assert told.read_bytes() == content


@pytest.mark.parametrize(("moment", "back"), [(2, 3), (4, 5)])
@pytest.mark.parametrize("what", ["model", "area"])
def test_files_that_are_replaced_during_a_run_end_it(
    tmp_path, make, image, tiny_model, other_model, what, moment, back
) -> None:
    """Between cells, also for one of them, as by a worker that has others under their paths; or after the last."""
    model, area, out = tmp_path / "model.keras", tmp_path / "area.gpkg", tmp_path / "m.vrt"
    shutil.copy(tiny_model, model)
    write_polygons(area, [(0, 0, 600, 600, 1)])
    before = area.read_bytes()
    config = _config(model, aoi=str(area))
    right = _alone(config, image, tmp_path / "one.tif")

    def put_back() -> None:
        shutil.copy(tiny_model, model)
        area.write_bytes(before)

    def replace(number: int, cell: Cell | Whole) -> None:
        if number == back:
            put_back()
        elif number == moment and what == "model":
            shutil.copy(other_model, model)
        elif number == moment:
            area.unlink()
            write_polygons(area, [(0, 0, 600, 550, 1)])

    name = model if what == "model" else area
    with pytest.raises(ModelError, match=f"{name}: has changed while maps were made with it"):
        make(config, image, out, before=replace)
    assert not out.exists()
    # what was made of the former files is known by it
    put_back()
    made = make(config, image, out)
    assert isinstance(made, Spread)
    assert made.kept == moment
    np.testing.assert_array_equal(_read(out), right)


@pytest.mark.parametrize("moment", [2, 4])
def test_an_image_that_changes_while_its_cells_are_mapped_has_no_map(tmp_path, make, image, tiny_model, moment) -> None:
    config, out = _config(tiny_model), tmp_path / "m.vrt"

    def replace(number: int, cell: Cell | Whole) -> None:
        if number == moment:
            write_image(image, textured(600, 600)[:, ::-1])

    failed = make(config, image, out, before=replace)
    assert isinstance(failed, Failed)
    assert "has changed while it was read" in failed.reason
    assert not out.exists()
    assert isinstance(make(config, image, out), Spread)
    np.testing.assert_array_equal(_read(out), _alone(config, image, tmp_path / "one.tif"))


OWN = """import keras


@keras.saving.register_keras_serializable(package="cells")
class Turned(keras.layers.Layer):
    def call(self, x):
        return FACTOR * x


FACTOR = 1.0
"""


@pytest.fixture
def own_model(tmp_path: Path, scheme: ClassScheme, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model that computes with turned.py, in the folder in which we are."""
    import keras

    (tmp_path / "turned.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "turned", raising=False)
    turned = import_module("turned")
    given = keras.Input((None, None, 4))
    scores = keras.layers.Conv2D(4, 1, name="logits")(turned.Turned()(keras.layers.Rescaling(1 / 128, -1)(given)))
    network, random = keras.Model(given, keras.layers.Softmax()(scores)), np.random.default_rng(0)
    last = network.get_layer("logits")
    last.set_weights([random.normal(0, 1, w.shape) for w in last.get_weights()])
    card = ModelCard(
        scheme=scheme, bands=4, dtype="uint8", mean=(128.0,) * 4, deviation=(70.0,) * 4, pixel_size=(1.0, 1.0),
        chip_size=64, halo=None, multiple=1, split="blocks", pixels={}, scores={},
    )  # fmt: skip
    save_model(network, card, tmp_path / "model.keras")
    # as in another process
    del sys.modules["turned"]
    monkeypatch.delitem(keras.saving.get_custom_objects(), "cells>Turned")
    monkeypatch.setattr(onworker, "_ready", {})
    yield tmp_path / "model.keras"
    sys.modules.pop("turned", None)


def test_a_worker_does_not_compute_with_code_of_before(tmp_path, make, own_model, monkeypatch) -> None:
    """What layers of one's own look at is not known: images are mapped whole."""
    config, out = _config(own_model, code="turned:build", confidence=False), tmp_path / "maps/m.tif"
    image, code = write_image(tmp_path / "a.tif", textured(150, 150)), tmp_path / "turned.py"
    assert isinstance(make(config, image, out), Classified)
    other = OWN.replace("1.0", "-1.0")
    code.write_text(other)
    # a new command, while the worker lives on
    with pytest.raises(ModelError, match=r"train\.model turned:build: its files in .* start the workers again"):
        make(config, image, out, overwrite=True)
    code.write_text(OWN)
    assert isinstance(make(config, image, out), Kept)
    with pytest.raises(ModelError, match="the code of turned:build: has changed while maps were made with it"):
        make(config, image, out, overwrite=True, before=lambda number, piece: code.write_text(other))
    code.write_text(OWN)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ModelError, match=r"the code of turned:build: .*, which was started in .*elsewhere: "):
        make(config, image, out, overwrite=True, before=lambda number, piece: os.chdir(tmp_path / "elsewhere"))


def test_what_cannot_be_read_counts_once_and_leaves_no_record(tmp_path, make, tiny_model, caplog) -> None:
    """Of a mosaic, one cell of which shows nothing but what cannot be read, and two meet where a part cannot."""
    write_image(tmp_path / "naip/good.tif", textured(600, 1000))
    blocks = {"compress": "deflate", "tiled": True, "blockxsize": 128, "blockysize": 128}
    bad = [write_image(tmp_path / "naip/bad.tif", textured(256, 300), column=1100, **blocks),
           write_image(tmp_path / "naip/worse.tif", textured(256, 256), column=384, row=600, **blocks)]  # fmt: skip
    for path in bad:
        _damage(path)
    shown = mosaic(MosaicSettings(images=(str(tmp_path / "naip"),)), tmp_path / "mosaic").path
    config, out = _config(tiny_model, skip_bad=True), tmp_path / "m.vrt"
    alone = classify(config, shown, tmp_path / "one.tif")
    # 256 x 300 and 256 x 256 px in cells of 256, each in the coordinates of its file
    assert alone.unreadable == 3
    for kept in (0, 4):
        caplog.clear()
        made = make(config, shown, out)
        assert isinstance(made, Spread)
        assert made.kept == kept
        assert caplog.text.count("3 cells of 256 x 256 px could not be read and count as no data") == 1
        np.testing.assert_array_equal(_read(out), _read(alone.path))
        assert not (tmp_path / "m.vrt.run.json").exists()
    refused = make(config.model_copy(update={"classify": _config(tiny_model).classify}), shown, out)
    assert isinstance(refused, Failed)
    assert "cannot be read at" in refused.reason


def test_a_precision_is_chosen_for_a_model_and_kept_until_all_is_made_anew(
    tmp_path, make, image, tiny_model, monkeypatch
) -> None:
    out = tmp_path / "m.vrt"
    config = _config(tiny_model, precision="auto", confidence=False)
    monkeypatch.setattr(spread, "chosen_precision", lambda settings: "float32")
    with pytest.raises(CutOff):
        make(config, image, out, before=cut_off_at(1))
    # as it may come out on another worker
    monkeypatch.setattr(spread, "chosen_precision", lambda settings: "bfloat16")
    made = make(config, image, out)
    assert isinstance(made, Spread)
    assert made.kept == 1
    assert _tags(out)[PRECISION_TAG] == "float32"
    assert isinstance(make(config, image, out), Kept)
    with pytest.raises(CutOff):
        make(config, image, out, overwrite=True, before=cut_off_at(0))
    assert json.loads((tmp_path / "m_cells/cells.json").read_text())["precision"] == "bfloat16"
    # which another model cannot compute in
    monkeypatch.setattr(spread, "chosen_precision", lambda settings: "float32")
    exported = _config(export(tiny_model, "onnx", tmp_path / "unet.onnx"), precision="auto", confidence=False)
    assert isinstance(make(exported, image, out), Spread)


def test_a_change_of_one_image_of_a_mosaic_makes_anew_the_cells_that_see_it(tmp_path, make, tiny_model) -> None:
    naip, config, out = tmp_path / "naip", _config(tiny_model), tmp_path / "m.vrt"
    for number in range(3):
        write_image(naip / f"{number}.tif", textured(300, SIDE), column=SIDE * number)
    settings = MosaicSettings(images=(str(naip),))
    shown = mosaic(settings, tmp_path / "mosaic").path
    assert isinstance(make(config, shown, out), Spread)
    write_image(naip / "2.tif", textured(300, SIDE)[:, ::-1], column=SIDE * 2)
    # a map that is whole is not replaced without a word
    failed = make(config, shown, out)
    assert isinstance(failed, Failed)
    assert "m.vrt exists already: add --overwrite to replace it (it is not up to date" in failed.reason
    out.unlink()
    again = make(config, shown, out)
    assert isinstance(again, Spread)
    # the one beside it sees it in its halo
    assert (again.cells, again.kept) == (3, 1)
    np.testing.assert_array_equal(_read(out), _alone(config, shown, tmp_path / "one.tif"))
    assert isinstance(make(config, shown, out), Kept)


def test_cells_beyond_the_area_are_not_handed_out(tmp_path, make, image, tiny_model) -> None:
    area = write_polygons(tmp_path / "area.gpkg", [(100, 100, 590, 400, 1)])
    config, out = _config(tiny_model, aoi=str(area)), tmp_path / "m.vrt"
    handed = []
    made = make(config, image, out, before=lambda number, cell: handed.append(number))
    assert isinstance(made, Spread)
    # two, and their number when all are mapped
    assert handed == [0, 1, 2]
    np.testing.assert_array_equal(_read(out), _alone(config, image, tmp_path / "one.tif"))


@pytest.mark.parametrize("part", ["digest", "code", "area", "halo", "engine"])
def test_a_cell_is_known_by_all_that_its_mapper_depends_on(tmp_path, image, tiny_model, part) -> None:
    settings, found = _config(tiny_model).classify, find_image(image)
    mapper, cell = Mapper(settings, read_card(tiny_model)), Cell(found, found.grid.whole, tmp_path / "cell.tif")
    mapper.engine = ("keras", "3.0")
    before = key_of(cell, settings, mapper)
    assert key_of(cell, settings, mapper) == before
    setattr(mapper, part, {"halo": 999, "engine": ("keras", "4.0")}.get(part, "another"))
    assert key_of(cell, settings, mapper) != before


@pytest.mark.parametrize("root", ["classify.predict", "classify.cells"])
def test_a_cell_is_known_by_the_program_that_maps_and_cuts(tmp_path, image, tiny_model, monkeypatch, root) -> None:
    settings, found = _config(tiny_model).classify, find_image(image)
    mapper, cell = Mapper(settings, read_card(tiny_model)), Cell(found, found.grid.whole, tmp_path / "cell.tif")
    mapper.engine = ("keras", "3.0")
    before = key_of(cell, settings, mapper)
    monkeypatch.setattr(cells, "code_digest", lambda name: "another" if name == root else code_digest(name))
    assert key_of(cell, settings, mapper) != before
