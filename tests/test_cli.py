import json
import logging
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import click
import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from conftest import run, write_image, write_polygons

from landcover.cli import main
from landcover.cli.console import bar, log

ROOT = Path(__file__).parents[1]
PIPELINE = [
    "init", "doctor", "sample", "prepare", "mosaic", "labels", "chips", "stack", "augment", "models", "train",
    "benchmark", "classify", "points", "assess", "report", "compare", "export", "plan", "explain", "completion",
]  # fmt: skip
SMALL = """\
paths: {{data: {0}/data, models: {0}/models, reports: {0}/reports}}
chips: {{size: 64, stride: 64, max_background: 0.95}}
split: {{block: 128, validation: 0.2}}
train: {{epochs: 1, batch: 16, net: {{filters: 4}}}}
classify: {{tile: 256}}
assess: {{reference: [{0}/data/raw/holdout/reference.gpkg]}}
"""


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text(SMALL.format(tmp_path))
    return path


def test_commands_are_listed_in_pipeline_order() -> None:
    assert main.list_commands(click.Context(main)) == PIPELINE
    listed = [line.split()[0] for line in run("--help").output.split("Commands:")[1].splitlines() if line.strip()]
    assert listed == PIPELINE


@pytest.mark.parametrize("name", PIPELINE)
def test_every_command_says_what_it_reads_and_writes_and_stands_in_the_readme(name) -> None:
    text = run(name, "--help").output
    shared = () if name in ("models", "completion") else ("--config", "--set", "--overwrite", "--quiet")
    for word in ("Reads:", "Writes:", f"Example: landcover {name}", *shared):
        assert word in text, word
    assert f"`landcover {name}`" in (ROOT / "README.md").read_text()


def test_the_command_line_starts_without_what_is_slow() -> None:
    slow = "tensorflow", "keras", "rasterio", "numpy", "geopandas", "matplotlib"
    code = f"import sys, landcover.cli; print([m for m in {slow!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_whole_chain(tmp_path, config) -> None:
    assert run("sample", "-c", config, "--size", 256).exit_code == 0
    prepared = run("prepare", "-c", config)
    assert prepared.exit_code == 0, prepared.output
    assert "training" in prepared.stdout
    assert "forest" in prepared.stdout
    trained = run("train", "-c", config)
    assert trained.exit_code == 0, trained.output
    assert "mean IoU" in trained.stdout
    tile = next((tmp_path / "data/raw/holdout").glob("m_*.tif"))
    assert run("classify", tile, "-c", config).exit_code == 0
    assessed = run("assess", "-c", config)
    assert assessed.exit_code == 0, assessed.output
    assert "overall accuracy" in assessed.stdout
    record = json.loads((tmp_path / "reports" / f"{tile.stem}_landcover/accuracy.json").read_text())
    with rasterio.open(tmp_path / f"data/maps/{tile.stem}_landcover.tif") as dataset:
        assert dataset.shape == rasterio.open(tile).shape
        assert record["total"] <= dataset.width * dataset.height
    again = run("classify", tile, "-c", config)
    assert (again.exit_code, again.stdout.split()[0]) == (0, "kept")
    other = run("classify", tile, "-c", config, "--no-collar")
    assert other.exit_code == 1
    assert "add --overwrite" in other.stderr


def test_a_sample_never_replaces_images_of_ones_own(tmp_path, config, noise) -> None:
    mine = write_image(tmp_path / "data/raw/naip/a.tif", noise(64, 64))
    for more in ((), ("--overwrite",)):
        result = run("sample", "-c", config, "--size", 128, *more)
        assert result.exit_code == 1
        assert "holds files of your own" in result.stderr
    assert mine.exists()
    mine.unlink()
    assert run("sample", "-c", config, "--size", 128, "--overwrite").exit_code == 0
    assert run("sample", "-c", config, "--size", 128, "--overwrite").exit_code == 0
    added = write_image(tmp_path / "data/raw/naip/a.tif", noise(64, 64))
    assert run("sample", "-c", config, "--size", 128, "--overwrite").exit_code == 1
    assert added.exists()


def test_the_stages_one_by_one_are_prepare(tmp_path, config) -> None:
    run("sample", "-c", config, "--size", 256)
    for stage in ("mosaic", "labels", "chips", "stack", "augment"):
        result = run(stage, "-c", config)
        assert result.exit_code == 0, result.output
        assert result.stdout
    single = {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "data/processed").rglob("*.h5")}
    assert run("prepare", "-c", config, "--overwrite").exit_code == 0
    assert single == {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "data/processed").rglob("*.h5")}


