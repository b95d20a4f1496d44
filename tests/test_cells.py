"""Maps in cells: what stands when a run is cut off, or when something changes under it. The cells are mapped right
here, one after the other, by what a worker does."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from conftest import textured, write_image, write_model

from landcover.classify import Failed, Kept, Spread, classify, spread
from landcover.classify.cells import Cell
from landcover.cluster import Machines
from landcover.config import Config
from landcover.errors import ConfigError, LandcoverError, ModelError
from landcover.flight import Outcome
from landcover.model import load_network, read_card, save_model
from landcover.scheme import ClassScheme
from landcover.settings import NetSettings
from landcover.store import Store

Before = Callable[[int, Cell], None]
"""What is done before the cell of a number is mapped."""

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

        def each(self, work: Callable[[object], object], items: Iterable[Cell], paths: object) -> Iterator[Outcome]:
            for number, item in enumerate(items):
                try:
                    if isinstance(item, Cell):
                        self._before(number, item)
                    yield Outcome(item, work(item))
                except (ConfigError, ModelError):
                    raise
                except LandcoverError as error:
                    yield Outcome(item, None, SimpleNamespace(kind=type(error), text=str(error), worker="here"))

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
    def before(now: int, cell: Cell) -> None:
        if now == number:
            raise CutOff

    return before


def full_disk(number: int, cell: Cell) -> None:
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
