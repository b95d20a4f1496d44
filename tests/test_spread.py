"""What a run on a cluster settles for all of its workers; these are tried one after the other, in this process."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import rasterio
from conftest import textured, write_image

from landcover import precision, remote
from landcover.classify import Outside, Spread, onworker, spread
from landcover.classify.cells import Cell
from landcover.classify.journal import open_journal
from landcover.classify.large import Large
from landcover.classify.mapper import Mapper, given_by, open_mapper
from landcover.classify.marks import SEEN, marked
from landcover.classify.onworker import Whole
from landcover.classify.predict import Classified
from landcover.classraster import PRECISION_TAG
from landcover.cluster import Machines
from landcover.config import Config
from landcover.errors import Busy, Interrupted, LandcoverError
from landcover.flight import Outcome
from landcover.image import find_image
from landcover.settings import ClassifySettings
from landcover.store import Store

pytest.importorskip("distributed")


class Workers:
    """Stand in for a cluster: each takes the next item, with a model of its own, on a processor with these flags."""

    def __init__(self, patch: pytest.MonkeyPatch, *flags: str, items: int | None = None) -> None:
        self._patch, self._flags, self._left = patch, flags, items
        self._own: list[dict[str, Any]] = [{} for _ in flags]
        self.libraries: set[tuple[str, ...]] = set()

    def each(
        self,
        work: Callable[[Any], Any],
        items: Iterable[Any],
        paths: Iterable[str] = (),
        full: Callable[[], bool] = bool,
        libraries: tuple[str, ...] = (),
    ) -> Iterator[Outcome[Any, Any]]:
        self.libraries.add(libraries)
        many = list(items)
        for number, item in enumerate(many):
            if len(many) > 1 and number == self._left:
                raise KeyboardInterrupt
            self._become(number % len(self._flags))
            try:
                yield Outcome(item, work(item))
            except LandcoverError as error:
                yield Outcome(item, None, remote.Trouble(type(error), str(error), "one"))

    def on_all(self, work: Callable[[Any], Any], item: Any, paths: object, libraries: tuple[str, ...]) -> list[Any]:
        self.libraries.add(libraries)
        return [work(item) for number in range(len(self._flags)) if self._become(number)]

    def _become(self, number: int) -> bool:
        self._patch.setattr(onworker, "_ready", self._own[number])
        self._patch.setattr(precision, "_processor_has", lambda wanted: self._flags[number] in wanted)
        return True


@pytest.fixture
def config(tmp_path: Path, tiny_model: Path) -> Config:
    given = {"model": str(tiny_model), "precision": "auto", "cell": 512}
    return Config.model_validate({"paths": {"data": str(tmp_path / "data")}, "classify": given})


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    """Two that are mapped whole, and one in four cells."""
    sides = {"a": 64, "b": 64, "large": 520}
    made = {name: write_image(tmp_path / f"{name}.tif", textured(side, side)) for name, side in sides.items()}
    return {str(path): tmp_path / f"maps/{name}.tif" for name, path in made.items()}


def _map(patch: pytest.MonkeyPatch, workers: Workers, config: Config, images: dict[str, Path]) -> list[Any]:
    @contextmanager
    def opened(machines: Machines) -> Iterator[Workers]:
        yield workers

    patch.setattr(spread, "open_cluster", opened)
    return spread.classify_spread(config, images, Machines(scheduler="here"))


def _precisions(folder: Path) -> dict[str, str]:
    found = {}
    for path in (*folder.rglob("*.tif"), *folder.glob("*.vrt")):
        with rasterio.open(path) as dataset:
            found[path.name] = dataset.tags()[PRECISION_TAG]
    return found


def test_all_workers_compute_in_the_precision_that_suits_them_all(
    tmp_path, config, images, monkeypatch, caplog
) -> None:
    caplog.set_level(logging.INFO, "landcover.classify.spread")
    workers = Workers(monkeypatch, "amx_bf16", "none")
    made = _map(monkeypatch, workers, config, images)
    assert [type(result) for result in made] == [Classified, Classified, Spread]
    found = _precisions(tmp_path / "maps")
    assert len(found) == 2 + 4 + 1
    assert set(found.values()) == {"float32"}
    told = [record.getMessage() for record in caplog.records if record.name == "landcover.classify.spread"]
    assert told == ["Computing in float32, for not all workers are faster in bfloat16"]
    assert workers.libraries == {("keras",)}
    # what was settled for one run is not so for the next
    again = {image: out.with_name(f"again_{out.name}") for image, out in images.items()}
    _map(monkeypatch, Workers(monkeypatch, "amx_bf16", "amx_bf16"), config, again)
    assert {kind for name, kind in _precisions(tmp_path / "maps").items() if name.startswith("again")} == {"bfloat16"}


def test_a_run_that_goes_on_computes_cells_in_the_precision_of_those_that_are_done(
    tmp_path, config, images, monkeypatch
) -> None:
    large = {image: out for image, out in images.items() if out.name == "large.tif"}
    with pytest.raises(Interrupted):
        _map(monkeypatch, Workers(monkeypatch, "amx_bf16", items=2), config, large)
    assert len(_precisions(tmp_path / "maps")) == 2
    (made,) = _map(monkeypatch, Workers(monkeypatch, "none"), config, large)
    assert isinstance(made, Spread)
    assert (made.cells, made.kept) == (4, 2)
    assert set(_precisions(tmp_path / "maps").values()) == {"bfloat16"}


def test_a_worker_loads_the_model_once(tmp_path, config, images, monkeypatch) -> None:
    """For the choice of a precision, for whole images, for cells, and for those of another size."""
    loaded = []

    def opened(settings: ClassifySettings) -> Mapper:
        loaded.append(settings)
        return open_mapper(settings)

    monkeypatch.setattr(onworker, "open_mapper", opened)
    workers = Workers(monkeypatch, "none", "none")
    _map(monkeypatch, workers, config, images)
    smaller = config.model_copy(update={"classify": config.classify.model_copy(update={"cell": 256})})
    again = {image: out.with_name(f"again_{out.name}") for image, out in images.items() if out.name == "large.tif"}
    (made,) = _map(monkeypatch, workers, smaller, again)
    assert (made.cells, len(loaded)) == (9, 2)


def test_images_that_are_cut_share_what_is_known_of_the_model(tmp_path, config, monkeypatch) -> None:
    """That of an exported one is a session of its runtime, of megabytes and threads."""
    images = {str(write_image(tmp_path / f"{name}.tif", textured(520, 520))): tmp_path / f"{name}.vrt" for name in "ab"}
    work: dict[str, Large] = {}
    monkeypatch.setattr(spread, "_choose", lambda cluster, config, plans, store: work.update(plans))
    monkeypatch.setattr(spread, "_run", lambda *given: dict.fromkeys(images, Outside("")))
    _map(monkeypatch, Workers(monkeypatch, "none"), config, images)
    one, other = work.values()
    assert one.mapper is other.mapper


def test_an_image_of_which_nothing_came_back_is_not_left_out(config, images, monkeypatch) -> None:
    class Forgetful(Workers):
        def each(self, *given: Any, **more: Any) -> Iterator[Outcome[Any, Any]]:
            yield from list(super().each(*given, **more))[:1]

    with pytest.raises(AssertionError, match="nothing is known of it"):
        _map(monkeypatch, Forgetful(monkeypatch, "none"), config, dict(list(images.items())[:2]))


@pytest.mark.parametrize("whole", [True, False])
def test_a_map_that_another_run_is_making_is_waited_for_but_not_for_ever(tmp_path, config, monkeypatch, whole) -> None:
    image, out = write_image(tmp_path / "a.tif", textured(64, 64)), tmp_path / "map.tif"
    found = find_image(image)
    piece = Whole(str(image), out, 4096) if whole else Cell(found, found.grid.whole, out)
    monkeypatch.setattr(onworker, "_ready", {})

    def mapped() -> object:
        given = given_by(config.classify)
        return onworker.map_piece(config, "float32", {found.path: "float32"}, False, None, piece, given)

    with ExitStack() as others:
        others.enter_context(open_journal(out))
        with monkeypatch.context() as hurry:
            hurry.setattr(onworker, "LONGEST", 0.0)
            with pytest.raises(Busy, match="another run is making this map: wait for it"):
                mapped()
        monkeypatch.setattr(onworker, "time", SimpleNamespace(monotonic=float, sleep=lambda seconds: others.close()))
        assert mapped()
    assert out.exists()


def test_of_two_runs_into_one_folder_the_first_ends_without_harm_to_the_other(tmp_path) -> None:
    first, second = (marked({tmp_path / "maps"}, None) for _ in range(2))
    with second as (own,):
        with first as (other,):
            assert own != other
            assert Path(other).exists()
        assert Path(own).exists()
        assert not Path(other).exists()
    assert not list((tmp_path / "maps").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="a process cannot be looked for")
@pytest.mark.parametrize("stored", [False, True])
def test_marks_of_runs_that_were_killed_are_removed(tmp_path, stored) -> None:
    store = Store("memory://marks", tmp_path / "staging") if stored else None
    folder = tmp_path / "staging/maps"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with marked({folder}, store) as (own,):
        start, _, when = own.rpartition("/")[2].rpartition(f"-{os.getpid()}-")
    others = start.replace(SEEN, f"{SEEN}-my"), f"{start}-2"
    hosts = (start, ended.pid), (start, os.getpid()), *((other, ended.pid) for other in others)
    names = [f"{host}-{process}-{when}" for host, process in hosts]
    # of another machine, two months ago; and what is none
    names += [f"{others[0]}-7-{int(when, 16) - 60 * 86400 * 10**9:x}", f"{SEEN}-else", "map.tif"]
    theirs = [folder / name for name in names]
    for mark in theirs:
        mark.touch()
        if store:
            store.put(mark)
            mark.unlink()
    with marked({folder}, store):
        there = [store.holds(mark) if store else mark.exists() for mark in theirs]
    assert there == [False, True, True, True, False, True, True]


def test_what_computes_a_model_has_to_be_alike(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    always, keras = remote.facts(), remote.facts(("keras",))
    assert keras == always | {"Keras's backend": f"tensorflow {always['tensorflow']}"}
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert remote.facts(("keras",))["Keras's backend"].startswith("torch ")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert remote.facts(("keras",))["Keras's backend"].startswith("jax ")
    assert remote.facts() == always
    for name in ("onnxruntime", "scikit-learn"):
        assert name not in always
        assert remote.facts((name,)) == always | {name: remote.version(name)}
