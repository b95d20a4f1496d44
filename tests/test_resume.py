"""A map that is cut off in the making is taken up where it stopped, and is the same in the end."""

import os
import random
import signal
import threading
from itertools import count
from pathlib import Path
from unittest.mock import Mock

import pytest
from conftest import run, textured, write_image, write_polygons
from forked import forks

from landcover.classify.journal import open_journal
from landcover.classify.kerasmapper import KerasMapper
from landcover.classify.predict import classify_image
from landcover.cli import main
from landcover.errors import Interrupted, LandcoverError, OutputExists
from landcover.model import load_network, read_card, save_model
from landcover.provenance import Recorder, read_run
from landcover.settings import ClassifySettings


@pytest.fixture
def settings(tiny_model) -> ClassifySettings:
    return ClassifySettings(model=tiny_model, precision="float32", tile=128, batch=1, confidence=True)


def _contents(folder: Path, name: str) -> dict[str, bytes]:
    return {p.name.removeprefix(name): p.read_bytes() for p in folder.iterdir() if p.name.startswith(name)}


class Stop:
    """Counts batches, and stops the work at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: type[BaseException]) -> None:
        self.calls = 0
        compute = KerasMapper.map

        def count(*given):
            self.calls += 1
            if self.calls == at:
                raise error
            return compute(*given)

        monkeypatch.setattr(KerasMapper, "map", count)


def test_an_interrupted_map_goes_on_where_it_stopped(tmp_path, settings, monkeypatch, caplog) -> None:
    path = write_image(tmp_path / "image.tif", textured(500, 500))
    classify_image(path, settings, tmp_path / "one.tif")
    stop = Stop(monkeypatch, 8, KeyboardInterrupt)
    with pytest.raises(Interrupted, match=r"two\.tif: 7 tiles are done and kept: the same command goes on"):
        classify_image(path, settings, tmp_path / "two.tif")
    assert [p.name for p in tmp_path.iterdir() if "two" in p.name] == [".unfinished-two.tif.sqlite"]
    with caplog.at_level("INFO"):
        classify_image(path, settings, tmp_path / "two.tif")
    # seven before, the one that failed, and the other nine
    assert stop.calls == 7 + 1 + 9
    assert "going on with a run that was cut off, 7 tiles are done" in caplog.text
    assert _contents(tmp_path, "one") == _contents(tmp_path, "two")
    assert sorted(_contents(tmp_path, "two")) == [".qml", ".tif", ".tif.aux.xml", "_confidence.tif"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("what", ["image", "model", "options", "tiling", "area of interest"])
def test_what_was_changed_starts_afresh_and_is_named(tmp_path, settings, monkeypatch, caplog, what) -> None:
    path = write_image(tmp_path / "image.tif", textured(300, 300))
    aoi = write_polygons(tmp_path / "aoi.gpkg", [(0, 0, 290, 290, 1)])
    settings = settings.model_copy(update={"aoi": aoi})
    with monkeypatch.context() as patched:
        Stop(patched, 5, KeyboardInterrupt)
        with pytest.raises(Interrupted):
            classify_image(path, settings, tmp_path / "two.tif")
    if what == "image":
        write_image(path, textured(300, 300) // 2)
    elif what == "model":
        other = tmp_path / "model.keras"
        save_model(load_network(settings.model), read_card(settings.model), other)
        settings = settings.model_copy(update={"model": other})
    elif what == "options":
        settings = settings.model_copy(update={"collar": False})
    elif what == "tiling":
        settings = settings.model_copy(update={"tile": 64})
    else:
        write_polygons(aoi, [(0, 0, 100, 100, 1)])
    classify_image(path, settings, tmp_path / "one.tif")
    caplog.clear()
    classify_image(path, settings, tmp_path / "two.tif")
    assert "two.tif: begun before with another " in caplog.text
    assert f"{what}: starting afresh" in caplog.text
    assert _contents(tmp_path, "one") == _contents(tmp_path, "two")


def test_what_was_begun_in_one_precision_is_finished_in_it(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "image.tif", textured(300, 300))
    settings = settings.model_copy(update={"precision": "auto"})
    monkeypatch.setattr("landcover.classify.kerasmapper.choose_precision", lambda *asked, **more: "float32")
    with monkeypatch.context() as patched:
        Stop(patched, 5, KeyboardInterrupt)
        with pytest.raises(Interrupted):
            classify_image(path, settings, tmp_path / "two.tif")
    monkeypatch.setattr("landcover.classify.kerasmapper.choose_precision", lambda *asked, **more: "bfloat16")
    assert classify_image(path, settings, tmp_path / "two.tif").precision == "float32"
    assert classify_image(path, settings, tmp_path / "three.tif").precision == "bfloat16"


def test_a_disk_that_fills_while_the_map_is_put_together_costs_no_tile(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "image.tif", textured(300, 300))
    stop = Stop(monkeypatch, 0, KeyboardInterrupt)
    with monkeypatch.context() as patched:
        patched.setattr("landcover.classraster._total", lambda path, nodata: None)
        with pytest.raises(LandcoverError, match=r"is the disk full\? \(what is done is kept: the same"):
            classify_image(path, settings, tmp_path / "two.tif")
    assert not (tmp_path / "two.tif").exists()
    before = stop.calls
    classify_image(path, settings, tmp_path / "two.tif")
    assert stop.calls == before == 9


def test_cut_off_between_the_names_of_confidence_and_map_both_are_made(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "image.tif", textured(300, 300))
    classify_image(path, settings, tmp_path / "one.tif")
    name = os.replace

    def interrupted(source: Path, target: Path) -> None:
        if target == tmp_path / "two.tif":
            raise KeyboardInterrupt
        name(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", interrupted)
        with pytest.raises(Interrupted):
            classify_image(path, settings, tmp_path / "two.tif")
    assert (tmp_path / "two_confidence.tif").exists()
    assert not (tmp_path / "two.tif").exists()
    classify_image(path, settings, tmp_path / "two.tif")
    assert _contents(tmp_path, "one") == _contents(tmp_path, "two")


def test_a_file_of_ones_own_in_the_place_of_the_confidence_stays(tmp_path, settings, monkeypatch) -> None:
    path = write_image(tmp_path / "image.tif", textured(300, 300))
    Stop(monkeypatch, 5, KeyboardInterrupt)
    with pytest.raises(Interrupted):
        classify_image(path, settings, tmp_path / "two.tif")
    write_image(tmp_path / "two_confidence.tif", textured(30, 30))
    with pytest.raises(OutputExists, match="two_confidence"):
        classify_image(path, settings, tmp_path / "two.tif")


def _classify_killed(command: list[str], batch: int, delay: float) -> None:
    """`landcover classify` that is struck so many seconds after a batch has begun; at 0 it is not."""
    compute, begun = KerasMapper.map, count(1)

    def strike(*given):
        if next(begun) == batch:
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return compute(*given)

    KerasMapper.map = strike
    main(command)


def test_five_kills_at_random_moments_leave_no_trace_in_the_map(tmp_path, settings) -> None:
    path = write_image(tmp_path / "image.tif", textured(1100, 1100))

    def classify(name: str, batch: int = 0, delay: float = 0.0) -> int:
        options = ["--precision", "float32", "--tile", "64", "--batch", "1", "--confidence"]
        command = ["classify", str(path), "-m", str(settings.model), *options, "-o", str(tmp_path / name)]
        process = forks.Process(target=_classify_killed, args=(command, batch, delay))
        process.start()
        process.join()
        return process.exitcode

    assert classify("one.tif") == 0
    dice = random.Random(0)
    # of the 324 tiles a few are lost each time
    kills = [classify("two.tif", dice.randint(1, 40), dice.uniform(0.0, 0.02)) for _ in range(5)]
    assert kills == [-signal.SIGKILL] * 5
    assert not (tmp_path / "two.tif").exists()
    assert (tmp_path / ".unfinished-two.tif.sqlite").exists()
    assert classify("two.tif") == 0
    whole, taken_up = (_contents(tmp_path, name) for name in ("one", "two"))
    # the records tell when
    assert ".tif.run.json" in whole.keys() & taken_up.keys()
    assert {**whole, ".tif.run.json": b""} == {**taken_up, ".tif.run.json": b""}
    assert not list(tmp_path.glob(".*"))


def _told_by(folder: Path, tiny_model: Path, *more: str) -> str:
    image = folder / "image.tif"
    if not image.exists():
        write_image(image, textured(200, 200))
    options = ["-m", tiny_model, "--precision", "float32", "--tile", "64", "--batch", "1", "-o", folder / "map.tif"]
    done = run("classify", image, *options, *more)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_map_cut_off_before_its_record_gets_one(tmp_path, tiny_model, monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Recorder, "write", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(AssertionError, match="Interrupted"):
            _told_by(tmp_path, tiny_model)
    before = (tmp_path / "map.tif").read_bytes()
    stop = Stop(monkeypatch, 0, KeyboardInterrupt)
    assert "going on with a run that was cut off" in _told_by(tmp_path, tiny_model)
    assert stop.calls == 0
    assert read_run(tmp_path / "map.tif") is not None
    assert (tmp_path / "map.tif").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_what_a_cut_off_run_left_beside_a_map_that_is_up_to_date_goes(tmp_path, tiny_model, monkeypatch) -> None:
    _told_by(tmp_path, tiny_model)
    with monkeypatch.context() as patched:
        Stop(patched, 3, KeyboardInterrupt)
        with pytest.raises(AssertionError, match="2 tiles are done and kept"):
            _told_by(tmp_path, tiny_model, "--overwrite")
    for name in (".partial-map.tif", ".partial-map.tif.working", ".partial-map.qml", ".partial-map.tif.run.json"):
        (tmp_path / name).touch()
    assert list(tmp_path.glob(".unfinished-*"))
    with open_journal(tmp_path / "map.tif"):
        # another run is at work
        assert "up to date" in _told_by(tmp_path, tiny_model)
        assert (tmp_path / ".partial-map.tif").exists()
    assert "up to date" in _told_by(tmp_path, tiny_model)
    assert not list(tmp_path.glob(".*"))
