"""Models beside one another, on the same held-out chips."""

import csv
import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import run
from scipy.stats import t
from test_train import QUICK, _stores

from landcover import benchmark as module
from landcover.apart import Killed, apart
from landcover.assess.measures import measure
from landcover.benchmark import table
from landcover.benchmark.trial import PEAK, RESULT, SPEED, TABLES
from landcover.errors import LandcoverError
from landcover.files import check_made
from landcover.train import estimators
from landcover.train.budget import fitted
from landcover.train.length import Plan


@pytest.fixture
def project(tmp_path, scheme, monkeypatch) -> Path:
    """A project of chips, in which trials are run in this process."""
    _stores(tmp_path, scheme, number=8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_each", lambda work, *given: work(*given))
    monkeypatch.setattr(estimators, "TREES", 5)
    monkeypatch.setattr("landcover.benchmark.speed.SIDE", 64)
    monkeypatch.setattr("landcover.train.plan.TRIAL", 0.05)
    train = {"epochs": 2, "batch": 4, "precision": "float32", "net": {"depth": 2, "filters": 2}}
    Path("c.yaml").write_text(
        json.dumps({"scheme": scheme.model_dump(mode="json"), "train": train, "split": {"block": 64}})
    )
    return tmp_path


def _benchmark(*arguments: object):
    return run("benchmark", "-c", "c.yaml", *arguments)


def test_models_are_judged_on_chips_that_none_was_trained_on(project, monkeypatch) -> None:
    done = _benchmark("--model", "random-forest", "--model", "unet", "--minutes", 5)
    assert done.exit_code == 0, done.stderr
    assert "1 training of networks to come: about 5 minutes" in done.stderr
    out = project / "reports/benchmark"
    with (out / "benchmark.csv").open() as file:
        rows = {row["model"]: row for row in csv.DictReader(file)}
    told = json.loads((out / "benchmark.json").read_text())
    # of five parts the one of two blocks is nearest to a fifth
    assert told["held_out"] == "4 chips, one of 5 parts of 8 blocks of 64 px, 25 % of the labelled pixels"
    assert told["held_out"] in done.stdout.splitlines()[0]
    assert told["intervals"].startswith("none, 2 places held out, of 8 blocks of 64 px: ")
    for name, row in rows.items():
        tables = np.load(out / name / "fold_1_of_5" / TABLES)
        assert tables.shape == (4, 3, 3)
        assert tables.sum() == 4 * 32 * 24
        known = measure(tables.sum(axis=0).T)
        metrics = json.loads((out / name / "fold_1_of_5/metrics.json").read_text())
        # as the training counted them
        assert tables.sum(axis=0).tolist() == metrics["val_table"]
        assert float(row["overall_accuracy"]) == pytest.approx(float(known.overall))
        assert float(row["mean_iou"]) == pytest.approx(float(known.mean_iou))
        np.testing.assert_allclose([float(row[f"f1_{c}"]) for c in ("water", "forest", "bare_land")], known.f1)
        assert row["overall_accuracy_low"] == row["mean_iou_high"] == row["f1_water_low"] == ""
        assert int(row["parameters"]) > 0
        assert float(row["megapixels_per_second"]) > 0
        assert float(row["peak_memory_bytes"]) > 1e7
    assert rows["unet"]["epochs"] == "2"
    assert told["models"]["unet"]["overall_accuracy"]["value"] == float(rows["unet"]["overall_accuracy"])
    assert "random-forest took" in " ".join(told["notes"])
    assert (out / "benchmark.png").stat().st_size > 10_000
    assert json.loads((out / "run.json").read_text())["stage"] == "benchmark"
    # what is behind is not trained again
    monkeypatch.setattr(module, "_each", None)
    again = _benchmark("--model", "random-forest", "--model", "unet", "--minutes", 5)
    assert (again.exit_code, again.stdout) == (0, done.stdout)
    other = _benchmark("--model", "unet", "--minutes", 5, "--set", "train.batch=2")
    assert other.exit_code == 1
    assert "began with another value of train.batch (4, now 2): set it back, or start anew with" in other.stderr
    assert _benchmark("--model", "random-forest", "--minutes", 6, "--set", "train.batch=2").exit_code == 0


def test_the_part_that_was_held_out_first_is_one_of_the_folds_and_not_trained_again(project) -> None:
    one = ("--model", "random-forest", "--minutes", 5)
    assert _benchmark(*one).exit_code == 0
    folder = project / "reports/benchmark/random-forest/fold_1_of_5"
    before = (folder / "model.skops").stat().st_mtime_ns
    done = _benchmark(*one, "--folds", 5)
    assert done.exit_code == 0, done.stderr
    assert "1 training kept, trained before" in done.stderr
    assert "of 4: random-forest, fold 5" in done.stderr
    assert (folder / "model.skops").stat().st_mtime_ns == before
    # other folds lie beside them
    assert _benchmark(*one, "--folds", 2).exit_code == 0
    assert len(list(folder.parent.iterdir())) == 7


def test_a_trial_that_was_cut_off_is_of_what_it_was_begun_with(project) -> None:
    one = ("--model", "unet", "--minutes", 5)
    assert _benchmark(*one).exit_code == 0
    folder = project / "reports/benchmark/unet/fold_1_of_5"
    before = (folder / TABLES).read_bytes()
    for name in (RESULT, TABLES):
        (folder / name).unlink()
    for changed, told in (
        ("train.seed=1", "train.seed (0, now 1)"),
        ("train.epochs=1", "train.epochs (2, now 1)"),
        ("benchmark.minutes=6", "benchmark.minutes (5.0, now 6.0)"),
    ):
        done = run("benchmark", "-c", "c.yaml", "--model", "unet", "--set", "benchmark.minutes=5", "--set", changed)
        assert done.exit_code == 1
        assert f"began with another value of {told}: set it back" in done.stderr
    assert not (folder / RESULT).exists()
    # what the process takes that goes on is not what the training took
    (folder / PEAK).write_text("1000000000000")
    assert _benchmark(*one).exit_code == 0
    assert json.loads((folder / RESULT).read_text())["peak_memory"] == 10**12
    assert (folder / TABLES).read_bytes() == before
    assert _benchmark(*one, "--set", "train.seed=1", "--overwrite").exit_code == 0
    assert (folder / TABLES).read_bytes() != before


def test_a_training_is_kept_whose_speed_is_measured_anew(project) -> None:
    one = ("--model", "random-forest")
    told = _benchmark(*one, "--set", "classify.memory=1MB")
    assert told.exit_code == 1
    assert "--memory 1MB: this model needs at least" in told.stderr
    assert "(classify.memory, classify.batch); its training is kept" in told.stderr
    folder = project / "reports/benchmark/random-forest/fold_1_of_5"
    before = (folder / "model.skops").stat().st_mtime_ns
    assert not (folder / SPEED).exists()
    assert _benchmark(*one).exit_code == 0
    first = (folder / SPEED).read_bytes()
    again = _benchmark(*one, "--set", "classify.batch=3")
    assert again.exit_code == 0, again.stderr
    assert "1 training kept, trained before" in again.stderr
    assert "1 of 1: random-forest: how fast it maps" in again.stderr
    assert "Note" not in again.stderr
    assert (folder / SPEED).read_bytes() != first
    told = json.loads((folder / RESULT).read_text())
    (folder / RESULT).write_text(json.dumps(told | {"program": "another"}))
    assert "Note: 1 of them by the program as it was before: --overwrite makes all anew" in _benchmark(*one).stderr
    assert (folder / "model.skops").stat().st_mtime_ns == before


def test_what_is_refused_removes_nothing(project) -> None:
    one = ("--model", "random-forest", "--overwrite")
    assert _benchmark(*one).exit_code == 0
    model = project / "reports/benchmark/random-forest/fold_1_of_5/model.skops"
    before = model.stat().st_mtime_ns
    assert "take fewer folds" in _benchmark(*one, "--folds", 50).stderr
    assert model.stat().st_mtime_ns == before


def test_one_that_fails_stops_no_other_and_folds_take_turns(project) -> None:
    done = _benchmark("--model", "no_net:build", "--model", "random-forest", "--folds", 2)
    assert done.exit_code == 1
    assert "Error: not in the table: no_net:build: train.model no_net:build: there is no module no_net" in done.stderr
    assert "16 chips, 2 folds of 2 sites, each in turn" in done.stdout
    out = project / "reports/benchmark"
    assert (out / "benchmark.csv").read_text().splitlines()[1].startswith("random-forest,")
    assert sorted(p.name for p in (out / "random-forest").iterdir()) == ["fold_1_of_2", "fold_2_of_2"]
    told = json.loads((out / "benchmark.json").read_text())
    assert list(told["failed"]) == ["no_net:build"]
    done = _benchmark("--model", "no_net:build")
    assert done.exit_code == 1
    assert not done.stdout


def test_a_network_is_trained_in_the_number_format_that_it_was_timed_in(project, monkeypatch) -> None:
    left = iter(["bfloat16", "float32", "float32"])

    def choose(asked: str, trial: object) -> str:
        return next(left) if asked == "auto" else asked

    monkeypatch.setattr("landcover.train.task.choose_precision", choose)
    done = _benchmark("--model", "unet", "--minutes", 5, "--set", "train.precision=auto")
    assert done.exit_code == 0, done.stderr
    metrics = json.loads((project / "reports/benchmark/unet/fold_1_of_5/metrics.json").read_text())
    assert metrics["precision"] == "bfloat16"


def test_what_is_kept_of_an_interrupted_benchmark_is_told(project, monkeypatch) -> None:
    def cut(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_each", cut)
    told = _benchmark("--model", "unet", "--minutes", 5)
    assert told.exit_code == 130
    again = "the same command, without --overwrite, goes on from there"
    assert f"reports/benchmark: what was trained before is kept: {again}" in told.stderr
    folder = project / "reports/benchmark/unet/fold_1_of_5"
    monkeypatch.setattr(module, "is_done", lambda folder, origin, classify: False)
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").touch()
    told = _benchmark("--model", "unet", "--minutes", 5)
    assert f"what was trained before and the last whole epoch of unet are kept: {again}" in told.stderr


def _plan(**changes: float) -> Plan:
    told = {"parameters": 1, "chips": 80, "copies": 0, "validation": 20, "shown": 80, "epochs": 30, "steps": 20,
            "precision": "float32", "step_seconds": 1.0, "seconds": 30 * 25.0, "memory": 1}  # fmt: skip
    return Plan(**(told | changes))


def test_a_training_is_fitted_to_its_time() -> None:
    settings = QUICK.model_copy(update={"epochs": 30})
    assert fitted(settings, _plan(), 30 * 25.0) == settings
    some = fitted(settings, _plan(), 110)
    # four epochs, each of 20 steps, of 5 s of validation, and of what is left
    assert (some.epochs, some.chips_per_epoch) == (4, 22 * 4)
    few = fitted(settings, _plan(), 12)
    assert (few.epochs, few.chips_per_epoch) == (1, 7 * 4)
    assert fitted(settings, _plan(), 1).chips_per_epoch == 4
    # what the sweep takes is no epoch's
    assert fitted(settings, _plan(sweep=40, seconds=30 * 25.0 + 40), 110) == some


def test_a_note_says_why_a_training_took_another_time() -> None:
    config = SimpleNamespace(benchmark=SimpleNamespace(minutes=1))

    def note(seconds: float, epochs: int) -> str:
        row = SimpleNamespace(model="unet", seconds=seconds, epochs=epochs, asked=30)
        return " ".join(module._notes([row], config, 1))

    assert "50 % of the time that it had: that was enough for train.epochs, 30" in note(30, 30)
    assert "150 % of the time that it had: the estimate" in note(90, 30)
    assert not note(60, 30)
    assert note(60, 10) == "epochs that the time was enough for: unet 10 of 30: longer, they may be better"


def _trial(folder: Path, tables: np.ndarray) -> list[Path]:
    """A trial that came to these tables (chips, classes of the label, classes shown)."""
    folder.mkdir()
    np.save(folder / TABLES, tables)
    told = {
        "parameters": 5,
        "epochs": 1,
        "asked_epochs": 9,
        "seconds": 60,
        "peak_memory": 1,
    }
    (folder / RESULT).write_text(json.dumps(told))
    (folder / SPEED).write_text(json.dumps({"megapixels_per_second": 2.0}))
    return [folder]


def test_of_a_class_that_is_shown_but_was_not_held_out_nothing_is_known(tmp_path) -> None:
    labelled = np.array([[60, 20, 20], [30, 70, 0], [0, 0, 0]])
    (row,), _ = table.read_rows({"one": _trial(tmp_path / "one", np.tile(labelled, (5, 1, 1)))}, np.arange(5), "sites")
    assert float(row.overall.value) == pytest.approx(130 / 200)
    np.testing.assert_allclose(row.f1.value, [120 / 190, 140 / 190, np.nan])
    assert float(row.mean_iou.value) == pytest.approx((60 / 130 + 70 / 120) / 2)


def test_intervals_are_by_places_and_differences_by_pairs(tmp_path) -> None:
    """Ground that one model finds as hard as the other is no doubt about which is better."""
    random = np.random.default_rng(0)
    hard = random.integers(100, 900, 40)
    folders = {}
    for name, worse in (("one", 0), ("other", 20), ("third", random.integers(0, 90, 40))):
        right = hard - worse
        tables = np.stack([np.stack([right, 1000 - right], -1), np.tile([0, 1000], (40, 1))], axis=1)
        folders[name] = _trial(tmp_path / name, tables)
    rows, told = table.read_rows(folders, np.arange(40), "40 sites")
    assert told == "95 %, drawn again by place: 40, of 40 sites"
    assert [row.model for row in rows] == ["one", "other", "third"]
    gap = rows[1].behind
    assert float(gap.value) == pytest.approx(0.01)
    assert float(gap.low) > 0.009
    # of pixels that were independent it would be a tenth
    assert float(rows[0].overall.high - rows[0].overall.low) > 0.05
    # of few places percentiles would be too narrow
    rows, _ = table.read_rows(folders, np.repeat(np.arange(5), 8), "5 sites")
    gap = rows[2].behind
    assert float(gap.high - gap.value) == pytest.approx(t.ppf(0.975, 4) * float(gap.error))
    rows, told = table.read_rows(folders, np.repeat([1, 6, 7, 8], 10), "9 sites")
    assert told.startswith("none, 4 places held out, of 9 sites: take --folds 5")
    for row in rows:
        for known in (row.overall, row.mean_iou, row.f1, row.behind):
            assert np.isfinite(known.value).all()
            assert np.isnan([known.error, known.low, known.high]).all()


def test_work_apart_tells_how_it_ended(tmp_path) -> None:
    apart(Path.write_text, tmp_path / "a", "b")
    assert (tmp_path / "a").read_text() == "b"
    with pytest.raises(LandcoverError, match=r"c: no such file: run `landcover mosaic` first"):
        apart(check_made, tmp_path / "c", "mosaic")
    with pytest.raises(LandcoverError, match="its process was ended by SIGABRT"):
        apart(os.abort)
    with pytest.raises(Killed, match="by SIGKILL: was there too little memory"):
        apart(signal.raise_signal, signal.SIGKILL)
    # longer than what a pipe holds
    with pytest.raises(LandcoverError, match="File name too long"):
        apart(Path.read_text, Path("c" * 300_000))
