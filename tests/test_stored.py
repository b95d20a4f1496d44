"""Maps in an object store, and what is known of images in one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from conftest import textured, write_image
from objectstore import object_store
from rasterio.windows import Window

from landcover import image as images
from landcover.classify import Kept, classify_one, stored
from landcover.classify.cells import Cell
from landcover.classify.index import Shown, cells_folder, sweep_cells
from landcover.classify.mapper import Mapper, open_mapper
from landcover.classify.predict import GOES_ON
from landcover.classify.stored import map_stored
from landcover.config import Config
from landcover.errors import ImageError, OutputExists
from landcover.image import find_image
from landcover.settings import ClassifySettings
from landcover.store import Store, state_of

s3fs = pytest.importorskip("s3fs")


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the objects of a store."""
    folder = tmp_path / "objects"
    (folder / "maps").mkdir(parents=True)
    with object_store(folder) as environment:
        # what is written here is read again at once
        for name, value in (environment | {"CPL_VSIL_CURL_NON_CACHED": "/vsis3/"}).items():
            monkeypatch.setenv(name, value)
        # it remembers the address of the store of another test
        s3fs.S3FileSystem.clear_instance_cache()
        yield folder
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def store(objects: Path, tmp_path: Path) -> Store:
    return Store("s3://maps/here", tmp_path / "staging")


@pytest.fixture
def settings(tiny_model: Path) -> ClassifySettings:
    return ClassifySettings(model=tiny_model, precision="float32", confidence=True, tile=128)


@pytest.fixture
def mapper(settings: ClassifySettings) -> Mapper:
    return open_mapper(settings)


def _names(objects: Path) -> set[str]:
    return {path.name for path in (objects / "maps").rglob("*") if path.is_file()}


def test_a_map_leaves_nothing_in_a_store_that_is_not_of_it(tmp_path, objects, store, settings, mapper) -> None:
    whole = find_image(write_image(tmp_path / "a.tif", textured(100, 120)))
    cell = Cell(whole, whole.grid.whole, store.staging / "a.tif")
    map_stored(store, cell, settings, mapper, "one", overwrite=False, whole=False)
    first = _names(objects)
    assert {"a.tif", "a_confidence.tif", "a.tif.made.json"} < first
    # of something else now: what was told of the map before is not one of its files
    map_stored(store, cell, settings, mapper, "two", overwrite=False, whole=False)
    assert _names(objects) == first
    plain = settings.model_copy(update={"confidence": False})
    map_stored(store, cell, plain, mapper, "three", overwrite=False, whole=False)
    assert _names(objects) == first - {"a_confidence.tif"}
    empty = find_image(write_image(tmp_path / "empty.tif", np.zeros((4, 100, 120), np.uint8)))
    done, _ = map_stored(store, replace(cell, image=empty), plain, mapper, "four", overwrite=False, whole=False)
    assert not done.content
    assert not _names(objects)


def _cell(tmp_path: Path, store: Store, name: str, turned: bool) -> Cell:
    pixels = textured(100, 120)
    image = find_image(write_image(tmp_path / name, pixels[:, ::-1] if turned else pixels))
    return Cell(image, image.grid.whole, store.staging / "a.tif")