def test_chips_of_arcgis_go_through_the_same_stages(tmp_path, config, noise) -> None:
    write_image(tmp_path / "data/raw/naip/a.tif", noise(256, 512))
    boxes = [(x, y, x + 60, y + 60, 1 + x // 64 % 6) for x in range(0, 512, 64) for y in range(0, 256, 64)]
    write_polygons(tmp_path / "data/raw/labels.gpkg", boxes)
    for stage in ("mosaic", "labels", "chips"):
        assert run(stage, "-c", config).exit_code == 0
    exported = (tmp_path / "data/interim/chips").rename(tmp_path / "exported")
    chips = run("chips", "-c", config, "--from-esri", exported)
    assert chips.exit_code == 0, chips.output
    assert "of 32 that were looked at" in chips.stdout
    assert "split by blocks: 0 pixels on both sides" in chips.stdout
    for stage in ("stack", "augment"):
        assert run(stage, "-c", config).exit_code == 0
    none = run("chips", "-c", config, "--overwrite", "--from-esri", tmp_path / "data/raw")
    assert none.exit_code == 1
    assert "it has no esri_model_definition.emd and no map.txt and no" in none.stderr
    renamed = run(
        "chips", "-c", config, "--overwrite", "--from-esri", exported, "--set", "labels.reclassify={water: 1}"
    )
    assert renamed.exit_code == 0
    assert [line.split()[1] for line in renamed.stdout.splitlines() if line.startswith("water")] == ["0"]


def test_python_has_the_same_four_verbs(tmp_path) -> None:
    code = (
        "from landcover.config import load_config\n"
        "from landcover.prepare import prepare\n"
        "from landcover.train import train\n"
        "from landcover.classify import classify\n"
        "from landcover.assess import assess\n"
        "print(all(map(callable, (load_config, prepare, train, classify, assess))))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "True"
    readme = (ROOT / "README.md").read_text()
    for line in code.splitlines()[:-1]:
        assert line in readme


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["classify", "none.tif"], 1, "none.tif: no such file"),
        (["classify", "none.tif", "--halo", "-1"], 2, "--halo"),
        (["classify", "none.tif", "--tile", "100"], 2, "--tile: should be 'auto' or a multiple of 16"),
        (["mosaic", "none.tif"], 1, "none.tif"),
        (["labels"], 1, "mosaic.vrt: no such file: run `landcover mosaic` first"),
        (["chips"], 1, "mosaic.vrt: no such file: run `landcover mosaic` first"),
        (["stack"], 1, "chips"),
        (["augment"], 1, "run `landcover stack` first"),
        (["train"], 1, "run `landcover prepare`"),
        (["assess"], 2, "which map?"),
        (["prepare", "--set", "chips.sizee=3"], 2, "did you mean size?"),
        (["prepare", "-c", "none.yaml"], 2, "none.yaml: no such file"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path, config, monkeypatch, arguments, code, message) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, *([] if "-c" in arguments else ["-c", config]))
    assert result.exit_code == code
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert [p.name for p in tmp_path.iterdir()] == ["c.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clasify"], "No such command 'clasify': did you mean classify? See `landcover --help`"),
        (["nothing"], "No such command 'nothing': see `landcover --help`"),
        (["--versio"], "did you mean --version? See `landcover --help`"),
        (["plan", "--quik"], "did you mean --quick or --quiet? See `landcover plan --help`"),
        (["train", "--epoch=3"], "did you mean --set train.epochs=VALUE? See `landcover train --help`"),
        (["train", "--stride", "3"], "No such option '--stride': see `landcover train --help`"),
        (["chips", "--stride", "3"], "did you mean --set chips.stride=VALUE? See `landcover chips --help`"),
        (["plan", "--stride", "3"], "did you mean --set chips.stride=VALUE? See `landcover plan --help`"),
        (["train", "--seed", "3"], "did you mean --set train.seed=VALUE? See `landcover train --help`"),
        (["assess", "--refrence", "x"], "did you mean --set assess.reference=VALUE? See `landcover assess --help`"),
        (["classify", "--nothing-like-it"], ": see `landcover classify --help`"),
        (["plan", "--map"], "Option '--map' requires an argument: see `landcover plan --help`"),
    ],
)
def test_what_was_probably_meant_is_said(arguments, message) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.endswith(f"{message}\n")
    assert len(result.stderr.splitlines()) == 1


def test_a_text_file_is_not_a_raster(tmp_path, config) -> None:
    (tmp_path / "a.tif").write_text("no raster")
    result = run("mosaic", tmp_path / "a.tif", "-c", config)
    assert result.exit_code == 1
    assert "a.tif: cannot be opened as a raster" in result.stderr