def test_a_map_that_another_replaced_is_not_taken_for_the_one_before(
    tmp_path, objects, store, settings, mapper, monkeypatch
) -> None:
    def made(key: str, overwrite: bool = False, to: Store = store) -> bool:
        """Whether it was not there."""
        return not map_stored(to, cells[key], settings, mapper, key, overwrite, whole=False)[0].kept

    cells = {"one": _cell(tmp_path, store, "one.tif", False), "two": _cell(tmp_path, store, "two.tif", True)}
    place = objects / "maps/here"
    made("one")
    ours = {name: (place / name).read_bytes() for name in ("a.tif", "a_confidence.tif")}
    made("two", overwrite=True)
    theirs = {name: (place / name).read_bytes() for name in ours}

    class CutOff(Store):
        def put(self, path: Path, file: Path | None = None) -> None:
            if path.name == "a.tif":
                raise KeyboardInterrupt
            super().put(path, file)

    # no map is better than one beside another's confidence
    made("one", overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        made("two", overwrite=True, to=CutOff(store.url, store.staging))
    assert not {"a.tif", "a.tif.made.json"} & _names(objects)
    assert made("one")
    assert {name: (place / name).read_bytes() for name in ours} == ours
    # of two at once the last one's map is there, whoever tells last
    tell = stored._tell

    def late(*given: object) -> None:
        monkeypatch.setattr(stored, "_tell", tell)
        made("two", overwrite=True)
        tell(*given)

    monkeypatch.setattr(stored, "_tell", late)
    made("one", overwrite=True)
    assert not made("two")
    assert made("one")
    # somebody else's files under the same names, one that is damaged, and one of which a pixel was edited
    damaged = ours["a.tif"][: -len(ours["a.tif"]) // 4]
    (tmp_path / "edited.tif").write_bytes(ours["a.tif"])
    with rasterio.open(tmp_path / "edited.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
        dataset.write(dataset.read(1) % 3 + 1, 1)
    edited = (tmp_path / "edited.tif").read_bytes()
    for name, content in (("a.tif", b"no map at all"), ("a.tif", damaged), ("a.tif", edited), *theirs.items()):
        assert not made("one")
        (place / name).write_bytes(content)
        if content == b"no map at all":
            with pytest.raises(OutputExists):
                map_stored(store, cells["one"], settings, mapper, "one", overwrite=False, whole=True)
        assert made("one")
        assert {name: (place / name).read_bytes() for name in ours} == ours


def test_a_store_that_does_not_tell_of_changes_is_looked_into(tmp_path, objects, store, settings, mapper) -> None:
    class Mute(Store):
        def state(self, path: Path) -> None:
            return None

    cell, mute = _cell(tmp_path, store, "one.tif", False), Mute(store.url, store.staging)
    given = (cell, settings, mapper, "one", False, False)
    kept = [map_stored(mute, *given)[0].kept for _ in range(2)]
    (objects / "maps/here/a_confidence.tif").write_bytes((objects / "maps/here/a.tif").read_bytes())
    assert [*kept, map_stored(mute, *given)[0].kept] == [False, True, False]


def test_cells_of_another_size_are_swept_from_a_store(objects, store) -> None:
    index = store.staging / "a.vrt"
    folder = cells_folder(index)
    kept = {"r0000000_c0000000.tif", "r0000000_c0000000.tif.made.json", "cells.gpkg", "cells.json"}
    place = objects / "maps/here/a_cells"
    place.mkdir(parents=True)
    for name in (*kept, "r0000000_c0000512.tif", "r0000000_c0000512_confidence.tif", "r0000000_c0000512.qml"):
        (place / name).touch()
    (objects / "maps/here/other_cells").mkdir()
    (objects / "maps/here/other_cells/r0000000_c0000512.tif").touch()
    sweep_cells(index, [Shown(Window(0, 0, 9, 9), folder / "r0000000_c0000000.tif", {}, "0")], store)
    assert {path.name for path in place.iterdir()} == kept
    assert (objects / "maps/here/other_cells/r0000000_c0000512.tif").exists()


def test_an_image_of_which_nobody_knows_whether_it_changed_is_mapped_anew(
    tmp_path, objects, store, settings, mapper, monkeypatch
) -> None:
    (objects / "images").mkdir()
    write_image(objects / "images/a.tif", textured(100, 120))
    config = Config(classify=settings)
    given = (config, "s3://images/a.tif", tmp_path / "a_map.tif")
    classify_one(*given, mapper=mapper)
    assert isinstance(classify_one(*given, mapper=mapper), Kept)
    # nobody says that it is the same image where nobody knows
    monkeypatch.setattr(images, "state_of", lambda name: None)
    classify_one(*given, mapper=mapper, overwrite=True)
    assert not isinstance(classify_one(*given, mapper=mapper), Kept)
    found = find_image("s3://images/a.tif")
    cell = Cell(found, found.grid.whole, store.staging / "a.tif")
    for _ in range(2):
        assert map_stored(store, cell, settings, mapper, "one", overwrite=False, whole=True)[1] is not None


def test_a_map_of_an_image_that_was_replaced_in_a_store_is_not_taken_for_its_own(
    tmp_path, objects, settings, mapper
) -> None:
    (objects / "images").mkdir()
    write_image(objects / "images/a.tif", textured(100, 120))
    given = (Config(classify=settings), "s3://images/a.tif", tmp_path / "a_map.tif")
    classify_one(*given, mapper=mapper)
    before = find_image("s3://images/a.tif").fingerprint()
    assert state_of("/vsis3/images/a.tif") == state_of("s3://images/a.tif")
    assert state_of("/vsis3/images/none.tif") is None
    write_image(objects / "images/a.tif", textured(100, 120)[:, ::-1])
    assert find_image("s3://images/a.tif").fingerprint() != before
    with pytest.raises(OutputExists):
        classify_one(*given, mapper=mapper)


def test_a_mistake_names_the_url_and_promises_nothing(tmp_path, store, settings, mapper, monkeypatch) -> None:
    def cannot(image: object, settings: object, out: Path, **rest: object) -> None:
        raise ImageError(f"{out}: the disk is full{GOES_ON}")

    monkeypatch.setattr("landcover.classify.stored.classify_image", cannot)
    whole = find_image(write_image(tmp_path / "a.tif", textured(100, 120)))
    cell = Cell(whole, whole.grid.whole, store.staging / "maps/a.tif")
    with pytest.raises(ImageError) as told:
        map_stored(store, cell, settings, mapper, "one", overwrite=True, whole=True)
    assert store.told(str(told.value)) == "s3://maps/here/maps/a.tif: the disk is full"