def test_a_class_without_a_chip_is_said(tmp_path, config, noise) -> None:
    write_image(tmp_path / "data/raw/naip/a.tif", noise(256, 256))
    boxes = [(x, y, x + 60, y + 60, 1 + (x + y) // 64 % 2) for x in range(0, 256, 64) for y in range(0, 256, 64)]
    write_polygons(tmp_path / "data/raw/labels.gpkg", boxes)
    result = run("prepare", "-c", config)
    assert result.exit_code == 0, result.output
    assert "no chip holds water, harvested, open or bare land, forest, planted or dark cropland" in result.stderr
    assert "Note: validation has no more than" in result.stderr
    assert [line.removeprefix(f"{tmp_path}/data/").split(":")[0] for line in result.stderr.splitlines()] == [
        "interim/mosaic/mosaic.vrt", "interim/labels.tif (field Classvalue)", "interim/chips", "Note", "Note",
        "processed", "processed/augmented",
    ]  # fmt: skip
    write_polygons(tmp_path / "data/raw/labels.gpkg", boxes[:-1])
    changed = run("prepare", "-c", config)
    told = [line.removeprefix(f"{tmp_path}/data/").partition(":")[::2] for line in changed.stderr.splitlines()]
    assert [name for name, what in told if "is made anew" not in what] == [
        "interim/mosaic", "interim/labels.tif (field Classvalue)", "interim/chips", "Note", "Note",
        "processed", "processed/augmented",
    ]  # fmt: skip
    # each stage is told of before the next begins
    assert [name for name, _ in told].index("interim/labels.tif (field Classvalue)") < next(
        n for n, (name, what) in enumerate(told) if name == "interim/chips" and "is made anew" in what
    )
    again = run("prepare", "-c", config)
    assert again.stdout == f"{tmp_path}/data/processed: is up to date\n"
    assert len(again.stderr.splitlines()) == 4


def test_an_interrupted_run_leaves_nothing_half_written(tmp_path, config, noise, monkeypatch) -> None:
    write_image(tmp_path / "data/raw/naip/a.tif", noise(256, 256))
    write_polygons(tmp_path / "data/raw/labels.gpkg", [(0, 0, 200, 200, 1)])
    assert run("mosaic", "-c", config).exit_code == 0
    assert run("labels", "-c", config).exit_code == 0
    before = sorted(tmp_path.rglob("*"))

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("landcover.prepare.chips"), "chip_bytes", interrupt)
    result = run("chips", "-c", config)
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_progress_is_quiet_when_stderr_is_no_terminal(capsys) -> None:
    log.setLevel(logging.INFO)
    with bar("working", 10, "chips") as advance:
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_rate_and_time_left_on_a_terminal(capsys, monkeypatch) -> None:
    log.setLevel(logging.INFO)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("landcover.cli.console.PATIENCE", 0.0)
    with bar("working", 10, "chips") as advance:
        for _ in range(5):
            advance(1)
            np.linalg.inv(np.eye(200))
    shown = capsys.readouterr().err
    assert "working" in shown
    assert "of 10 chips" in shown
    assert "chips/s" in shown


@pytest.mark.parametrize("interrupted", [True, False])
def test_an_interruption_that_comes_out_as_another_error_is_one(monkeypatch, interrupted) -> None:
    def meddle() -> None:
        try:
            if interrupted:
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            pass
        raise SystemError("bad argument to internal function")

    monkeypatch.setattr("landcover.catalogue.plugins", meddle)
    monkeypatch.setattr("landcover.cli.interrupt.PATIENCE", 60.0)
    # what runs in the background may ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = CliRunner().invoke(main, ["models"])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert isinstance(result.exception, SystemExit if interrupted else SystemError)
    assert result.stderr == ("Interrupted: no output is left half-written\n" if interrupted else "")


def test_where_a_run_cannot_stop_at_once_it_is_said_that_it_will(monkeypatch) -> None:
    def compute() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            # as if it were raised only now
            assert said.wait(60)
            raise

    def echo(text: str, err: bool) -> None:
        plain(text, err=err)
        said.set()

    said, plain = Event(), click.echo
    monkeypatch.setattr("landcover.cli.interrupt.click", SimpleNamespace(echo=echo))
    monkeypatch.setattr("landcover.cli.interrupt.PATIENCE", 0.0)
    monkeypatch.setattr("landcover.catalogue.plugins", compute)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = CliRunner().invoke(main, ["models"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    assert result.stderr.splitlines() == [
        "Stopping, as soon as the step at work is done", "Interrupted: no output is left half-written",
    ]  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="pipes are another matter there")
def test_nobody_has_to_read_to_the_end() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "landcover", "models"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")
